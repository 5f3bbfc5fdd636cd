package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"rollcall/internal/ijson"
)

// The core of a person is the set of fields that Slack documents for both events and
// listings, in every workspace, and that say something about the person. Readers see
// the core of one object, the newer of the two that Slack sent; everything else is
// joined. The fingerprint covers the core, so that a full sync repairs differences
// there and nowhere else.
//
// Left out, although both shapes have them: times (updated), derived fields
// (tz_offset, tz_label, first_name, last_name, …_normalized, …_canonical,
// status_emoji_display_info, the real_name outside of the profile), what says more
// about the app than about the person (is_app_user, who_can_share_contact_card,
// has_2fa, is_email_confirmed), color, and enterprise_user.teams, which recorded
// events lack (java-slack-sdk, json-logs/samples/events). Slack's pages "User object", "users.list",
// "users.info" and "user_change" are the source.
type coreField struct {
	// shownOnly says that the field comes from the newer object like the rest of the core, but
	// is not compared: avatar_hash stands for all pictures.
	shownOnly bool
	// isStatus says that the field is of Slack's status, of which there is no history:
	// Rollcall does not keep attendance.
	isStatus bool
}

var (
	coreTop = map[string]coreField{
		"team_id":             {}, // with enterprise_user: whether the person is of another workspace
		"name":                {},
		"deleted":             {},
		"tz":                  {},
		"is_admin":            {},
		"is_owner":            {},
		"is_primary_owner":    {},
		"is_restricted":       {},
		"is_ultra_restricted": {},
		"is_bot":              {},
		"is_forgotten":        {},
	}
	coreProfile = map[string]coreField{
		"real_name":         {},
		"display_name":      {},
		"title":             {},
		"email":             {}, // in neither shape without users:read.email
		"phone":             {},
		"skype":             {},
		"pronouns":          {},
		"start_date":        {},
		"status_text":       {isStatus: true},
		"status_emoji":      {isStatus: true},
		"status_expiration": {isStatus: true},
		"avatar_hash":       {},
		"is_custom_image":   {shownOnly: true},
		"image_original":    {shownOnly: true},
		"image_24":          {shownOnly: true},
		"image_32":          {shownOnly: true},
		"image_48":          {shownOnly: true},
		"image_72":          {shownOnly: true},
		"image_192":         {shownOnly: true},
		"image_512":         {shownOnly: true},
		"image_1024":        {shownOnly: true},
	}
	coreEnterpriseUser = map[string]coreField{
		"id":               {},
		"enterprise_id":    {},
		"enterprise_name":  {},
		"is_admin":         {},
		"is_owner":         {},
		"is_primary_owner": {},
	}
)

// coreText returns the compared core in one form. It ignores all other fields, and
// every way to say "empty" comes out the same.
func coreText(o *object) []byte {
	text := appendCore(make([]byte, 0, 1024), coreTop, o.top)
	text = appendCore(append(text, "enterprise_user\n"...), coreEnterpriseUser, o.enterpriseUser)
	return appendCore(append(text, "profile\n"...), coreProfile, o.profile)
}

func appendCore(text []byte, core map[string]coreField, o ijson.Object) []byte {
	for _, m := range o {
		field, ok := core[m.Name]
		if !ok || field.shownOnly || m.Value.Empty() {
			continue
		}
		text = append(append(text, m.Name...), ':')
		text = append(append(text, m.Value...), '\n') // values have no line breaks
	}
	return text
}

// CoreDifferences returns the paths of the core fields in which two of Slack's
// objects differ, like "profile.title". An error wraps [ErrInvalid].
func CoreDifferences(a, b json.RawMessage) ([]string, error) {
	var lines [2]map[string]string
	for i, raw := range []json.RawMessage{a, b} {
		o, err := parseObject(raw)
		if err != nil {
			return nil, err
		}
		lines[i] = map[string]string{}
		prefix := ""
		for line := range strings.Lines(string(coreText(o))) {
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				prefix = strings.TrimSpace(line) + "."
				continue
			}
			lines[i][prefix+name] = value
		}
	}
	var paths []string
	for path, value := range lines[0] {
		if lines[1][path] != value {
			paths = append(paths, path)
		}
	}
	for path := range lines[1] {
		if _, both := lines[0][path]; !both {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// A fingerprint is 12 bits of a hash of the user's id over 31 bits of a hash of
// the core. A range of fingerprints is therefore a stable share of the
// users, and the sum over a million users still fits an int64 exactly.
//
// People of other workspaces (Slack Connect) have theirs negated: users.list does
// not have them, so they must not count in the sums that are compared with it.
const (
	idBits      = 12
	contentBits = 31
)

// FingerprintLimit is exclusive: every fingerprint is below it and above its negative.
const FingerprintLimit int64 = 1 << (idBits + contentBits)

// FingerprintRange holds the fingerprints in [From, To).
type FingerprintRange struct{ From, To int64 }

// The ranges of people who are in users.list, and of those who are not.
var (
	Listed    = FingerprintRange{1, FingerprintLimit}
	Externals = FingerprintRange{-FingerprintLimit, 0}
)

// scheme changes whenever the core changes, or what else documents have, such as search words.
// The next full sync then finds that everybody differs, and rewrites them. That is not drift,
// because Slack's own updated has not moved.
const scheme = "7:"

// fingerprint returns the fingerprint of the id and the core of o, never 0.
func fingerprint(id string, external bool, o *object) int64 {
	fp := int64(hash([]byte(id))>>(64-idBits)<<contentBits | max(1, hash(append([]byte(scheme+id+"\n"), coreText(o)...))>>(64-contentBits)))
	if external {
		return -fp
	}
	return fp
}

// hash is the first eight bytes of SHA-256: the same in every process and release.
func hash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}
