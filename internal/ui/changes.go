package ui

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/ui/live"
)

// changesPageSize is how many records a page has.
const changesPageSize = 50

// minYear and maxYear bound the days that can be asked for. Firestore knows no time after 9999.
const minYear, maxYear = 1970, 9998

// changeList is what the address of a list of changes asks for.
type changeList struct {
	teamID         string
	oldest, latest string // days in UTC, both included; "" for no limit
	req            directory.RecordPageRequest
}

// parseChanges reads the parameters team, type (any number), user, oldest, latest, after and before.
func parseChanges(q url.Values) (changeList, error) {
	l := changeList{teamID: q.Get("team"), oldest: q.Get("oldest"), latest: q.Get("latest"), req: directory.RecordPageRequest{Limit: changesPageSize}}
	f := &l.req.Filter
	asked := slices.DeleteFunc(slices.Clone(q["type"]), func(t string) bool { return t == "" })
	for _, t := range directory.RecordTypes {
		if slices.Contains(asked, string(t)) {
			f.Types = append(f.Types, t)
		}
	}
	for _, t := range asked {
		if !slices.Contains(directory.RecordTypes, directory.RecordType(t)) {
			return l, fmt.Errorf("%w: no such type of change", directory.ErrInvalid)
		}
	}
	if f.UserID = q.Get("user"); f.UserID != "" {
		if err := directory.ValidateID("user", f.UserID); err != nil {
			return l, err
		}
	}
	var err error
	if f.Oldest, err = parseDay(l.oldest); err != nil {
		return l, err
	}
	if f.Latest, err = parseDay(l.latest); err != nil {
		return l, err
	}
	if !f.Latest.IsZero() {
		f.Latest = f.Latest.AddDate(0, 0, 1)
	}
	after, before := q.Get("after"), q.Get("before")
	if after != "" && before != "" {
		return l, fmt.Errorf("%w: after and before", directory.ErrInvalid)
	}
	if l.req.After, err = parsePlace(after); err != nil {
		return l, err
	}
	l.req.Before, err = parsePlace(before)
	return l, err
}

// parseDay returns the start of a day like "2022-03-30" in UTC, and the zero time of "".
func parseDay(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < minYear || day.Year() > maxYear {
		return time.Time{}, fmt.Errorf("%w: not a day", directory.ErrInvalid)
	}
	return day, nil
}

// parsePlace returns nil of "".
func parsePlace(text string) (*directory.RecordCursor, error) {
	if text == "" {
		return nil, nil
	}
	c, err := directory.ParseRecordCursor(text)
	if err != nil {
		return nil, err
	}
	if c.ID == "" || c.WrittenAt.Year() < minYear || c.WrittenAt.Year() > maxYear {
		return nil, fmt.Errorf("%w: a cursor of no record", directory.ErrInvalid)
	}
	return &c, nil
}

// requestedChanges returns the list that an address asks for, with its workspace filled in. It fails
// with [directory.ErrNotFound], and audits that, if the viewer sees no such workspace.
func (h *handler) requestedChanges(r *http.Request, view string) (changeList, directory.Workspace, error) {
	q, err := query(r)
	if err != nil {
		return changeList{}, directory.Workspace{}, err
	}
	l, err := parseChanges(q)
	if err != nil {
		return l, directory.Workspace{}, err
	}
	_, current, err := h.current(r.Context(), l.teamID)
	if err == nil && current.ID == "" {
		err = directory.ErrNotFound
	}
	if err != nil {
		h.missing(r, view, l.teamID, "", err)
		return l, current, err
	}
	l.teamID = current.ID
	return l, current, nil
}

// values are the parameters of the list's address, without a place in the list.
func (l changeList) values() url.Values {
	v := url.Values{}
	for key, value := range map[string]string{"team": l.teamID, "user": l.req.Filter.UserID, "oldest": l.oldest, "latest": l.latest} {
		if value != "" {
			v.Set(key, value)
		}
	}
	for _, t := range l.req.Filter.Types {
		v.Add("type", string(t))
	}
	return v
}

func (l changeList) address(path string, more ...string) string {
	return addressOf(path, l.values(), more...)
}

func (l changeList) pageAddress(direction string, c *directory.RecordCursor) string {
	if c == nil {
		return ""
	}
	return l.address("/changes", direction, c.String())
}

// filtered reports whether the list leaves out any changes.
func (l changeList) filtered() bool {
	return l.req.Filter.UserID != "" || l.oldest != "" || l.latest != "" || len(l.req.Filter.Types) > 0
}

