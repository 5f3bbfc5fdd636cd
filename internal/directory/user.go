package directory

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Kind is the kind of account that a user has.
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

// User is a stored user. Its JSON names are the field names of its document, and
// Slack's own names where Slack has one.
type User struct {
	ID     string `json:"id"`
	TeamID string `json:"team_id"` // the workspace that the user is filed under

	Name             string `json:"name,omitempty"` // the username
	RealName         string `json:"real_name,omitempty"`
	DisplayName      string `json:"display_name,omitempty"`
	Title            string `json:"title,omitempty"`
	Email            string `json:"email,omitempty"`
	Phone            string `json:"phone,omitempty"`
	Deleted          bool   `json:"deleted"` // deactivated
	TZ               string `json:"tz,omitempty"`
	StatusText       string `json:"status_text,omitempty"`
	StatusEmoji      string `json:"status_emoji,omitempty"`
	StatusExpiration int64  `json:"status_expiration,omitempty"` // Unix seconds, 0 for never
	Image72          string `json:"image_72,omitempty"`
	Image192         string `json:"image_192,omitempty"`
	Updated          int64  `json:"updated,omitempty"` // Unix seconds, Slack's own

	Kind Kind `json:"kind,omitempty"`
	// SortName is the folded name that lists are sorted by. A removed user has none, so
	// lists skip it.
	SortName string `json:"sort_name,omitempty"`
	// Fingerprint is a hash of the id and of Slack's core, see [fingerprint]. A removed
	// user has none, so sums skip it.
	Fingerprint int64 `json:"fingerprint,omitempty"`
	// ProfileOrder is the order in which full syncs ask users.profile.get, see [profileOrder].
	ProfileOrder int64 `json:"profile_order,omitempty"`

	// Version and Source are those of the newest message other than a profile (see [FromProfile]).
	Version Version `json:"version"`
	Source  Source  `json:"source"`
	// SlackVersion is the version of the newer of the two objects, told and listed; 0 for none.
	SlackVersion Version `json:"slack_version,omitempty"`
	// Removed users are gone from Slack. The document stays until ExpireAt, so that an
	// older message that arrives late cannot revive it.
	Removed  bool      `json:"removed"`
	ExpireAt time.Time `json:"expire_at,omitzero"`

	// Slack is the object that readers see, joined from what Slack said (see [Parts]),
	// unknown fields included, as compact JSON with sorted keys.
	Slack json.RawMessage `json:"slack,omitempty"`
	Parts Parts           `json:"parts,omitzero"`
}

// maxSortName is well below the 1,500 bytes of a string that Firestore indexes.
const maxSortName = 200

// sortName folds the name that people know the user by.
func sortName(u User) string {
	name := Fold(first(u.RealName, u.DisplayName, u.Name, u.ID))
	if name == "" { // nothing but marks
		name = Fold(u.ID)
	}
	for i := range name {
		if i > maxSortName {
			return name[:i]
		}
	}
	return name
}

// maxEmail is the longest address that mail can be sent to (RFC 5321).
const maxEmail = 320

// EmailKey returns the form of an e-mail address that people are found by: in lower case.
// It is empty for text that cannot be an address.
func EmailKey(email string) string {
	if email = strings.TrimSpace(email); len(email) > maxEmail || !utf8.ValidString(email) {
		return ""
	}
	return strings.ToLower(email)
}

// accents are Unicode's Combining Diacritical Marks. Vowel signs of other scripts
// are marks too, but belong to the word.
var accents = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0300, Hi: 0x036F, Stride: 1}}}

// plain maps letters that Unicode does not decompose to what people type on keyboards
// that lack them.
var plain = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe")

// maxFolded bounds the bytes that are folded: U+FDFA alone becomes 18 letters.
const maxFolded = 1 << 10

// Fold returns s without case, accents, control characters and outer spaces, so
// that texts which look the same to people compare equal. It keeps the first kilobyte.
func Fold(s string) string {
	if len(s) > maxFolded {
		s = strings.ToValidUTF8(s[:maxFolded], "")
	}
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
