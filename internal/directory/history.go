package directory

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/ijson"
)

// RecordType says what a [Record] is about. The values are stored and published.
type RecordType string

// The types of records.
const (
	UserCreated     RecordType = "user.created"     // was not in the directory, or had been removed
	UserUpdated     RecordType = "user.updated"     // fields changed, and none of the others applies
	UserDeactivated RecordType = "user.deactivated" // the account can no longer be used
	UserReactivated RecordType = "user.reactivated" // it can again
	UserRemoved     RecordType = "user.removed"     // is no longer in Slack at all
	UserForgotten   RecordType = "user.forgotten"   // Slack has erased the person, and so has Rollcall
)

// RecordTypes are all types of records.
var RecordTypes = []RecordType{UserCreated, UserUpdated, UserDeactivated, UserReactivated, UserRemoved, UserForgotten}

// Record is an entry of the history: what a change altered for readers, who said
// so and when. Its JSON names are the field names of its document.
type Record struct {
	// ID is made from the message, so that a message that comes again finds its record.
	ID     string     `json:"id"`
	Type   RecordType `json:"type"`
	TeamID string     `json:"team_id"`
	UserID string     `json:"user_id"`
	// At is the version of the change: a time on Slack's clock.
	At time.Time `json:"at"`
	// WrittenAt is the store's time of the write. The feed is in this order.
	WrittenAt time.Time `json:"written_at,omitzero"`
	Source    Source    `json:"source"`
	// Changed are the paths of the fields that changed, sorted: "deleted", "profile.title",
	// "profile.fields.Xf…", and "image" for all pictures.
	Changed []string `json:"changed,omitempty"`
	// Before and After are JSON objects of path and value, of the fields in Changed, in the
	// canonical form of [ijson.Object]. A field that was or is empty is left out.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// ExpireAt is when the store deletes the record.
	ExpireAt time.Time `json:"expire_at"`
}

// Version returns the version of the change that the record is about.
func (r Record) Version() Version { return VersionOf(r.At) }

