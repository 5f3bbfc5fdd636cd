package ui

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rollcall/internal/directory"
)

const (
	// pageSize is how many people a page of the list has.
	pageSize      = 50
	maxQueryBytes = 500
	// maxZoneBytes is well above the longest of IANA's names.
	maxZoneBytes = 100
	// maxZonesBytes is room for as many time zones as a filter can have.
	maxZonesBytes = 4_000
	// everybody is the value of "show" that includes deactivated people.
	everybody = "all"
	// maxFrom is more people than a workspace has.
	maxFrom = 10_000_000
)

// listRequest is what the address of a list asks for.
type listRequest struct {
	teamID string
	query  string
	cols   []string // keys of columns; none for the usual ones
	from   int      // how many people come before the page, if its address is right
	req    directory.PageRequest
}

// query returns the parameters of an address. It refuses what is not encoded properly:
// [url.URL.Query] would drop it, and the list would show more than was asked for.
func query(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: parameters cannot be decoded", directory.ErrInvalid)
	}
	for _, all := range values {
		if slices.ContainsFunc(all, func(v string) bool { return !utf8.ValidString(v) }) { // no store accepts them
			return nil, fmt.Errorf("%w: parameters are not UTF-8", directory.ErrInvalid)
		}
	}
	return values, nil
}

// requested returns the list that an address asks for, and its workspace. See [handler.workspace] for errors.
func (h *handler) requested(r *http.Request, view string) (listRequest, directory.Workspace, error) {
	l, err := listRequestOf(r)
	if err != nil {
		return l, directory.Workspace{}, err
	}
	current, err := h.workspace(r, view, l.teamID)
	l.teamID = current.ID
	return l, current, err
}

// workspace returns the one that an address names, or the first one. It fails with
// [directory.ErrNotFound], and audits that, if the viewer sees no such workspace.
func (h *handler) workspace(r *http.Request, view, teamID string) (directory.Workspace, error) {
	_, current, err := h.current(r.Context(), teamID)
	if err == nil && current.ID == "" {
		err = directory.ErrNotFound
	}
	if err != nil {
		h.missing(r, view, teamID, "", err)
	}
	return current, err
}

func listRequestOf(r *http.Request) (listRequest, error) {
	values, err := query(r)
	if err != nil {
		return listRequest{}, err
	}
	return parseListRequest(values)
}

// parseListRequest reads the parameters q, show, kind, tz, sort, cols, after, before and from, and those
// whose names are the ids of custom fields.
// Without show, deactivated people are left out.
func parseListRequest(values url.Values) (listRequest, error) {
	l := listRequest{teamID: values.Get("team"), query: values.Get("q"), req: directory.PageRequest{Limit: pageSize}}
	if len(l.query) > maxQueryBytes {
		return l, fmt.Errorf("%w: query of %d bytes", directory.ErrInvalid, len(l.query))
	}
	zones, err := parseZones(values.Get("tz"))
	if err != nil {
		return l, err
	}
	if l.cols, err = parseColumns(values["cols"]); err != nil {
		return l, err
	}
	if l.from, err = parseFrom(values.Get("from")); err != nil {
		return l, err
	}
	f := &l.req.Filter
	*f = directory.Filter{Words: directory.ParseQuery(l.query), AccountStatus: directory.AccountStatus(values.Get("show")),
		Group: directory.Group(values.Get("kind")), TimeZones: zones}
	switch f.AccountStatus {
	case "":
		f.AccountStatus = directory.Active
	case everybody:
		f.AccountStatus = ""
	}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if value := values.Get(id); isField(id) && value != "" {
			f.Fields = append(f.Fields, directory.FieldFilter{ID: id, Value: value})
		}
	}
	if l.req.Order, err = parseOrder(values.Get("sort")); err != nil {
		return l, err
	}
	after, before := values.Get("after"), values.Get("before")
	if after != "" && before != "" {
		return l, fmt.Errorf("%w: after and before exclude each other", directory.ErrInvalid)
	}
	for text, place := range map[string]**directory.Cursor{after: &l.req.After, before: &l.req.Before} {
		if text == "" {
			continue
		}
		c, err := directory.ParseCursor(text)
		if err != nil {
			return l, err
		}
		*place = &c
	}
	return l, f.Validate()
}

// parseZones reads time zones between commas, which no name has. They are sorted, so that a choice has one address.
func parseZones(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxZonesBytes {
		return nil, fmt.Errorf("%w: time zones of %d bytes", directory.ErrInvalid, len(text))
	}
	zones := strings.Split(text, ",")
	for _, zone := range zones {
		if len(zone) > maxZoneBytes {
			return nil, fmt.Errorf("%w: time zone of %d bytes", directory.ErrInvalid, len(zone))
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// joinZones is the inverse of [parseZones].
func joinZones(zones []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(zones))), ",")
}

// parseOrder reads an order. Addresses from older releases name the order of versions. Few people mean that one, so
// they get the order of Slack's own updates.
func parseOrder(text string) (directory.Order, error) {
	switch order := directory.Order(text); {
	case order == "":
		return directory.ByName, nil
	case order == directory.ByChange:
		return directory.ByUpdated, nil
	case slices.Contains(directory.Orders, order):
		return order, nil
	default:
		return "", fmt.Errorf("%w: order %q", directory.ErrInvalid, order)
	}
}

// parseFrom reads how many people come before a page.
func parseFrom(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxFrom {
		return 0, fmt.Errorf("%w: not a number of people", directory.ErrInvalid)
	}
	return n, nil
}

// values are the parameters of the list's address, without defaults and without a place in the list.
func (l listRequest) values() url.Values {
	v := url.Values{}
	set := func(key, value, byDefault string) {
		if value != byDefault {
			v.Set(key, value)
		}
	}
	show := string(l.req.Filter.AccountStatus)
	if show == "" {
		show = everybody
	}
	set("team", l.teamID, "")
	set("q", l.query, "")
	set("show", show, string(directory.Active))
	set("kind", string(l.req.Filter.Group), "")
	set("tz", joinZones(l.req.Filter.TimeZones), "")
	for _, f := range l.req.Filter.Fields {
		set(f.ID, f.Value, "")
	}
	set("sort", string(l.req.Order), string(directory.ByName))
	set("cols", strings.Join(l.cols, ","), "")
	return v
}

// beyondForm are the parameters that the search form has no field for.
func (l listRequest) beyondForm() iter.Seq2[string, string] {
	return pairs(l.values(), "sort", "cols")
}

// beyondColumns are the parameters that a choice of columns keeps.
func (l listRequest) beyondColumns() iter.Seq2[string, string] {
	v := l.values()
	v.Del("cols")
	return pairs(v, slices.Sorted(maps.Keys(v))...)
}

// pairs yields those of the names that v has, with their values.
func pairs(v url.Values, names ...string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, name := range names {
			if v.Has(name) && !yield(name, v.Get(name)) {
				return
			}
		}
	}
}

func (l listRequest) address(path string, more ...string) string {
	return addressOf(path, l.values(), more...)
}

// addressOf returns an address with the parameters in v and those in more, which holds names and values in turn.
func addressOf(path string, v url.Values, more ...string) string {
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	u := url.URL{Path: path, RawQuery: v.Encode()}
	return u.String()
}

// pageAddress is the address of the page at a cursor; empty without a cursor. from is how many people come before it.
func (l listRequest) pageAddress(direction string, c *directory.Cursor, from int) string {
	if c == nil {
		return ""
	}
	return l.address("/", direction, c.String(), "from", strconv.Itoa(from))
}
