package ui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/directory"
)

// column is a column of the list of people, besides the one with their names.
type column struct{ Key, Label string }

// Keys of the columns that need more than their text.
const (
	personColumn  = "person" // always the first, and never optional
	statusColumn  = "status"
	timeColumn    = "time"
	emailColumn   = "email"
	changedColumn = "changed"
)

// listColumns are the columns of every workspace, in the order of the list. Custom fields come before the last one.
var listColumns = []column{
	{statusColumn, "Status"},
	{timeColumn, "Local time"},
	{emailColumn, "E-mail"},
	{"phone", "Phone"},
	{"name", "Username"},
	{"title", "Title"},
	{"kind", "Kind"},
	{"tz", "Time zone"},
	{"id", "ID"},
	{changedColumn, "Changed"},
}

// usualColumns are those of a list whose address chooses none.
var usualColumns = []string{statusColumn, timeColumn, emailColumn, changedColumn}

// maxColumnsBytes bounds the choice in an address.
const maxColumnsBytes = 2000

// parseColumns reads the values of the parameter cols: keys of columns, each as a separate value, as a form
// sends them, or separated by commas. No keys mean the usual columns; the person's key alone means no others.
func parseColumns(values []string) (keys []string, err error) {
	text := strings.Join(values, ",")
	if len(text) > maxColumnsBytes {
		return nil, fmt.Errorf("%w: columns of %d bytes", directory.ErrInvalid, len(text))
	}
	for key := range strings.SplitSeq(text, ",") {
		switch {
		case key == "" || slices.Contains(keys, key):
		case key == personColumn || isColumn(key) || isField(key):
			keys = append(keys, key)
		default:
			return nil, fmt.Errorf("%w: no such column", directory.ErrInvalid)
		}
	}
	if len(keys) > 1 {
		keys = slices.DeleteFunc(keys, func(key string) bool { return key == personColumn })
	}
	return inOrder(keys), nil
}

// usualAddress leads to the same list with the usual columns.
func (l listRequest) usualAddress() string {
	l.cols = nil
	return l.address("/")
}

func isColumn(key string) bool {
	return slices.ContainsFunc(listColumns, func(c column) bool { return c.Key == key })
}

// isField reports whether a key may be the id of a custom field. One that is no longer defined is not the viewer's mistake.
func isField(key string) bool {
	return directory.Filter{Fields: []directory.FieldFilter{{ID: key}}}.Validate() == nil
}

// inOrder sorts keys as lists show them, so that one choice has one address.
func inOrder(keys []string) []string {
	place := func(key string) int {
		if i := slices.IndexFunc(listColumns, func(c column) bool { return c.Key == key }); i >= 0 {
			return i
		}
		return len(listColumns)
	}
	return slices.SortedFunc(slices.Values(keys), func(a, b string) int { return cmp.Or(place(a)-place(b), cmp.Compare(a, b)) })
}

// columns are all that a list can show.
func (p profile) columns() []column {
	last := len(listColumns) - 1
	all := slices.Clone(listColumns[:last])
	for _, f := range p.Visible() {
		all = append(all, column{f.ID, f.Label})
	}
	return append(all, listColumns[last])
}

// chosen are the columns that the list shows.
func (l listRequest) chosen(all []column) (chosen []column) {
	keys := l.cols
	if len(keys) == 0 {
		keys = usualColumns
	}
	for _, c := range all {
		if slices.Contains(keys, c.Key) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// rows returns the rows of users, with the custom fields among the columns. A field that names people costs a
// read for each of them.
func (h *handler) rows(ctx context.Context, teamID string, users []directory.User, columns []column, p profile) ([]row, error) {
	rows := make([]row, len(users))
	for i, u := range users {
		rows[i] = h.row(ctx, u)
	}
	if !slices.ContainsFunc(columns, func(c column) bool { return isField(c.Key) }) {
		return rows, nil
	}
	var ids []string
	for i, u := range users {
		rows[i].Fields = map[string]cell{}
		for _, v := range p.Of(u) {
			if !slices.ContainsFunc(columns, func(c column) bool { return c.Key == v.ID }) {
				continue
			}
			c := cell{Text: firstNonEmpty(v.Alt, v.Value)}
			switch v.Field.Type {
			case directory.UserField:
				ids = append(ids, v.People()...)
			case directory.DateField:
				c.Text = writtenDay(c.Text)
			case directory.LinkField:
				c.Link = safeLink(v.Value)
			}
			rows[i].Fields[v.ID] = c
		}
	}
	if len(ids) == 0 {
		return rows, nil
	}
	slices.Sort(ids)
	people, err := h.Store.UsersByID(ctx, teamID, slices.Compact(ids))
	if err != nil {
		return nil, fmt.Errorf("people in custom fields: %w", err)
	}
	named := map[string]directory.User{}
	for _, u := range people {
		named[u.ID] = u
	}
	for i := range rows {
		for id, c := range rows[i].Fields {
			if p.typeOf(id) == directory.UserField {
				rows[i].Fields[id] = cell{Text: namesIn(c.Text, namesOf(named)), People: strings.Join(peopleIn(c.Text), " ")}
			}
		}
	}
	return rows, nil
}