// recordID is the same for a message that comes again, and differs for any other.
func recordID(c Change) string {
	h := sha256.New()
	for _, part := range []string{c.TeamID, c.UserID, string(c.Operation), string(c.Source), strconv.FormatInt(int64(c.Version), 10)} {
		h.Write([]byte(part + "\n")) // no part has a line break
	}
	h.Write(c.User)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// RecordOf returns the record of a change from before (nil: nothing was stored) to after,
// or nil if history covers nothing of it.
//
// The first load of an empty directory creates everybody at once, and the first answer of
// users.profile.get brings custom fields that nobody knew. History begins there, and covers
// neither.
func RecordOf(before *User, after User, c Change, expireAt time.Time) (*Record, error) {
	o, err := parseShown(&after)
	if err != nil {
		return nil, err
	}
	return recordOf(before, after, o, c, expireAt)
}

// recordOf is RecordOf with the object in after's document, which takes time to parse.
func recordOf(before *User, after User, o *object, c Change, expireAt time.Time) (*Record, error) {
	r := Record{Type: recordType(before, after, c), TeamID: after.TeamID, UserID: after.ID, At: c.Version.Time(), Source: c.Source, ExpireAt: expireAt}
	switch r.Type {
	case "":
		return nil, nil
	case UserForgotten: // says nothing else
	default:
		if err := r.compare(before, shown(&after, o)); err != nil {
			return nil, err
		}
		if r.Type == UserUpdated && len(r.Changed) == 0 {
			return nil, nil
		}
	}
	r.ID = recordID(c)
	return &r, nil
}

// recordType returns [UserUpdated] if no other type applies, and nothing if there can be no record.
func recordType(before *User, after User, c Change) RecordType {
	was, is := before != nil && !before.Removed, !after.Removed
	switch {
	case !was && c.FirstLoad:
		return ""
	case after.Kind == Forgotten && (before == nil || before.Kind != Forgotten):
		return UserForgotten
	case !was && !is, was && c.Source == FromProfile && before.Parts.Fields == nil:
		return ""
	case !was:
		return UserCreated
	case !is:
		return UserRemoved
	case after.Deleted && !before.Deleted:
		return UserDeactivated
	case before.Deleted && !after.Deleted:
		return UserReactivated
	}
	return UserUpdated
}

// compare fills in what changed, without the status.
func (r *Record) compare(before *User, after *object) error {
	all, err := differences(before, after)
	var old, now ijson.Object
	for _, d := range all {
		if d.path == statusPath {
			continue
		}
		r.Changed = append(r.Changed, d.path)
		if d.before != "" {
			old = append(old, ijson.Member{Name: d.path, Value: d.before})
		}
		if d.after != "" {
			now = append(now, ijson.Member{Name: d.path, Value: d.after})
		}
	}
	if len(r.Changed) > 0 || r.Type != UserUpdated { // most changes are of a status alone
		r.Before, r.After = json.RawMessage(old.Text()), json.RawMessage(now.Text())
	}
	return err
}

// ChangedFields returns the paths of the fields that readers see differently in
// after than in before (nil: nobody), as [Record.Changed] has them, and "status" for
// Slack's status, which history leaves out.
func ChangedFields(before *User, after User) ([]string, error) {
	o, err := parseShown(&after)
	if err != nil {
		return nil, err
	}
	all, err := differences(before, o)
	paths := make([]string, 0, len(all))
	for _, d := range all {
		paths = append(paths, d.path)
	}
	return slices.Compact(paths), err
}

// Paths that stand for several of Slack's fields.
const (
	statusPath = "status" // status_text, status_emoji, status_expiration
	imagePath  = "image"  // avatar_hash, which changes with the pictures
	fieldsPath = "profile.fields."
)

// difference is a field that differs. What is empty in any of Slack's ways is "".
type difference struct {
	path          string
	before, after ijson.Value
}

// differences returns how the core and the custom fields differ between what
// readers saw and see, sorted by path.
func differences(before *User, now *object) ([]difference, error) {
	old, err := parseShown(before)
	if err != nil {
		return nil, err
	}
	var all []difference
	add := func(path string, b, a ijson.Value) {
		if b != a {
			all = append(all, difference{path, b, a})
		}
	}
	compare := func(prefix string, core map[string]coreField, old, now ijson.Object) {
		ijson.Walk(old, now, func(name string, b, a ijson.Value) {
			if field, ok := core[name]; b != a && ok && !field.shownOnly {
				add(field.path(prefix+name), filled(b), filled(a))
			}
		})
	}
	compare("", coreTop, old.top, now.top)
	compare("enterprise_user.", coreEnterpriseUser, old.enterpriseUser, now.enterpriseUser)
	compare("profile.", coreProfile, old.profile, now.profile)
	if b, a := old.profile.Get("fields"), now.profile.Get("fields"); b != a {
		ijson.Walk(b.Object(), a.Object(), func(id string, b, a ijson.Value) {
			add(fieldsPath+id, filledField(b), filledField(a))
		})
	}
	slices.SortStableFunc(all, func(a, b difference) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// shown returns what readers see of u, whose document has that object: nothing of
// somebody removed or forgotten.
func shown(u *User, o *object) *object {
	if u.Removed || u.Kind == Forgotten {
		return &object{}
	}
	return o
}

// parseShown is shown for a user (nil: nobody) whose object is not parsed yet.
func parseShown(u *User) (*object, error) {
	if u == nil || u.Removed || u.Kind == Forgotten || len(u.Slack) == 0 {
		return &object{}, nil
	}
	return parseStored(u.Slack)
}

func filled(v ijson.Value) ijson.Value {
	if v.Empty() {
		return ""
	}
	return v
}

// filledField returns a custom field, or nothing if nobody has filled it in.
func filledField(v ijson.Value) ijson.Value {
	if v.Object().Get("value").Empty() {
		return ""
	}
	return v
}

// path is where history and other readers find a core field.
func (f coreField) path(path string) string {
	switch {
	case f.isStatus:
		return statusPath
	case strings.HasSuffix(path, ".avatar_hash"):
		return imagePath
	}
	return path
}
