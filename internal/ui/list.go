package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

type listView struct {
	chrome
	listRequest
	Find                        findView
	Headings                    []heading // the first is the people's
	Columns                     []column  // those that the list shows besides the people
	Choice                      []choiceOption
	Chips                       []chip
	Rows                        []row
	References                  []reference
	From                        int    // how many people come before the page; -1 if that is unknown
	Prev, Next                  string // addresses, empty where there are none
	Live                        string // the address of the events
	Way                         string // the parameters that tell a person's page about the list
	CSV, JSON                   string
	Count                       string // "" until somebody asks for it
	CountAddress, CountFragment string
}

// heading is the head of a column.
type heading struct {
	column
	Sorted string // for aria-sort; "" if the list is not sorted by the column
	URL    string // the address of the list sorted by it, "" if that is not possible
}

// row is one person in the list.
type row struct {
	URL, ID, Name, RealName, Title, TZ, StatusText string
	Email, Phone                                   string
	StatusEmoji                                    emojiView
	StatusExpires                                  int64  // Unix seconds, 0 for never
	Kind, KindClass                                string // "" for a plain member
	Deleted                                        bool
	Avatar                                         avatar
	Clock, City                                    string          // the person's local time, and the city of the time zone
	Changed                                        time.Time       // by Slack's clock; zero if it does not say
	Fields                                         map[string]cell // custom fields that the list shows, by id
	ByName, ByChange, Version, Place               string          // sort keys, the version by which older rows are ignored, and the cursor
}

func (h *handler) list(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	l, err := listRequestOf(r)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, l.teamID)
	if err != nil {
		h.missing(r, "list", l.teamID, "", err)
		return nil, err
	}
	view := listView{chrome: h.chrome(r, workspaces, current), listRequest: l}
	view.Styles, view.HTMX = []string{"list.css"}, true
	if current.ID == "" {
		return layout(view.chrome, list(view)), nil // nobody is here yet
	}
	view.chrome.Title = "People in " + workspaceName(current)
	l.teamID = current.ID
	fields := h.profile(ctx, current.ID)
	view.listRequest, view.Find = l, l.find(h.timeZones(ctx, current.ID), fields)
	view.choose(fields.columns())
	since := h.people.Position(current.ID) // before the page is read, so that no change is missed
	page, err := h.Store.Users(ctx, current.ID, l.req)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	references, others, err := h.foundReferences(ctx, l, page, fields)
	if err != nil {
		return nil, err
	}
	view.References = references
	e := l.shown(r, "list")
	e.UserIDs, e.Count = ids(page.Users), len(page.Users)+len(others)
	for _, id := range others {
		e.UserIDs = audit.Add(e.UserIDs, id)
	}
	h.Audit.Shown(ctx, e)
	if view.Rows, err = h.rows(ctx, current.ID, page.Users, view.Columns, fields); err != nil {
		return nil, err
	}
	view.turn(page)
	view.Way = l.way().Encode()
	for i := range view.Rows {
		view.Rows[i].URL += "?" + view.Way
	}
	view.Live = l.address("/events", "since", since)
	view.CSV, view.JSON = l.address("/users.csv"), l.address("/users.json")
	view.CountAddress, view.CountFragment = l.address("/", "count", "1"), l.address("/users/count")
	view.Chips = h.chips(ctx, l)
	if r.URL.Query().Has("count") { // the link that works without JavaScript
		if view.Count, view.Chips, err = h.countText(r, l); err != nil {
			return nil, err
		}
	}
	return layout(view.chrome, list(view)), nil
}

// turn works out which page this is, and the addresses of its neighbours.
func (v *listView) turn(page directory.Page) {
	l := v.listRequest
	v.From = l.from
	switch {
	case page.Prev == nil:
		v.From = 0
	case l.from == 0: // the address does not say
		v.From = -1
	}
	next, prev := max(v.From, 0)+len(page.Users), max(v.From-pageSize, 0)
	if v.From < 0 {
		next, prev = 0, 0
	}
	v.Prev, v.Next = l.pageAddress("before", page.Prev, prev), l.pageAddress("after", page.Next, next)
}

