package firestore

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/firestore"

	"rollcall/internal/directory"
)

// document is a user's document. Its names are those of [directory.User] in JSON.
//
// slack and overlay hold JSON as text: a Firestore map has no nested lists, no
// keys like "__x__", twenty levels at most and no numbers beyond 64 bits, so it
// would lose some of what Slack may send. Neither is indexed.
//
// Those that lists are filtered and ordered by, sort_name, sort_version, search
// and account, a removed user has none of. written_at is Firestore's own clock,
// which [Store.Watch] goes by.
type document struct {
	ID               string    `firestore:"id"`
	TeamID           string    `firestore:"team_id"`
	Name             string    `firestore:"name,omitempty"`
	RealName         string    `firestore:"real_name,omitempty"`
	DisplayName      string    `firestore:"display_name,omitempty"`
	Title            string    `firestore:"title,omitempty"`
	Email            string    `firestore:"email,omitempty"`
	Deleted          bool      `firestore:"deleted"`
	TZ               string    `firestore:"tz,omitempty"`
	StatusText       string    `firestore:"status_text,omitempty"`
	StatusEmoji      string    `firestore:"status_emoji,omitempty"`
	StatusExpiration int64     `firestore:"status_expiration,omitempty"`
	Image72          string    `firestore:"image_72,omitempty"`
	Image192         string    `firestore:"image_192,omitempty"`
	Updated          int64     `firestore:"updated,omitempty"`
	Kind             string    `firestore:"kind,omitempty"`
	SortName         string    `firestore:"sort_name,omitempty"`
	SortVersion      int64     `firestore:"sort_version,omitempty"`
	Search           []string  `firestore:"search,omitempty"`
	Account          string    `firestore:"account,omitempty"`
	Fingerprint      int64     `firestore:"fingerprint,omitempty"`
	Version          int64     `firestore:"version"`
	Source           string    `firestore:"source"`
	SlackVersion     int64     `firestore:"slack_version,omitempty"`
	Removed          bool      `firestore:"removed"`
	ExpireAt         time.Time `firestore:"expire_at,omitempty"`
	Slack            string    `firestore:"slack,omitempty"`
	Overlay          string    `firestore:"overlay,omitempty"`
	WrittenAt        time.Time `firestore:"written_at,serverTimestamp"`
}

func toDocument(u directory.User) (document, error) {
	d := document{
		ID: u.ID, TeamID: u.TeamID, Name: u.Name, RealName: u.RealName, DisplayName: u.DisplayName,
		Title: u.Title, Email: u.Email, Deleted: u.Deleted, TZ: u.TZ,
		StatusText: u.StatusText, StatusEmoji: u.StatusEmoji, StatusExpiration: u.StatusExpiration,
		Image72: u.Image72, Image192: u.Image192, Updated: u.Updated,
		Kind: string(u.Kind), SortName: u.SortName, Fingerprint: u.Fingerprint,
		Version: int64(u.Version), Source: string(u.Source), SlackVersion: int64(u.SlackVersion),
		Removed: u.Removed, ExpireAt: u.ExpireAt, Slack: string(u.Slack),
	}
	if !u.Removed {
		d.SortVersion, d.Search, d.Account = int64(u.Version), directory.SearchTokens(u), directory.Account(u)
	}
	if u.Overlay != nil {
		var overlay strings.Builder
		e := json.NewEncoder(&overlay)
		e.SetEscapeHTML(false) // or a repeat would find another object than it left
		if err := e.Encode(u.Overlay); err != nil {
			return document{}, fmt.Errorf("encode overlay: %w", err)
		}
		d.Overlay = overlay.String()
	}
	return d, nil
}

func (d document) user() (directory.User, error) {
	u := directory.User{
		ID: d.ID, TeamID: d.TeamID, Name: d.Name, RealName: d.RealName, DisplayName: d.DisplayName,
		Title: d.Title, Email: d.Email, Deleted: d.Deleted, TZ: d.TZ,
		StatusText: d.StatusText, StatusEmoji: d.StatusEmoji, StatusExpiration: d.StatusExpiration,
		Image72: d.Image72, Image192: d.Image192, Updated: d.Updated,
		Kind: directory.Kind(d.Kind), SortName: d.SortName, Fingerprint: d.Fingerprint,
		Version: directory.Version(d.Version), Source: directory.Source(d.Source), SlackVersion: directory.Version(d.SlackVersion),
		Removed: d.Removed, ExpireAt: d.ExpireAt,
	}
	if d.Slack != "" {
		u.Slack = json.RawMessage(d.Slack)
	}
	if d.Overlay != "" {
		if err := json.Unmarshal([]byte(d.Overlay), &u.Overlay); err != nil {
			return directory.User{}, fmt.Errorf("decode overlay: %w", err)
		}
	}
	return u, nil
}

// updates replaces every field of the document: those that u does not have are deleted.
func (d document) updates() []firestore.Update {
	optional := func(path string, value any, empty bool) firestore.Update {
		if empty {
			value = firestore.Delete
		}
		return firestore.Update{Path: path, Value: value}
	}
	text := func(path, value string) firestore.Update { return optional(path, value, value == "") }
	number := func(path string, value int64) firestore.Update { return optional(path, value, value == 0) }
	return []firestore.Update{
		{Path: "id", Value: d.ID},
		{Path: "team_id", Value: d.TeamID},
		text("name", d.Name),
		text("real_name", d.RealName),
		text("display_name", d.DisplayName),
		text("title", d.Title),
		text("email", d.Email),
		{Path: "deleted", Value: d.Deleted},
		text("tz", d.TZ),
		text("status_text", d.StatusText),
		text("status_emoji", d.StatusEmoji),
		number("status_expiration", d.StatusExpiration),
		text("image_72", d.Image72),
		text("image_192", d.Image192),
		number("updated", d.Updated),
		text("kind", d.Kind),
		text("sort_name", d.SortName),
		number("sort_version", d.SortVersion),
		optional("search", d.Search, len(d.Search) == 0),
		text("account", d.Account),
		number("fingerprint", d.Fingerprint),
		{Path: "version", Value: d.Version},
		{Path: "source", Value: d.Source},
		number("slack_version", d.SlackVersion),
		{Path: "removed", Value: d.Removed},
		optional("expire_at", d.ExpireAt, d.ExpireAt.IsZero()),
		text("slack", d.Slack),
		text("overlay", d.Overlay),
		{Path: "written_at", Value: firestore.ServerTimestamp},
	}
}
