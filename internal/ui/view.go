package ui

import (
	"bytes"
	"encoding/json"
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
	Workspaces []workspaceLink // empty unless there are several
	SignedIn   string          // the viewer's address, empty without authentication
}

type workspaceLink struct {
	Name, URL string
	Current   bool
}

type problem struct{ Title, Advice string }

type tableView struct {
	chrome
	Rows       []row
	Prev, Next string // addresses, empty where there are none
}

// row is one person in the table.
type row struct {
	URL, ID, Name, RealName, TZ, StatusText, StatusEmoji string
	Kind                                                 string // empty for a plain member
	Deleted                                              bool
	Avatar                                               avatar
}

// avatar shows initials until, and unless, the image loads.
type avatar struct{ Image, Initials string }

type personView struct {
	chrome
	row
	Heading     string
	DisplayName string
	Title       string
	Email       string
	LocalTime   string
	Version     time.Time
	Source      string
	Removed     bool
	OpenInSlack string // the workspace's address of the profile, empty if unknown
	Forgotten   bool
	JSON        string
}

func (h *handler) chrome(r *http.Request, workspaces []directory.Workspace, current directory.Workspace) chrome {
	c := chrome{Title: workspaceName(current), SignedIn: signedIn(r.Context())}
	if c.Title == "" {
		c.Title = "Nobody yet"
	}
	if len(workspaces) > 1 {
		for _, w := range workspaces {
			c.Workspaces = append(c.Workspaces, workspaceLink{workspaceName(w), "/?team=" + url.QueryEscape(w.ID), w.ID == current.ID})
		}
	}
	return c
}

func workspaceName(w directory.Workspace) string {
	if w.Name != "" {
		return w.Name
	}
	return w.ID
}

func pageLink(teamID, direction string, c *directory.Cursor) string {
	if c == nil {
		return ""
	}
	return "/?team=" + url.QueryEscape(teamID) + "&" + direction + "=" + c.String()
}

// kindNames are words for the kinds that are worth a word.
var kindNames = map[directory.Kind]string{
	directory.Admin: "admin", directory.Owner: "owner", directory.Guest: "guest",
	directory.SingleChannelGuest: "single-channel guest", directory.Bot: "bot",
	directory.External: "external", directory.Forgotten: "forgotten",
}

func (h *handler) row(u directory.User) row {
	r := row{
		URL: "/users/" + url.PathEscape(u.TeamID) + "/" + url.PathEscape(u.ID),
		ID:  u.ID, Name: u.Name, RealName: u.RealName, TZ: u.TZ,
		Kind: kindNames[u.Kind], Deleted: u.Deleted,
		Avatar: avatar{h.image(u.Image72), initials(u)},
	}
	// Slack leaves a status that has expired in the profile until somebody looks.
	if u.StatusExpiration == 0 || h.Now().Before(time.Unix(u.StatusExpiration, 0)) {
		r.StatusText, r.StatusEmoji = u.StatusText, u.StatusEmoji
	}
	return r
}

// image returns an address that the page's Content-Security-Policy lets load, or none.
func (h *handler) image(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && !slices.Contains(h.ImageSources, u.Scheme+"://"+u.Host) {
		return ""
	}
	return address
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

func (h *handler) personView(r *http.Request, workspaces []directory.Workspace, current directory.Workspace, u directory.User) personView {
	v := personView{
		chrome: h.chrome(r, workspaces, current), row: h.row(u),
		Heading:     firstNonEmpty(u.RealName, u.DisplayName, u.Name, u.ID),
		DisplayName: u.DisplayName, Title: u.Title, Email: u.Email,
		Version: u.Version.Time(), Source: string(u.Source), Removed: u.Removed,
		Forgotten: u.Kind == directory.Forgotten,
	}
	if v.Forgotten {
		v.Heading = "Forgotten person"
	}
	v.chrome.Title = v.Heading
	if large := h.image(u.Image192); large != "" {
		v.Avatar.Image = large
	}
	if place, err := time.LoadLocation(u.TZ); err == nil && u.TZ != "" {
		v.LocalTime = h.Now().In(place).Format("Monday 15:04")
	}
	if base, err := url.Parse(current.URL); err == nil && base.Scheme == "https" {
		v.OpenInSlack = base.JoinPath("team", u.ID).String()
	}
	var b bytes.Buffer
	if json.Indent(&b, u.Slack, "", "  ") == nil {
		v.JSON = b.String()
	}
	return v
}
