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
	// Fingerprint stands for the id and the core of Slack, see [fingerprint]. A removed
	// user has none, so that sums pass over it.
	Fingerprint int64 `json:"fingerprint,omitempty"`

	// Version and Source are those of the newest message.
	Version Version `json:"version"`
	Source  Source  `json:"source"`
	// SlackVersion is that of the newer of what was told and listed; 0 if nothing was.
	SlackVersion Version `json:"slack_version,omitempty"`
	// Removed says that the user is gone from Slack. The document stays until ExpireAt, so
	// that a late repeat of an older message cannot revive it.
	Removed  bool      `json:"removed"`
	ExpireAt time.Time `json:"expire_at,omitzero"`

	// Slack is the object that readers see, joined from what Slack said (see [Parts]),
	// unknown fields included, as compact JSON with sorted keys.
	Slack json.RawMessage `json:"slack,omitempty"`
	Parts Parts           `json:"parts,omitzero"`
}

// maxSortName keeps the name within what Firestore indexes of a string (1,500 bytes) with room to spare.
const maxSortName = 200

// sortName folds the name that people know the user by: case and accents do not count.
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

// accents are Unicode's Combining Diacritical Marks. The vowel signs of other
// scripts are marks as well, but part of the word.
var accents = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0300, Hi: 0x036F, Stride: 1}}}

// plain are letters with a stroke and the like, which Unicode does not take
// apart: people without them on their keyboard type the plain ones.
var plain = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe")

// maxFolded bounds what of a text is folded, in bytes: U+FDFA alone becomes 18 letters.
const maxFolded = 1 << 10

// Fold returns s without case, accents, control characters and outer spaces,
// so that what people take for the same compares equal. Only the first kilobyte counts.
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
