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
	"unicode"
	"unicode/utf8"

	"rollcall/internal/directory"
)

// chrome is what stands around every page.
type chrome struct {
	Title      string
	Icon       string          // of the workspace, empty if it has none
	Home       string          // the address of the list
	Workspaces []workspaceLink // empty unless there are several
	Status     string          // the address of the status page
	SignedIn   string          // the viewer's address, empty without authentication
	// Disconnected is since when the app is no longer in the workspace; zero if it is.
	Disconnected time.Time
}

type workspaceLink struct {
	Name, URL string
	Current   bool
}

type problem struct{ Title, Advice string }

type tableView struct {
	chrome
	listing
	Find                        findView
	Rows                        []row
	Prev, Next                  string // addresses, empty where there are none
	Live                        string // of the events
	CSV, JSON                   string
	Count                       string // empty until it is asked for
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

// row is one person in the table.
type row struct {
	URL, ID, Name, RealName, Title, TZ, StatusText string
	StatusEmoji                                    emojiView
	StatusExpires                                  int64  // Unix seconds, 0 for never
	Kind                                           string // empty for a plain member
	Deleted                                        bool
	Avatar                                         avatar
	Changed                                        time.Time
	ByName, ByChange                               string // what lists order by
}

type emojiView struct{ Shortcode, Text, Image string }

// avatar shows initials until, and unless, the image loads.
type avatar struct{ Image, Initials string }

func (h *handler) chrome(r *http.Request, workspaces []directory.Workspace, current directory.Workspace) chrome {
	c := chrome{Title: workspaceName(current), Icon: h.image(current.Icon), SignedIn: viewerOf(r.Context()).Email, Home: "/", Status: "/status"}
	if c.Title == "" {
		c.Title = "Nobody yet"
	}
	if current.Disconnected() {
		c.Disconnected = current.DisconnectedAt.Time()
	}
	if len(workspaces) > 1 {
		c.Home += "?team=" + url.QueryEscape(current.ID)
		c.Status += "?team=" + url.QueryEscape(current.ID)
		for _, w := range workspaces {
			c.Workspaces = append(c.Workspaces, workspaceLink{workspaceName(w), "/?team=" + url.QueryEscape(w.ID), w.ID == current.ID})
		}
	}
	return c
}

func workspaceName(w directory.Workspace) string { return firstNonEmpty(w.Name, w.ID) }

// groupNames are in the order of the form.
var groupNames = map[directory.Group]string{
	directory.GroupMembers: "Members", directory.GroupAdmins: "Admins and owners", directory.GroupGuests: "Guests",
	directory.GroupBots: "Bots", directory.GroupExternal: "External",
}

// find makes the form. zones are those that the last full sync met.
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
	v.Sort = options(string(l.req.Order), string(directory.ByName), "By name", string(directory.ByChange), "By last change")
	return v
}

func options(selected string, valuesAndLabels ...string) (all []choiceOption) {
	for pair := range slices.Chunk(valuesAndLabels, 2) {
		all = append(all, choiceOption{pair[0], pair[1], pair[0] == selected})
	}
	return all
}

// kindNames are words for the kinds that are worth a word.
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
	// Slack leaves a status that has expired in the profile until somebody looks.
	if u.StatusExpiration == 0 || h.Now().Before(time.Unix(u.StatusExpiration, 0)) {
		r.StatusText, r.StatusEmoji, r.StatusExpires = u.StatusText, h.emoji(ctx, u.TeamID, u.StatusEmoji), u.StatusExpiration
	}
	return r
}

// image returns an address that the page's Content-Security-Policy lets load, or none.
func (h *handler) image(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	origin := u.Scheme + "://" + u.Host
	if slices.Contains(h.ImageSources, origin) || slices.ContainsFunc(imageSources, func(source string) bool {
		scheme, domain, _ := strings.Cut(source, "*")
		return strings.HasPrefix(origin, scheme) && strings.HasSuffix(origin, domain)
	}) {
		return address
	}
	return ""
}

// initials are the first letters of the first and the last word of the name.
func initials(u directory.User) string {
	var letters []rune
	for word := range strings.FieldsSeq(firstNonEmpty(u.RealName, u.DisplayName, u.Name)) {
		if first, _ := utf8.DecodeRuneInString(word); unicode.IsLetter(first) {
			letters = append(letters, unicode.ToUpper(first))
		}
	}
	switch len(letters) {
	case 0:
		return "?"
	case 1:
		return string(letters)
	}
	return string([]rune{letters[0], letters[len(letters)-1]})
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}
