package ui

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
)

type personView struct {
	chrome
	row
	Live               string // the address of the events
	Heading            string
	Pronouns           string
	LocalTime          string // with the day
	Version            time.Time
	Source             string
	Removed, Forgotten bool
	ExpireAt           time.Time // when Rollcall deletes somebody who was removed
	OpenInSlack        string    // the profile's address in the browser, "" if unknown
	OpenInApp          string    // the same in Slack's app
	MailTo, Call       string    // addresses
	File               string    // the address of the person as JSON
	Contact            []fact
	Cards              []card // of custom fields
	NoScope            bool   // Rollcall is not allowed to read custom fields
	Reports            reportsView
	Changes            []told
	AllChanges         string
	Fields             []field
	Back               string
	FromList           bool
	Before, After      *neighbourLink
}

// neighbourLink leads to the next person of a list.
type neighbourLink struct{ URL, Name string }

// fact is a line of a card.
type fact struct {
	Name, Hint string
	Text       string
	Link       string    // where Text leads
	Host       string    // of Link, if Text does not say it
	Day        time.Time // in place of Text
	At         time.Time // in place of Text
	People     []personCard
	Tree       string // the address of who reports to whom around the person, if People are managers
	Code       bool
}

// card is a part of the page with a heading.
type card struct {
	Heading string
	Facts   []fact
}

// personCard is somebody whom a person's page names.
type personCard struct {
	subject
	Title string
}

var sourceNames = map[directory.Source]string{
	directory.FromEvent: "an event", directory.FromSync: "a full sync", directory.FromProfile: "a profile read by a full sync", directory.FromOperator: "an operator",
}

func (h *handler) personView(ctx context.Context, p personRequest, current directory.Workspace, u directory.User, profile profile, a around) personView {
	v := personView{
		row: h.row(ctx, u), Heading: nameOf(u),
		Version: u.Version.Time(), Source: sourceNames[u.Source], Removed: u.Removed, ExpireAt: u.ExpireAt, Forgotten: u.Kind == directory.Forgotten,
		File: userAddress(p.teamID, u.ID) + jsonSuffix, Back: (listRequest{teamID: p.teamID, req: directory.PageRequest{Order: directory.ByName, Filter: directory.Filter{AccountStatus: directory.Active}}}).address("/"),
		AllChanges: historyOf(p).address("/changes"),
	}
	v.Changes = a.history
	for _, t := range v.Changes {
		profile.retell(t.Fields, namesOf(a.named))
	}
	if p.list != nil {
		v.FromList, v.Back = true, p.list.backAddress(u.ID)
		v.Before, v.After = p.list.neighbourLink(a.before), p.list.neighbourLink(a.after)
	}
	if v.Forgotten {
		v.Heading, v.Contact = "Forgotten person", []fact{{Name: "Slack ID", Text: u.ID, Code: true}}
		return v
	}
	if large := h.image(u.Image192); large != "" {
		v.Avatar.Image = large
	}
	if v.Clock != "" {
		v.LocalTime = h.Now().In(location(u.TZ)).Format("Monday 15:04")
	}
	slack, err := ijson.Parse(u.Slack)
	if err != nil {
		slack = nil // nothing is stored
	}
	said := saidIn(slack)
	v.Pronouns = said.Pronouns
	v.MailTo, v.Call = mailAddress(u.Email), callAddress(u.Phone)
	v.Contact = contact(u, said)
	v.Cards, v.NoScope = h.cards(u, profile, a.named), profile.noScope
	v.Reports = h.reportsView(p.teamID, a.reports)
	v.Reports.Tree = treeAddress(u)
	v.Fields = fields(slack)
	if base, err := url.Parse(current.URL); err == nil && base.Scheme == "https" && !u.Removed {
		v.OpenInSlack = base.JoinPath("team", u.ID).String()
		app := url.URL{Scheme: "slack", Host: "user", RawQuery: url.Values{"team": {u.TeamID}, "id": {u.ID}}.Encode()}
		v.OpenInApp = app.String()
	}
	return v
}

// nameOf is the person's name, or the id if there is none.
func nameOf(u directory.User) string { return firstNonEmpty(u.RealName, u.DisplayName, u.Name, u.ID) }

func (l listRequest) neighbourLink(u *directory.User) *neighbourLink {
	if u == nil {
		return nil
	}
	return &neighbourLink{l.personAddress(u.ID), nameOf(*u)}
}

// personCard shows nothing but the id of somebody who is gone.
func (h *handler) personCard(u directory.User) personCard {
	c := personCard{subject: subject{ID: u.ID, URL: userAddress(u.TeamID, u.ID), Avatar: avatar{Initials: "?"}}}
	if !u.Removed && u.Kind != directory.Forgotten {
		c.Name, c.Title, c.Avatar = nameOf(u), u.Title, avatar{h.image(u.Image72), initials(u)}
	}
	return c
}

// said are the parts of Slack's profile that only a person's page shows.
type said struct{ Pronouns, Skype string }

func saidIn(slack ijson.Object) said {
	profile := slack.Get("profile").Object()
	return said{Pronouns: profile.Get("pronouns").String(), Skype: profile.Get("skype").String()}
}

func contact(u directory.User, s said) (all []fact) {
	add := func(f fact) {
		if f.Text != "" {
			all = append(all, f)
		}
	}
	add(fact{Name: "E-mail", Text: u.Email, Link: mailAddress(u.Email)})
	add(fact{Name: "Phone", Text: u.Phone, Link: callAddress(u.Phone)})
	add(fact{Name: "Skype", Text: s.Skype})
	if u.DisplayName != nameOf(u) && u.DisplayName != u.Name {
		add(fact{Name: "Display name", Text: u.DisplayName})
	}
	if u.Name != "" {
		add(fact{Name: "Username", Text: "@" + u.Name})
	}
	add(fact{Name: "Slack ID", Text: u.ID, Code: true})
	changed := u.Version.Time()
	if u.Updated != 0 {
		changed = time.Unix(u.Updated, 0).UTC()
	}
	return append(all, fact{Name: "Changed", At: changed})
}

// mailAddress returns "" for anything that is not an address.
func mailAddress(email string) string {
	local, domain, ok := strings.Cut(directory.EmailKey(email), "@")
	if !ok || local == "" || domain == "" || strings.ContainsFunc(email, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return ""
	}
	return "mailto:" + url.PathEscape(email)
}

// minDigits is the length of the shortest number that can be called.
const minDigits = 3

// callAddress returns "" for anything that is not a telephone number. It stops at an extension, because no two systems
// dial one alike.
func callAddress(phone string) string {
	phone = strings.TrimSpace(phone)
	international := strings.HasPrefix(phone, "+")
	if international {
		phone = strings.Replace(phone[1:], "(0)", "", 1) // only for callers in the country
	}
	if end := strings.IndexFunc(phone, func(r rune) bool { return !strings.ContainsRune("0123456789 ().-/\u00a0\u2010\u2011\u2013", r) }); end >= 0 {
		phone = phone[:end]
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
	if len(digits) < minDigits {
		return ""
	}
	if international {
		digits = "+" + digits
	}
	return "tel:" + digits
}
