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
	"github.com/dustin/go-humanize"

	"rollcall/internal/directory"
)

// findForm is the id of the form that searches and filters.
const findForm = "find"

type listView struct {
	chrome
	listRequest
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
	l, err := listRequestOf(r)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, l.teamID)
	if err != nil {
		h.missing(r, "list", l.teamID, "", err)
		return nil, err
	}
	view := listView{chrome: h.chrome(r, workspaces, current), listRequest: l, Find: l.find(h.timeZones(ctx, current.ID))}
	if current.ID == "" {
		return layout(view.chrome, list(view)), nil // nobody is here yet
	}
	l.teamID = current.ID
	view.listRequest = l
	since := h.people.Position(current.ID) // before the page is read, so that no change is missed
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

// count is the fragment that the page loads once it is shown.
func (h *handler) count(r *http.Request) (templ.Component, error) {
	l, _, err := h.requested(r, "count")
	if err != nil {
		return nil, err
	}
	text, err := h.countText(r, l)
	return countLine(text), err
}

// counted is how many accounts a list has, and how many of those are bots.
type counted struct {
	accounts, bots int
	exact          bool
}

func (h *handler) countText(r *http.Request, l listRequest) (string, error) {
	c, err := h.caches.counts.get(l.address("/"), func() (counted, error) { return h.countList(r.Context(), l) })
	if err != nil {
		return "", fmt.Errorf("count: %w", err)
	}
	e := l.shown(r, "count")
	e.Count = c.accounts
	h.Audit.Shown(r.Context(), e)
	return c.String(), nil
}

func (h *handler) countList(ctx context.Context, l listRequest) (c counted, err error) {
	f := l.req.Filter
	if c.accounts, c.exact, err = h.Store.Count(ctx, l.teamID, f); err != nil {
		return c, err
	}
	switch f.Group {
	case "":
		f.Group = directory.GroupBots
		exact := false
		c.bots, exact, err = h.Store.Count(ctx, l.teamID, f)
		c.exact = c.exact && exact
	case directory.GroupBots:
		c.bots = c.accounts
	}
	return c, err
}

func (c counted) String() string {
	people := c.accounts - c.bots
	switch {
	case !c.exact && c.accounts > 0:
		return "up to " + plural(c.accounts, "account")
	case c.bots == 0:
		return plural(people, "person")
	case people == 0:
		return plural(c.bots, "bot")
	default:
		return plural(people, "person") + " and " + plural(c.bots, "bot")
	}
}

// number formats n for people: "1,234".
func number(n int) string { return humanize.Comma(int64(n)) }

// plural counts a noun: "1 person", "1,234 people".
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "person":
		return number(n) + " people"
	default:
		return number(n) + " " + noun + "s"
	}
}

var groupNames = map[directory.Group]string{
	directory.GroupMembers: "Members", directory.GroupAdmins: "Admins and owners", directory.GroupGuests: "Guests",
	directory.GroupBots: "Bots", directory.GroupExternal: "External",
}

// find makes the form. zones counts people by time zone.
func (l listRequest) find(zones map[string]int) findView {
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

func userAddress(teamID, id string) string {
	return "/users/" + url.PathEscape(teamID) + "/" + url.PathEscape(id)
}

func (h *handler) row(ctx context.Context, u directory.User) row {
	r := row{
		URL: userAddress(u.TeamID, u.ID),
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