// ofEverybody is the same list without a person.
func (l changeList) ofEverybody() string {
	l.req.Filter.UserID = ""
	return l.address("/changes")
}

// shows reports whether a record is in the list.
func (l changeList) shows(r directory.Record) bool {
	f := l.req.Filter
	return (len(f.Types) == 0 || slices.Contains(f.Types, r.Type)) && (f.UserID == "" || r.UserID == f.UserID) &&
		(f.Oldest.IsZero() || !r.WrittenAt.Before(f.Oldest)) && (f.Latest.IsZero() || r.WrittenAt.Before(f.Latest))
}

// shown returns the audit entry of the list. Somebody who is asked for by id is named in any case.
func (l changeList) shown(r *http.Request, view string) audit.Entry {
	e := shown(r, view, l.teamID)
	e.Filters = map[string]string{}
	for name, values := range l.values() {
		if name != "team" {
			e.Filters[name] = strings.Join(values, " ")
		}
	}
	if l.req.Filter.UserID != "" {
		e.UserIDs = []string{l.req.Filter.UserID}
	}
	return e
}

// noHistory says why there may be no records.
const noHistory = "Rollcall records changes after the first full sync, unless HISTORY_DAYS is 0."

type changesView struct {
	chrome
	changeList
	Types      []choiceOption
	Who        subject // if the list is of one person
	Rows       []changeRow
	Prev, Next string // addresses, empty where there are none
	Live       string
	CSV, JSON  string
}

// subject is somebody whom a record is about. Of those who are not in the directory, or not any more, only the id is shown.
type subject struct {
	ID, Name, URL string // URL is "" if there is no page
	Avatar        avatar
}

// changeRow is one record in the list.
type changeRow struct {
	told
	ID, Key, Place string // Key sorts, Place is the cursor
	Erases         bool
	Who            subject
}

func (h *handler) changes(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	q, err := query(r)
	if err != nil {
		return nil, err
	}
	l, err := parseChanges(q)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, l.teamID)
	if err != nil {
		h.missing(r, "changes", l.teamID, "", err)
		return nil, err
	}
	view := changesView{chrome: h.chrome(r, workspaces, current), Types: typeOptions(l.req.Filter.Types)}
	view.chrome.Title = "Changes in " + firstNonEmpty(workspaceName(current), "the directory")
	for i := range view.Workspaces {
		view.Workspaces[i].URL = changeList{teamID: workspaces[i].ID}.address("/changes")
	}
	l.teamID = current.ID
	view.changeList = l
	if current.ID == "" {
		return layout(view.chrome, changes(view)), nil // nothing is here yet
	}
	since := h.records.Position(current.ID) // before the page is read, so that no record is missed
	page, err := h.Store.Records(ctx, current.ID, l.req)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	who, err := h.whoIn(ctx, current.ID, page.Records, l.req.Filter.UserID)
	if err != nil {
		return nil, err
	}
	e := l.shown(r, "changes")
	e.Count = len(page.Records)
	labels := h.labels(ctx, current.ID)
	for _, record := range page.Records {
		e.UserIDs = audit.Add(e.UserIDs, record.UserID)
		view.Rows = append(view.Rows, newChangeRow(record, who, labels))
	}
	h.Audit.Shown(ctx, e)
	view.Who = who[l.req.Filter.UserID]
	view.Prev, view.Next = l.pageAddress("before", page.Prev), l.pageAddress("after", page.Next)
	view.Live = l.address("/changes/events", "since", since)
	view.CSV, view.JSON = l.address("/changes.csv"), l.address("/changes.json")
	return layout(view.chrome, changes(view)), nil
}

func typeOptions(selected []directory.RecordType) (all []choiceOption) {
	for _, t := range directory.RecordTypes {
		all = append(all, choiceOption{string(t), typeNames[t], slices.Contains(selected, t)})
	}
	return all
}

