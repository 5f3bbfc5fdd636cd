package directory

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Order is the order of a list.
type Order string

// The orders. Ties are ordered by id.
const (
	ByName            Order = "name" // SortName
	ByNameReversed    Order = "name-desc"
	ByUpdated         Order = "updated" // Updated, Slack's own time; the newest first
	ByUpdatedReversed Order = "updated-asc"
	ByChange          Order = "changed" // Version, the newest first
)

// Orders are all orders.
var Orders = []Order{ByName, ByNameReversed, ByUpdated, ByUpdatedReversed, ByChange}

// Base returns the order that o is, or whose reverse it is. The zero Order is [ByName].
func (o Order) Base() (base Order, reversed bool) {
	switch o {
	case "":
		return ByName, false
	case ByNameReversed:
		return ByName, true
	case ByUpdatedReversed:
		return ByUpdated, true
	}
	return o, false
}

// Descends reports whether the highest value comes first.
func (o Order) Descends() bool {
	base, reversed := o.Base()
	return (base != ByName) != reversed
}

// Cursor is a position in a list of users, in any order. It names a user, not a
// row number, so paging neither repeats nor skips anybody while others come, go
// and change.
type Cursor struct {
	SortName string
	Version  Version
	ID       string
	Updated  int64
}

// CursorOf returns u's position.
func CursorOf(u User) Cursor { return Cursor{u.SortName, u.Version, u.ID, u.Updated} }

// Compare returns -1 if c comes before d in this order, 1 if after, and 0 if they are equal.
func (o Order) Compare(c, d Cursor) int {
	base, _ := o.Base()
	if o.Descends() {
		c, d = d, c
	}
	switch base {
	case ByChange:
		return cmp.Or(cmp.Compare(c.Version, d.Version), cmp.Compare(c.ID, d.ID))
	case ByUpdated:
		return cmp.Or(cmp.Compare(c.Updated, d.Updated), cmp.Compare(c.ID, d.ID))
	}
	return cmp.Or(cmp.Compare(c.SortName, d.SortName), cmp.Compare(c.ID, d.ID))
}

// String returns c as text for a URL. Releases without Updated wrote only the first three values.
func (c Cursor) String() string {
	values := []any{c.SortName, c.Version, c.ID}
	if c.Updated != 0 {
		values = append(values, c.Updated)
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // a string and numbers can always be encoded
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of [Cursor.String], and takes nothing else. An error wraps [ErrInvalid].
func ParseCursor(text string) (c Cursor, err error) {
	parts := []any{&c.SortName, &c.Version, &c.ID, &c.Updated}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &parts) != nil || len(parts) < 3 || len(parts) > 4 ||
		ValidateID("id", c.ID) != nil || len(c.SortName) > maxSortName+utf8.UTFMax || c.String() != text {
		return Cursor{}, fmt.Errorf("%w: not a cursor", ErrInvalid)
	}
	return c, nil
}

// PageRequest asks for at most Limit users who match Filter, after or before a
// cursor, or from the beginning. At most one of After and Before may be set.
type PageRequest struct {
	Filter        Filter
	Order         Order // ByName if empty
	Limit         int
	After, Before *Cursor
	// Bare asks for no row beyond Limit. Then nobody can tell whether
	// more follow, so the page after the last may be empty.
	Bare bool
}

// Rows is how many rows a store has to read for [NewPage].
func (r PageRequest) Rows() int {
	if r.Bare {
		return r.Limit
	}
	return r.Limit + 1
}

// Page is a part of a list. Prev and Next are the cursors to ask for Before and
// After to get the neighbouring pages, nil if there are none. A page may have
// fewer users than the limit and still have neighbours.
type Page struct {
	Users      []User
	Prev, Next *Cursor
}

// NewPage builds a page from rows in query order. Fetch [PageRequest.Rows] of them, so that it can
// tell whether more follow.
func NewPage(req PageRequest, rows []User) Page {
	if req.Bare && len(rows) > 0 && len(rows) == req.Limit {
		last := CursorOf(rows[len(rows)-1])
		return NewPartialPage(req, rows, &last)
	}
	rows, stopped := cut(rows, req.Limit, CursorOf)
	return NewPartialPage(req, rows, stopped)
}

// NewPartialPage builds a page from rows in query order. If the store stopped before
// the end, stopped is the cursor of the last row that it read; otherwise nil.
func NewPartialPage(req PageRequest, rows []User, stopped *Cursor) Page {
	prev, next := neighbours(req.After, req.Before, rows, stopped, CursorOf)
	return Page{rows, prev, next}
}

// cut returns the first limit rows and, if there are more, the cursor of the last of them.
func cut[Row, Cursor any](rows []Row, limit int, of func(Row) Cursor) ([]Row, *Cursor) {
	if len(rows) <= limit {
		return rows, nil
	}
	stopped := of(rows[limit-1])
	return rows[:limit], &stopped
}

// neighbours puts rows, which are in query order, into the order of the page, and
// returns the cursors of the pages before and after it.
func neighbours[Row, Cursor any](after, before *Cursor, rows []Row, stopped *Cursor, of func(Row) Cursor) (prev, next *Cursor) {
	if before != nil {
		slices.Reverse(rows)
	}
	if len(rows) == 0 && stopped == nil { // everything there has gone; keep the way back
		return after, before
	}
	at := func(i int, other *Cursor) *Cursor {
		if len(rows) == 0 {
			return other
		}
		c := of(rows[i])
		return &c
	}
	switch {
	case before != nil:
		return stopped, at(len(rows)-1, before)
	case after != nil:
		return at(0, after), stopped
	}
	return nil, stopped
}