// choose sets which of all the columns the list shows.
func (v *listView) choose(all []column) {
	l := v.listRequest
	v.Columns = l.chosen(all)
	v.Headings = []heading{l.heading(column{personColumn, "Person"})}
	for _, c := range v.Columns {
		v.Headings = append(v.Headings, l.heading(c))
	}
	for _, c := range all {
		v.Choice = append(v.Choice, choiceOption{c.Key, c.Label, slices.Contains(v.Columns, c)})
	}
}

// span is the part of the list that the page shows: "1–50".
func (v listView) span() string {
	switch n := len(v.Rows); {
	case v.From < 0 || n == 0:
		return ""
	case n == 1:
		return number(v.From + 1)
	default:
		return number(v.From+1) + "–" + number(v.From+n)
	}
}

// orders are the ones that a column's heading offers, starting with the one that the first click selects.
var orders = map[string][]directory.Order{
	personColumn:  {directory.ByName, directory.ByNameReversed},
	changedColumn: {directory.ByUpdated, directory.ByUpdatedReversed},
}

func (l listRequest) heading(c column) heading {
	h, offered := heading{column: c}, orders[c.Key]
	if len(offered) == 0 {
		return h
	}
	at := slices.Index(offered, l.req.Order)
	if at >= 0 {
		h.Sorted = "ascending"
		if l.req.Order.Descends() {
			h.Sorted = "descending"
		}
	}
	l.req.Order = offered[(at+1)%len(offered)]
	h.URL = l.address("/")
	return h
}

// kindNames are the badges. A plain member has none.
var kindNames = map[directory.Kind]string{
	directory.Admin: "admin", directory.Owner: "owner", directory.Guest: "guest",
	directory.SingleChannelGuest: "single-channel guest", directory.Bot: "bot",
	directory.External: "external", directory.Forgotten: "forgotten",
}

// kindClass is the class of a badge.
func kindClass(k directory.Kind) string {
	if k.Group() == directory.GroupGuests {
		return string(directory.Guest)
	}
	return string(k)
}

func userAddress(teamID, id string) string {
	return "/users/" + url.PathEscape(teamID) + "/" + url.PathEscape(id)
}

func (h *handler) row(ctx context.Context, u directory.User) row {
	now := h.Now()
	r := row{
		URL: userAddress(u.TeamID, u.ID),
		ID:  u.ID, Name: u.Name, RealName: u.RealName, Title: u.Title, Email: u.Email, Phone: u.Phone, TZ: u.TZ,
		Kind: kindNames[u.Kind], KindClass: kindClass(u.Kind), Deleted: u.Deleted,
		Avatar: avatar{h.image(u.Image72), initials(u)},
		ByName: u.SortName, ByChange: strconv.FormatInt(u.Updated, 10), Version: fmt.Sprintf("%020d", u.Version), Place: directory.CursorOf(u).String(),
	}
	if u.Updated > 0 {
		r.Changed = time.Unix(u.Updated, 0).UTC()
	}
	if !u.Deleted { // somebody who has left may be anywhere
		r.Clock, r.City = clock(now, u.TZ)
	}
	// Slack leaves an expired status in the profile until somebody looks at it.
	if u.StatusExpiration == 0 || now.Before(time.Unix(u.StatusExpiration, 0)) {
		r.StatusText, r.StatusEmoji, r.StatusExpires = u.StatusText, h.emoji(ctx, u.TeamID, u.StatusEmoji), u.StatusExpiration
	}
	return r
}

// label is the name by which people know the person.
func (r row) label() string { return firstNonEmpty(r.RealName, r.Name, r.ID) }

// expires is when the status ends, "" for never.
func (r row) expires() string {
	if r.StatusExpires == 0 {
		return ""
	}
	return strconv.FormatInt(r.StatusExpires, 10)
}

// cell is the content of a column, and where it leads.
type cell struct {
	Text, Link string
	People     string // the ids of those whom it names, with blanks between them
}

// cell returns the content of a column that is text or a custom field.
func (r row) cell(key string) cell {
	if c, ok := r.Fields[key]; ok {
		return c
	}
	return cell{Text: r.text(key)}
}

func (r row) text(key string) string {
	switch key {
	case emailColumn:
		return r.Email
	case "phone":
		return r.Phone
	case "name":
		return r.Name
	case "title":
		return r.Title
	case "kind":
		return r.Kind
	case "tz":
		return zoneName(r.TZ)
	case "id":
		return r.ID
	}
	return ""
}
