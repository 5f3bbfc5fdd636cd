package directory

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Order is what a list is ordered by.
type Order string

// The orders. Users who are equal in one are ordered by id.
const (
	ByName   Order = "name"    // SortName
	ByChange Order = "changed" // Version, the newest first
)

// Cursor is a place in the list of a workspace's users, in either order. It
// names a user, not a number of rows, so that paging neither repeats nor skips
// anybody while others come, go and change.
type Cursor struct {
	SortName string
	Version  Version
	ID       string
}

// CursorOf returns the place of u.
func CursorOf(u User) Cursor { return Cursor{u.SortName, u.Version, u.ID} }

// Compare returns -1 if c comes before d in that order, 1 if after, 0 if they are one place.
func (o Order) Compare(c, d Cursor) int {
	if o == ByChange {
		return cmp.Or(cmp.Compare(d.Version, c.Version), cmp.Compare(d.ID, c.ID))
	}
	return cmp.Or(cmp.Compare(c.SortName, d.SortName), cmp.Compare(c.ID, d.ID))
}

// String returns c as text for a URL.
func (c Cursor) String() string {
	b, err := json.Marshal([]any{c.SortName, c.Version, c.ID})
	if err != nil {
		panic(err) // strings and a number can always be encoded
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of [Cursor.String], and takes nothing else. An error wraps [ErrInvalid].
func ParseCursor(text string) (c Cursor, err error) {
	parts := []any{&c.SortName, &c.Version, &c.ID}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &parts) != nil || len(parts) != 3 ||
		ValidateID("id", c.ID) != nil || len(c.SortName) > maxSortName+utf8.UTFMax || c.String() != text {
		return Cursor{}, fmt.Errorf("%w: not a cursor", ErrInvalid)
	}
	return c, nil
}

// PageRequest asks for at most Limit of the users whom Filter lets through,
// after or before a place; for the first ones if both are nil. At most one may be set.
type PageRequest struct {
	Filter        Filter
	Order         Order // ByName if empty
	Limit         int
	After, Before *Cursor
}

// Page is a part of the list. Prev and Next are what to ask for Before and
// After to get its neighbours, nil where there are none. It may have fewer
// users than asked for, and neighbours all the same.
type Page struct {
	Users      []User
	Prev, Next *Cursor
}

// NewPage makes the answer to req from the rows that a store found walking away
// from the place that req names, which it should ask for one more of than Limit.
func NewPage(req PageRequest, rows []User) Page {
	if len(rows) > req.Limit {
		rows = rows[:req.Limit]
		stopped := CursorOf(rows[len(rows)-1])
		return NewPartialPage(req, rows, &stopped)
	}
	return NewPartialPage(req, rows, nil)
}

// NewPartialPage makes the answer to req from the rows that a store found, which
// stopped looking at a place before the end; nil if it came to the end.
func NewPartialPage(req PageRequest, rows []User, stopped *Cursor) Page {
	if req.Before != nil {
		slices.Reverse(rows)
	}
	p := Page{Users: rows}
	if len(rows) == 0 && stopped == nil { // all who were there have gone: the way back stays open
		p.Prev, p.Next = req.After, req.Before
		return p
	}
	at := func(i int, other *Cursor) *Cursor {
		if len(rows) == 0 {
			return other
		}
		c := CursorOf(rows[i])
		return &c
	}
	switch {
	case req.Before != nil:
		p.Next, p.Prev = at(len(rows)-1, req.Before), stopped
	case req.After != nil:
		p.Prev, p.Next = at(0, req.After), stopped
	default:
		p.Next = stopped
	}
	return p
}
