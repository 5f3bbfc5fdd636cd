package directory

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// Cursor is a place in the list of a workspace's users, which is ordered by
// SortName and then by id. It names a user, not a number of rows, so that
// paging neither repeats nor skips anybody while others come, go and change.
type Cursor struct {
	SortName string
	ID       string
}

// CursorOf returns the place of u.
func CursorOf(u User) Cursor { return Cursor{SortName: u.SortName, ID: u.ID} }

// String returns c as text for a URL.
func (c Cursor) String() string {
	b, err := json.Marshal([2]string{c.SortName, c.ID})
	if err != nil {
		panic(err) // two strings can always be encoded
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of [Cursor.String]. An error wraps [ErrInvalid].
func ParseCursor(text string) (Cursor, error) {
	var parts []string
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &parts) != nil || len(parts) != 2 || parts[1] == "" {
		return Cursor{}, fmt.Errorf("%w: not a cursor", ErrInvalid)
	}
	return Cursor{SortName: parts[0], ID: parts[1]}, nil
}

// PageRequest asks for at most Limit users after or before a place; for the
// first ones if both are nil. At most one may be set.
type PageRequest struct {
	Limit         int
	After, Before *Cursor
}

// Page is a part of the list. Prev and Next are what to ask for Before and
// After to get its neighbours, nil where there are none.
type Page struct {
	Users      []User
	Prev, Next *Cursor
}

// NewPage makes the answer to req from the rows that a store found walking away
// from the place that req names, which it should ask for one more of than Limit.
func NewPage(req PageRequest, rows []User) Page {
	more := len(rows) > req.Limit
	rows = rows[:min(len(rows), req.Limit)]
	if req.Before != nil {
		slices.Reverse(rows)
	}
	p := Page{Users: rows}
	at := func(i int) *Cursor { c := CursorOf(rows[i]); return &c }
	switch {
	case len(rows) == 0: // all who were there have gone: the way back stays open
		p.Prev, p.Next = req.After, req.Before
	case req.Before != nil:
		p.Next = at(len(rows) - 1)
		if more {
			p.Prev = at(0)
		}
	default:
		if req.After != nil {
			p.Prev = at(0)
		}
		if more {
			p.Next = at(len(rows) - 1)
		}
	}
	return p
}
