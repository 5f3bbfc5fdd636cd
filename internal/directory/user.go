package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Kind says what sort of member of the workspace a user is.
type Kind string

// The kinds. Their values are stored.
const (
	Member             Kind = "member"
	Admin              Kind = "admin"
	Owner              Kind = "owner"
	Guest              Kind = "guest"                // a multi-channel guest
	SingleChannelGuest Kind = "single_channel_guest" // Slack's is_ultra_restricted
	Bot                Kind = "bot"
	External           Kind = "external"  // a person of another workspace (Slack Connect)
	Forgotten          Kind = "forgotten" // a person whose data Slack has erased
)

// User is a stored user. Its JSON names are the document's field names: Slack's
// own where Slack has one.
type User struct {
	ID     string `json:"id"`
	TeamID string `json:"team_id"` // the workspace that the user is filed under

	Name             string `json:"name,omitempty"` // the username
	RealName         string `json:"real_name,omitempty"`
	DisplayName      string `json:"display_name,omitempty"`
	Title            string `json:"title,omitempty"`
	Email            string `json:"email,omitempty"`
	Deleted          bool   `json:"deleted"` // deactivated
	TZ               string `json:"tz,omitempty"`
	StatusText       string `json:"status_text,omitempty"`
	StatusEmoji      string `json:"status_emoji,omitempty"`
	StatusExpiration int64  `json:"status_expiration,omitempty"` // Unix seconds, 0 for never
	Image72          string `json:"image_72,omitempty"`
	Image192         string `json:"image_192,omitempty"`
	Updated          int64  `json:"updated,omitempty"` // Unix seconds, Slack's own

	Kind Kind `json:"kind,omitempty"`
	// SortName is what lists are ordered by: the name, folded. A removed user has none, so
	// that lists pass over it.
	SortName string `json:"sort_name,omitempty"`
	// Fingerprint stands for the id and the content of Slack, see [fingerprint]. A removed
	// user has none, so that sums pass over it.
	Fingerprint int64 `json:"fingerprint,omitempty"`

	// Version and Source are those of the newest message.
	Version Version `json:"version"`
	Source  Source  `json:"source"`
	// SlackVersion is that of the newest message that brought the whole object; 0 if none did.
	SlackVersion Version `json:"slack_version,omitempty"`
	// Removed says that the user is gone from Slack. The document stays until ExpireAt, so
	// that a late repeat of an older message cannot revive it.
	Removed  bool      `json:"removed"`
	ExpireAt time.Time `json:"expire_at,omitzero"`

	// Slack is Slack's object whole, unknown fields included, as compact JSON with sorted keys.
	Slack json.RawMessage `json:"slack,omitempty"`
	// Overlay is there while partial messages are newer than the newest whole object.
	Overlay *Overlay `json:"overlay,omitempty"`
}

// Overlay keeps apart what [User].Slack was merged from, so that messages may
// arrive in any order.
type Overlay struct {
	Whole   json.RawMessage `json:"whole"`   // the newest whole object
	Patches []Patch         `json:"patches"` // newer than Whole, oldest first
}

// Patch is the part of a user object that a partial message brought, less what newer ones replaced.
type Patch struct {
	Version Version         `json:"version"`
	User    json.RawMessage `json:"user"`
}

// tombstoneLife is how long a removed user is kept. It exceeds the 31 days for
// which a dead letter is kept and may be sent again.
const tombstoneLife = 45 * 24 * time.Hour

// describe fills the fields that are taken from Slack's object, and keeps the object.
func (u *User) describe(o object) {
	u.Slack = o.canonical()
	u.Name = o.string("name")
	u.RealName = first(o.string("profile", "real_name"), o.string("real_name"))
	u.DisplayName = o.string("profile", "display_name")
	u.Title = o.string("profile", "title")
	u.Email = o.string("profile", "email")
	u.Deleted = o.bool("deleted") || o.bool("is_forgotten")
	u.TZ = o.string("tz")
	u.StatusText = o.string("profile", "status_text")
	u.StatusEmoji = o.string("profile", "status_emoji")
	u.StatusExpiration = o.int("profile", "status_expiration")
	u.Image72 = o.string("profile", "image_72")
	u.Image192 = o.string("profile", "image_192")
	u.Updated = o.int("updated")
	u.Kind = kind(u.TeamID, o)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// kind follows Slack's page "User object". The order matters: an owner is also
// an admin, a single-channel guest also a guest.
func kind(teamID string, o object) Kind {
	switch {
	case o.bool("is_forgotten"):
		return Forgotten
	case isExternal(teamID, o):
		return External
	case o.bool("is_bot"), o.string("id") == "USLACKBOT": // Slack says is_bot: false of Slackbot
		return Bot
	case o.bool("is_primary_owner"), o.bool("is_owner"):
		return Owner
	case o.bool("is_admin"):
		return Admin
	case o.bool("is_ultra_restricted"):
		return SingleChannelGuest
	case o.bool("is_restricted"):
		return Guest
	}
	return Member
}

// isExternal tells people of other workspaces. In an Enterprise organisation a
// user's team_id may name a sister workspace or the organisation itself, and
// enterprise_user.teams lists where the user belongs.
func isExternal(teamID string, o object) bool {
	home := o.string("team_id")
	if o.bool("is_stranger") {
		return true
	}
	if home == "" || home == teamID {
		return false
	}
	teams, _ := o.get("enterprise_user", "teams").([]any)
	return o.string("enterprise_user", "enterprise_id") != teamID && !slices.Contains(teams, any(teamID))
}

// sortNameLimit keeps the name within what Firestore indexes of a string (1,500 bytes) with room to spare.
const sortNameLimit = 200

// sortName folds the name that people know the user by: case and accents do not count.
func sortName(u User) string {
	name := Fold(first(u.RealName, u.DisplayName, u.Name, u.ID))
	if name == "" { // nothing but marks
		name = Fold(u.ID)
	}
	for i := range name {
		if i > sortNameLimit {
			return name[:i]
		}
	}
	return name
}

// accents are Unicode's Combining Diacritical Marks. The vowel signs of other
// scripts are marks as well, but part of the word.
var accents = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0300, Hi: 0x036F, Stride: 1}}}

// plain are letters with a stroke and the like, which Unicode does not take
// apart: people without them on their keyboard type the plain ones.
var plain = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe")

// Fold returns s without case, accents, control characters and outer spaces,
// so that what people take for the same compares equal.
func Fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) { // plain ASCII needs no tables
		return strings.ToLower(strings.TrimSpace(s))
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	t := transform.Chain(norm.NFKD, runes.Remove(runes.In(accents)), runes.Remove(runes.In(unicode.C)), cases.Fold(), norm.NFC)
	folded, _, err := transform.String(t, s)
	if err != nil { // no transformer above refuses valid UTF-8
		folded = strings.ToLower(s)
	}
	return strings.TrimSpace(plain.Replace(folded))
}
