package ui

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"rollcall/internal/directory"
)

// findForm is the id of the form that searches and filters.
const findForm = "find"

type listView struct {
	chrome
	listing
	Find                        findView
	Rows                        []row
	Prev, Next                  string // addresses, empty where there are none
	Live                        string // the address of the events
	CSV, JSON                   string
	Count                       string // "" until somebody asks for it
	CountAddress, CountFragment string
}

// findView is the form that searches and filters.
type findView struct {
	TeamID, Query           string
	Show, Kind, Zones, Sort []choiceOption
}

type choiceOption struct {
	Value, Label string
	Selected     bool
}

// row is one person in the list.
type row struct {
	URL, ID, Name, RealName, Title, TZ, StatusText string
	StatusEmoji                                    emojiView
	StatusExpires                                  int64  // Unix seconds, 0 for never
	Kind                                           string // "" for a plain member
	Deleted                                        bool
	Avatar                                         avatar
	Changed                                        time.Time
	ByName, ByChange                               string // sort keys
}

func (h *handler) list(r *http.Request) (templ.Component, error) {
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
	view := listView{chrome: h.chrome(r, workspaces, current), listing: l, Find: l.find(h.timeZones(ctx, current.ID))}
	if current.ID == "" {
		return layout(view.chrome, list(view)), nil // nobody is here yet
	}
	l.teamID = current.ID
	view.listing = l
	since := h.hub.Position(current.ID) // before the page is read, so that no change is missed
	page, err := h.Store.Users(ctx, current.ID, l.req)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	e := l.shown(r, "list")
	e.UserIDs, e.Count = ids(page.Users), len(page.Users)
	h.Audit.Shown(ctx, e)
	for _, u := range page.Users {
		view.Rows = append(view.Rows, h.row(ctx, u))
	}
	view.Prev, view.Next = l.pageAddress("before", page.Prev), l.pageAddress("after", page.Next)
	view.Live = l.address("/events", "since", since)
	view.CSV, view.JSON = l.address("/users.csv"), l.address("/users.json")
	view.CountAddress, view.CountFragment = l.address("/", "count", "1"), l.address("/users/count")
	if r.URL.Query().Has("count") { // the link for those without JavaScript
		if view.Count, err = h.countText(r, l); err != nil {
			return nil, err
		}
	}
	return layout(view.chrome, list(view)), nil
}

type counted struct {
	n     int
	exact bool
}

// count is the fragment that the page loads once it is shown.
func (h *handler) count(r *http.Request) (templ.Component, error) {
	l, _, err := h.requested(r, "count")
	if err != nil {
		return nil, err
	}
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
	e := l.shown(r, "count")
	e.Count = c.n
	h.Audit.Shown(r.Context(), e)
	text := "%d people"
	if c.n == 1 {
		text = "%d person"
	}
	if !c.exact && c.n > 0 {
		text = "up to " + text
	}
	return printer(r).Sprintf(text, c.n), nil
}

// printer formats numbers for the language that the viewer's browser prefers.
func printer(r *http.Request) *message.Printer {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		tags = []language.Tag{language.English}
	}
	return message.NewPrinter(tags[0])
}

var groupNames = map[directory.Group]string{
	directory.GroupMembers: "Members", directory.GroupAdmins: "Admins and owners", directory.GroupGuests: "Guests",
	directory.GroupBots: "Bots", directory.GroupExternal: "External",
}

// find makes the form. zones counts people by time zone.
func (l listing) find(zones map[string]int) findView {
	f := l.req.Filter
	show := string(f.AccountStatus)
	if show == "" {
		show = everybody
	}
	v := findView{TeamID: l.teamID, Query: l.query}
	v.Show = options(show, "active", "Active", "deactivated", "Deactivated", everybody, "All")
	kinds := []string{"", "Everybody"}
	for _, g := range directory.Groups {
		kinds = append(kinds, string(g), groupNames[g])
	}
	v.Kind = options(string(f.Group), kinds...)
	if f.TZ != "" && zones[f.TZ] == 0 {
		zones = maps.Clone(zones)
		if zones == nil {
			zones = map[string]int{}
		}
		zones[f.TZ] = 0
	}
	names := []string{"", "Any time zone"}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		names = append(names, zone, strings.ReplaceAll(zone, "_", " "))
	}
	v.Zones = options(f.TZ, names...)
	v.Sort = options(string(l.req.Order), string(directory.ByName), "Name", string(directory.ByChange), "Last change")
	return v
}

func options(selected string, valuesAndLabels ...string) (all []choiceOption) {
	for pair := range slices.Chunk(valuesAndLabels, 2) {
		all = append(all, choiceOption{pair[0], pair[1], pair[0] == selected})
	}
	return all
}

// kindNames are the badges. A plain member has none.
var kindNames = map[directory.Kind]string{
	directory.Admin: "admin", directory.Owner: "owner", directory.Guest: "guest",
	directory.SingleChannelGuest: "single-channel guest", directory.Bot: "bot",
	directory.External: "external", directory.Forgotten: "forgotten",
}

func (h *handler) row(ctx context.Context, u directory.User) row {
	r := row{
		URL: "/users/" + url.PathEscape(u.TeamID) + "/" + url.PathEscape(u.ID),
		ID:  u.ID, Name: u.Name, RealName: u.RealName, Title: u.Title, TZ: u.TZ,
		Kind: kindNames[u.Kind], Deleted: u.Deleted,
		Avatar: avatar{h.image(u.Image72), initials(u)}, Changed: u.Version.Time(),
		ByName: u.SortName, ByChange: fmt.Sprintf("%020d", u.Version),
	}
	// Slack leaves an expired status in the profile until somebody looks at it.
	if u.StatusExpiration == 0 || h.Now().Before(time.Unix(u.StatusExpiration, 0)) {
		r.StatusText, r.StatusEmoji, r.StatusExpires = u.StatusText, h.emoji(ctx, u.TeamID, u.StatusEmoji), u.StatusExpiration
	}
	return r
}
