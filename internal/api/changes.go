package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
	"rollcall/internal/service/audit"
	"rollcall/internal/tokens"
)

// HistoryStore is where changes are read.
type HistoryStore interface {
	// Feed returns the records after a cursor, the oldest first.
	Feed(ctx context.Context, teamID string, req directory.FeedRequest) (directory.Feed, error)
}

// defaultChanges is the limit of changes.list if none is given.
const defaultChanges = 100

// changesList answers changes.list, which Slack does not have: changes of people, the oldest first. The
// cursor is never empty. A program that continues from it each time gets every change once.
func (h *handler) changesList(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	req, err := c.feed()
	if err != nil {
		return answer{}, err
	}
	if err := h.reserve(ctx, c, req.Limit); err != nil {
		return answer{}, err
	}
	feed, err := h.History.Feed(ctx, team, req)
	if err != nil {
		return answer{}, err
	}
	changes := make([]any, len(feed.Records))
	for i, r := range feed.Records {
		if changes[i], err = change(r, c.token); err != nil {
			return answer{}, err
		}
	}
	c.showChanges(feed.Records)
	return ok(member{"changes", changes}, member{"has_more", feed.More}, next(feed.Next.String()))
}

// showChanges records for the audit log whose changes are shown.
func (c *call) showChanges(records []directory.Record) {
	c.shown.TeamID, c.shown.Count = c.teamID, len(records)
	for _, r := range records {
		c.shown.UserIDs = audit.Add(c.shown.UserIDs, r.UserID)
	}
}

// feed returns what changes.list is asked for.
func (c *call) feed() (req directory.FeedRequest, err error) {
	if req.Limit, err = c.args.limit(); err != nil {
		return req, err
	}
	if req.Limit == 0 {
		req.Limit = defaultChanges
	}
	for _, t := range c.args.list("types") {
		if !slices.Contains(directory.RecordTypes, directory.RecordType(t)) {
			return req, errArguments
		}
		if !slices.Contains(req.Filter.Types, directory.RecordType(t)) {
			req.Filter.Types = append(req.Filter.Types, directory.RecordType(t))
		}
	}
	if id := c.args.values["user"]; id != "" {
		if directory.ValidateID("user", id) != nil {
			return req, errUserNotFound
		}
		req.Filter.UserID = id
	}
	if req.Filter.Oldest, err = c.args.time("oldest"); err != nil {
		return req, err
	}
	if req.Filter.Latest, err = c.args.time("latest"); err != nil {
		return req, err
	}
	if cursor := c.args.values["cursor"]; cursor != "" {
		if req.After, err = directory.ParseRecordCursor(cursor); err != nil {
			return req, errCursor
		}
	}
	return req, nil
}

// change returns a record as far as the token may see it.
func change(r directory.Record, t tokens.Token) (any, error) {
	var err error
	if r.Before, err = visibleValues(r.Before, t); err == nil {
		r.After, err = visibleValues(r.After, t)
	}
	if err != nil {
		return nil, fmt.Errorf("stored record: %w", err)
	}
	return struct {
		directory.Record
		ExpireAt *struct{} `json:"expire_at,omitempty"` // only the store needs it
	}{Record: r}, nil
}

// visibleValues are the values before or after a change, by path.
func visibleValues(values json.RawMessage, t tokens.Token) (json.RawMessage, error) {
	email, fields := t.Has(tokens.EmailRead), t.Has(tokens.ProfileRead)
	if len(values) == 0 || email && fields {
		return values, nil
	}
	o, err := ijson.Parse(values)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(o, func(m ijson.Member) bool {
		return !email && m.Name == "profile.email" || !fields && strings.HasPrefix(m.Name, "profile.fields")
	})
	return json.RawMessage(kept.Text()), nil
}
