package directory

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"rollcall/internal/ijson"
)

const (
	// maxFields bounds the custom fields that a user is found by. Slack's limit is lower.
	maxFields = 50
	// maxPeople bounds the people whom the value of a field names.
	maxPeople = 10
	// maxFieldFilters bounds the custom fields of a [Filter].
	maxFieldFilters = 5
	// maxKey is how many letters of a value are indexed.
	maxKey = 80
)

var (
	fieldIDPattern  = regexp.MustCompile(`^Xf[A-Za-z0-9]{1,62}$`)
	userIDPattern   = regexp.MustCompile(`^[UW][A-Z0-9]{8,63}$`)
	hasCustomFields = []byte(`"fields":{"`)
)

// FieldValue is somebody's value of a custom field.
type FieldValue struct {
	ID string // of the field
	// Value is text, whatever the field's type is: a day like 2022-03-30, an address,
	// one of the options, or ids of people with commas between them.
	Value string
	// Alt is shown in place of Value, if it is there. Links have it.
	Alt string
}

// People returns the ids that a field of the type "user" holds. Whoever has only the value
// tells by the form of Slack's ids that it is of that type.
func (v FieldValue) People() []string {
	if len(v.Value) < 2 || v.Value[0] != 'U' && v.Value[0] != 'W' {
		return nil
	}
	ids := strings.Split(v.Value, ",")
	for i := range ids {
		if ids[i] = strings.TrimSpace(ids[i]); !userIDPattern.MatchString(ids[i]) {
			return nil
		}
	}
	return ids[:min(len(ids), maxPeople)]
}

// CustomFields returns u's values of custom fields that have any, ordered by the field's id.
func (u User) CustomFields() (all []FieldValue) {
	if !bytes.Contains(u.Slack, hasCustomFields) { // most often, and parsing takes time
		return nil
	}
	o, err := ijson.ParseCanonical(u.Slack)
	if err != nil {
		return nil // the next message or sync brings the object anew
	}
	for _, m := range member(member(o, "profile").Object(), "fields").Object() {
		value := m.Value.Object()
		if v := member(value, "value").String(); v != "" && fieldIDPattern.MatchString(m.Name) {
			all = append(all, FieldValue{ID: m.Name, Value: v, Alt: member(value, "alt").String()})
		}
	}
	slices.SortFunc(all, func(a, b FieldValue) int { return strings.Compare(a.ID, b.ID) })
	return all[:min(len(all), maxFields)]
}

// member is [ijson.Object.Get] for what an older release may have stored, with names in any order.
func member(o ijson.Object, name string) ijson.Value {
	if i := slices.IndexFunc(o, func(m ijson.Member) bool { return m.Name == name }); i >= 0 {
		return o[i].Value
	}
	return ""
}

// FieldFilter selects users by a custom field.
type FieldFilter struct {
	ID string // of the field
	// Value is the whole value, whose case and accents do not matter, or the id of one of
	// the people that it names. Empty, it selects everybody whose value names people.
	Value string
}

func (f FieldFilter) key() string { return firstLetters(Fold(f.Value), maxKey) }

// token is the index's. No word has the sign in it.
func (f FieldFilter) token() string { return f.ID + "=" + f.key() }

// fieldTokens returns the tokens of all filters that somebody with these values matches.
func fieldTokens(fields []FieldValue) (all []string) {
	for _, v := range fields {
		people := v.People()
		if len(people) > 0 {
			people = append(people, "")
		} else {
			people = []string{v.Value}
		}
		for _, value := range people {
			f := FieldFilter{v.ID, value}
			if value != "" && f.key() == "" { // nothing but marks
				continue
			}
			all = append(all, f.token())
		}
	}
	return all
}

func (f Filter) matchesFields(u User) bool {
	if len(f.Fields) == 0 {
		return true
	}
	has := fieldTokens(u.CustomFields())
	return !slices.ContainsFunc(f.Fields, func(field FieldFilter) bool { return !slices.Contains(has, field.token()) })
}
