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
	maxFieldFilters = 20
	// maxKey is how many letters of a value are indexed.
	maxKey = 80
)

var (
	fieldIDPattern = regexp.MustCompile(`^Xf[A-Za-z0-9]{1,62}$`)
	userIDPattern  = regexp.MustCompile(`^[UW][A-Z0-9]{8,63}$`)
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

// People returns the ids that a field of the type "user" holds. It needs no definition: the
// form of Slack's ids shows that a value is of that type.
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
func (u User) CustomFields() []FieldValue { return u.detail().fields }

// detail is what a person's page shows of Slack's profile, and [User] has no field for.
type detail struct {
	fields                     []FieldValue
	pronouns, skype, startDate string
}

// hasDetail reports whether Slack's object has any. It is much faster than parsing the object.
func hasDetail(object []byte) bool {
	_, pronouns, _ := bytes.Cut(object, []byte(`"pronouns":"`))
	_, skype, _ := bytes.Cut(object, []byte(`"skype":"`))
	_, startDate, _ := bytes.Cut(object, []byte(`"start_date":"`))
	return bytes.Contains(object, []byte(`"fields":{"`)) || slices.ContainsFunc([][]byte{pronouns, skype, startDate}, func(value []byte) bool { return len(value) > 0 && value[0] != '"' })
}

func (u User) detail() (d detail) {
	if !hasDetail(u.Slack) { // the usual case
		return d
	}
	o, err := ijson.ParseCanonical(u.Slack)
	if err != nil {
		return d // the next message or sync replaces the object
	}
	profile := member(o, "profile").Object()
	d.pronouns, d.skype, d.startDate = member(profile, "pronouns").String(), member(profile, "skype").String(), member(profile, "start_date").String()
	for _, m := range member(profile, "fields").Object() {
		value := m.Value.Object()
		if v := member(value, "value").String(); v != "" && fieldIDPattern.MatchString(m.Name) {
			d.fields = append(d.fields, FieldValue{ID: m.Name, Value: v, Alt: member(value, "alt").String()})
		}
	}
	slices.SortFunc(d.fields, func(a, b FieldValue) int { return strings.Compare(a.ID, b.ID) })
	d.fields = d.fields[:min(len(d.fields), maxFields)]
	return d
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
	// the people that it names. If empty, it selects everybody whose value names people.
	Value string
}

func (f FieldFilter) key() string { return firstLetters(Fold(f.Value), maxKey) }

// token is the index's token for f. No word contains the equals sign.
func (f FieldFilter) token() string { return f.ID + "=" + f.key() }

// fieldTokens returns the tokens of all filters that somebody with these values matches.
func fieldTokens(fields []FieldValue) (all []string) {
	named := 0
	for _, v := range fields {
		values := v.People()
		if len(values) > 0 {
			values = values[:min(len(values), maxNamed-named)]
			named += len(values)
			values = append(values, "")
		} else {
			values = []string{v.Value}
			if v.Alt != "" { // which people see instead
				values = append(values, v.Alt)
			}
		}
		for _, value := range values {
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