// whoIn looks up the people of some records, and those with further ids, at once.
func (h *handler) whoIn(ctx context.Context, teamID string, records []directory.Record, more ...string) (map[string]subject, error) {
	who := map[string]subject{}
	for _, id := range more {
		if id != "" {
			who[id] = subject{ID: id, Avatar: avatar{Initials: "?"}}
		}
	}
	for _, r := range records {
		who[r.UserID] = subject{ID: r.UserID, Avatar: avatar{Initials: "?"}}
	}
	if len(who) == 0 {
		return nil, nil
	}
	ids := make([]string, 0, len(who))
	for id := range who {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	users, err := h.Store.UsersByID(ctx, teamID, ids)
	if err != nil {
		return nil, fmt.Errorf("people of records: %w", err)
	}
	for _, u := range users {
		p := who[u.ID]
		p.URL = userAddress(teamID, u.ID)
		if !u.Removed && u.Kind != directory.Forgotten {
			p.Name = firstNonEmpty(u.RealName, u.DisplayName, u.Name)
			p.Avatar = avatar{h.image(u.Image72), initials(u)}
		}
		who[u.ID] = p
	}
	return who, nil
}

func newChangeRow(r directory.Record, who map[string]subject, labels map[string]string) changeRow {
	return changeRow{told: tell(r, labels), ID: r.ID, Key: fmt.Sprintf("%020d", r.WrittenAt.UnixMicro()), Place: directory.RecordCursorOf(r).String(),
		Erases: r.Type == directory.UserForgotten, Who: who[r.UserID]}
}

// renderRecords renders the rows of the list of changes.
func (h *handler) renderRecords(ctx context.Context, records []directory.Record) ([]live.Row, error) {
	teamID := records[0].TeamID // all are of one workspace
	who, err := h.whoIn(ctx, teamID, records)
	if err != nil {
		return nil, err
	}
	labels := h.labels(ctx, teamID)
	rows := make([]live.Row, len(records))
	for i, r := range records {
		row := newChangeRow(r, who, labels)
		var b bytes.Buffer
		if err := changeTableRow(row).Render(ctx, &b); err != nil {
			return nil, err
		}
		rows[i] = live.Row{ID: r.ID, UserID: r.UserID, HTML: b.String(), Erases: row.Erases}
	}
	return rows, nil
}

// recordEvents streams the new records of one list of changes.
func (h *handler) recordEvents(w http.ResponseWriter, r *http.Request) {
	l, _, err := h.requestedChanges(r, "changes_live")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	stream(h, w, r, h.records, l.teamID, l.shown(r, "changes_live"), l.shows, func(record directory.Record) string { return record.UserID })
}

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
	return pages[exportedRecord]{workspace, "changes", l.shown(r, view), next, func(e exportedRecord) string { return e.UserID }}, nil
}

// recordColumns have the names of a record's fields, and the person's name today.
var recordColumns = []string{"at_utc", "type", "user_id", "real_name", "changed", "before", "after", "source", "written_at_utc", "id", "team_id"}

func recordCells(e exportedRecord) []string {
	return []string{e.At.UTC().Format(time.DateTime), string(e.Type), e.UserID, e.name, strings.Join(e.Changed, " "), string(e.Before), string(e.After),
		string(e.Source), e.WrittenAt.UTC().Format(time.DateTime), e.ID, e.TeamID}
}

// recordObject is a record as it is stored, but for when it expires.
func recordObject(e exportedRecord) any {
	return struct {
		directory.Record
		ExpireAt *struct{} `json:"expire_at,omitempty"`
	}{Record: e.Record}
}

// changesPerDay is the chart of the last days, with one count for each.
func (h *handler) changesPerDay(ctx context.Context, teamID string) (chart, error) {
	days := make([]bar, chartDays)
	today := h.Now().UTC().Truncate(24 * time.Hour)
	counting, counts := errgroup.WithContext(ctx)
	for i := range days {
		from := today.AddDate(0, 0, i+1-chartDays)
		day := from.Format(time.DateOnly)
		days[i] = bar{Label: from.Format("2 Jan"), URL: changeList{teamID: teamID, oldest: day, latest: day}.address("/changes")}
		counting.Go(func() (err error) {
			days[i].Value, err = h.Store.CountRecords(counts, teamID, directory.RecordFilter{Oldest: from, Latest: from.AddDate(0, 0, 1)})
			return err
		})
	}
	if err := counting.Wait(); err != nil {
		return chart{}, err
	}
	c := newChart("Changes per day", "Recorded changes by day (UTC).", true, days)
	c.More = changeList{teamID: teamID}.address("/changes")
	if slices.ContainsFunc(days, func(b bar) bool { return b.Value > 0 }) {
		return c, nil
	}
	page, err := h.Store.Records(ctx, teamID, directory.RecordPageRequest{Limit: 1})
	if err == nil && len(page.Records) == 0 {
		c.Note, c.Bars = noHistory, nil
	}
	return c, err
}
