package ui

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rollcall/internal/directory"
)

// exportedRecord is a record and the person's name today.
type exportedRecord struct {
	directory.Record
	name string
}

// exportedRecords are the pages of a list of changes.
func (h *handler) exportedRecords(r *http.Request, view string) (pages[exportedRecord], error) {
	l, workspace, err := h.requestedChanges(r, view)
	if err != nil {
		return pages[exportedRecord]{}, err
	}
	req := l.req
	req.Limit, req.After, req.Before = exportPageSize, nil, nil
	next := func(ctx context.Context) ([]exportedRecord, bool, error) {
		page, err := h.Store.Records(ctx, l.teamID, req)
		if err != nil {
			return nil, false, fmt.Errorf("records: %w", err)
		}
		who, err := h.whoIn(ctx, l.teamID, page.Records)
		if err != nil {
			return nil, false, err
		}
		rows := make([]exportedRecord, len(page.Records))
		for i, record := range page.Records {
			rows[i] = exportedRecord{record, who[record.UserID].Name}
		}
		req.After = page.Next
		return rows, page.Next != nil, nil
	}
	return pages[exportedRecord]{workspace, "changes", l.shown(r, view), next, func(e exportedRecord) string { return e.UserID }, recordColumns}, nil
}

// recordColumns have the names of a record's fields, and the person's name today.
var recordColumns = []string{"at_utc", "type", "user_id", "real_name", "changed", "before", "after", "source", "written_at_utc", "id", "team_id"}

func recordCells(e exportedRecord) []string {
	return []string{e.At.UTC().Format(time.DateTime), string(e.Type), e.UserID, e.name, strings.Join(e.Changed, " "), string(e.Before), string(e.After),
		string(e.Source), e.WrittenAt.UTC().Format(time.DateTime), e.ID, e.TeamID}
}

// recordObject is a record as it is stored, except for when it expires.
func recordObject(e exportedRecord) any {
	return struct {
		directory.Record
		ExpireAt *struct{} `json:"expire_at,omitempty"`
	}{Record: e.Record}
}
