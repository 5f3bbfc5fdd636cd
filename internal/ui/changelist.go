package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
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
		return l, fmt.Errorf("%w: after and before exclude each other", directory.ErrInvalid)
	}
	if l.req.After, err = parsePlace(after); err != nil {
		return l, err
	}
	l.req.Before, err = parsePlace(before)
	return l, err
}

// parseDay returns the start of a day like "2022-03-30" in UTC, and the zero time for "".
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

// parsePlace returns nil for "".
func parsePlace(text string) (*directory.RecordCursor, error) {
	if text == "" {
		return nil, nil
	}
	c, err := directory.ParseRecordCursor(text)
	if err != nil {
		return nil, err
	}
	if c.ID == "" || c.WrittenAt.Year() < minYear || c.WrittenAt.Year() > maxYear {
		return nil, fmt.Errorf("%w: not a cursor", directory.ErrInvalid)
	}
	return &c, nil
}

// requestedChanges returns the list that an address asks for, and its workspace. See [handler.workspace] for errors.
func (h *handler) requestedChanges(r *http.Request, view string) (changeList, directory.Workspace, error) {
	q, err := query(r)
	if err != nil {
		return changeList{}, directory.Workspace{}, err
	}
	l, err := parseChanges(q)
	if err != nil {
		return l, directory.Workspace{}, err
	}
	current, err := h.workspace(r, view, l.teamID)
	l.teamID = current.ID
	return l, current, err
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

// backwards reports whether the last day is before the first one.
func (l changeList) backwards() bool {
	f := l.req.Filter
	return !f.Oldest.IsZero() && !f.Latest.IsZero() && !f.Oldest.Before(f.Latest)
}

// filtered reports whether the list leaves out any changes.
func (l changeList) filtered() bool {
	return l.req.Filter.UserID != "" || l.oldest != "" || l.latest != "" || len(l.req.Filter.Types) > 0
}

// shows reports whether a record is in the list.
func (l changeList) shows(r directory.Record) bool {
	f := l.req.Filter
	return (len(f.Types) == 0 || slices.Contains(f.Types, r.Type)) && (f.UserID == "" || r.UserID == f.UserID) &&
		(f.Oldest.IsZero() || !r.WrittenAt.Before(f.Oldest)) && (f.Latest.IsZero() || r.WrittenAt.Before(f.Latest))
}

// shown returns the audit entry of the list. It always names a person who was asked for by id.
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
