package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/a-h/templ"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"rollcall/internal/directory"
)

const (
	// pageSize is how many people a page of the table has.
	pageSize = 50
	// longestQuery bounds what somebody may search for, in bytes.
	longestQuery = 500
	// longestZone is well above IANA's names.
	longestZone = 100
	// findForm is the id of the form that searches and filters.
	findForm = "find"
	// everybody is the value of "show" that leaves nobody out.
	everybody = "all"
)

// Counter counts people without reading them.
type Counter interface {
	// Count returns how many users the filter lets through, or, if exact is false, a number that is not less.
	Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error)
	// CountChanged returns how many users' newest message has a version from from to to, to not included.
	CountChanged(ctx context.Context, teamID string, from, to directory.Version) (int, error)
}

// listing is what the address of a list asks for.
type listing struct {
	teamID string
	query  string
	req    directory.PageRequest
}

// query returns the parameters of an address. What is not encoded as it should be
// is refused: [url.URL.Query] would leave it out, and the list would have more than was asked for.
func query(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: parameters cannot be decoded", directory.ErrInvalid)
	}
	for _, all := range values {
		if slices.ContainsFunc(all, func(v string) bool { return !utf8.ValidString(v) }) { // no store would take it
			return nil, fmt.Errorf("%w: parameters are not UTF-8", directory.ErrInvalid)
		}
	}
	return values, nil
}

// listingOf is the list that an address asks for.
func listingOf(r *http.Request) (listing, error) {
	values, err := query(r)
	if err != nil {
		return listing{}, err
	}
	return parseListing(values)
}

// parseListing reads the parameters q, show, kind, tz, sort, after and before.
// Without show those who are deactivated are left out.
func parseListing(values url.Values) (listing, error) {
	l := listing{teamID: values.Get("team"), query: values.Get("q"), req: directory.PageRequest{Limit: pageSize}}
	if len(l.query) > longestQuery {
		return l, fmt.Errorf("%w: query of %d bytes", directory.ErrInvalid, len(l.query))
	}
	if len(values.Get("tz")) > longestZone {
		return l, fmt.Errorf("%w: time zone of %d bytes", directory.ErrInvalid, len(values.Get("tz")))
	}
	f := &l.req.Filter
	*f = directory.Filter{Words: directory.ParseQuery(l.query), AccountStatus: directory.AccountStatus(values.Get("show")),
		Group: directory.Group(values.Get("kind")), TZ: values.Get("tz")}
	switch f.AccountStatus {
	case "":
		f.AccountStatus = directory.Active
	case everybody:
		f.AccountStatus = ""
	}
	switch l.req.Order = directory.Order(values.Get("sort")); l.req.Order {
	case "":
		l.req.Order = directory.ByName
	case directory.ByName, directory.ByChange:
	default:
		return l, fmt.Errorf("%w: order %q", directory.ErrInvalid, l.req.Order)
	}
	after, before := values.Get("after"), values.Get("before")
	if after != "" && before != "" {
		return l, fmt.Errorf("%w: after and before", directory.ErrInvalid)
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

// values are those of the list's address without a place in it; defaults are left out.
func (l listing) values() url.Values {
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
	set("tz", l.req.Filter.TZ, "")
	set("sort", string(l.req.Order), string(directory.ByName))
	return v
}

func (l listing) address(path string, more ...string) string {
	v := l.values()
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	u := url.URL{Path: path, RawQuery: v.Encode()}
	return u.String()
}

func (l listing) pageAddress(direction string, c *directory.Cursor) string {
	if c == nil {
		return ""
	}
	return l.address("/", direction, c.String())
}

func (h *handler) table(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	l, err := listingOf(r)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, l.teamID)
	if err != nil {
		h.missing(r, "list", l.teamID, "", err)
		return nil, err
	}
	view := tableView{chrome: h.chrome(r, workspaces, current), listing: l, Find: l.find(h.timeZones(ctx, current.ID))}
	if current.ID == "" {
		return layout(view.chrome, table(view)), nil // nobody has come yet
	}
	view.listing.teamID = current.ID
	since := h.hub.position(current.ID) // before the page is read, so that nothing is missed
	page, err := h.Store.Users(ctx, current.ID, l.req)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	e := l.shown(r, "list", current.ID)
	e.UserIDs, e.Count = ids(page.Users), len(page.Users)
	h.Audit.Shown(ctx, e)
	for _, u := range page.Users {
		view.Rows = append(view.Rows, h.row(ctx, u))
	}
	l = view.listing
	view.Prev, view.Next = l.pageAddress("before", page.Prev), l.pageAddress("after", page.Next)
	view.Live = l.address("/events", "since", since)
	view.CSV, view.JSON = l.address("/users.csv"), l.address("/users.json")
	view.CountAddress, view.CountFragment = l.address("/", "count", "1"), l.address("/users/count")
	if r.URL.Query().Has("count") { // asked for without JavaScript
		if view.Count, err = h.countText(r, l); err != nil {
			return nil, err
		}
	}
	return layout(view.chrome, table(view)), nil
}

type counted struct {
	n     int
	exact bool
}

// count is the fragment that says how many there are, which the page asks for
// once it is shown.
func (h *handler) count(r *http.Request) (templ.Component, error) {
	l, err := listingOf(r)
	if err != nil {
		return nil, err
	}
	_, current, err := h.current(r.Context(), l.teamID)
	if err != nil {
		h.missing(r, "count", l.teamID, "", err)
		return nil, err
	}
	l.teamID = current.ID
	text, err := h.countText(r, l)
	return countLine(text), err
}

func (h *handler) countText(r *http.Request, l listing) (string, error) {
	c, err := h.caches.counts.get(l.address("/"), func() (c counted, err error) {
		c.n, c.exact, err = h.Store.Count(r.Context(), l.teamID, l.req.Filter)
		return c, err
	})
	if err != nil {
		return "", fmt.Errorf("count: %w", err)
	}
	e := l.shown(r, "count", l.teamID)
	e.Count = c.n
	h.Audit.Shown(r.Context(), e)
	text := "%d people"
	if c.n == 1 {
		text = "%d person"
	}
	if !c.exact && c.n > 0 {
		text = "at most " + text
	}
	return printer(r).Sprintf(text, c.n), nil
}

// printer formats numbers as the viewer's browser says.
func printer(r *http.Request) *message.Printer {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		tags = []language.Tag{language.English}
	}
	return message.NewPrinter(tags[0])
}

// everybodyAddress is that of the same list with nothing left out but the words.
func (l listing) everybodyAddress() string {
	return listing{teamID: l.teamID, query: l.query, req: directory.PageRequest{Order: l.req.Order}}.address("/")
}
