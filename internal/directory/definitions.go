package directory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FieldType is the type of a custom field. Slack may add others, whose values are text too.
type FieldType string

// The types, as Slack calls them.
const (
	TextField    FieldType = "text"
	DateField    FieldType = "date" // a day like 2022-03-30
	LinkField    FieldType = "link" // an address, with its text in [FieldValue.Alt]
	OptionsField FieldType = "options_list"
	UserField    FieldType = "user" // see [FieldValue.People]
)

// Field is the definition of a custom field.
type Field struct {
	ID, Label, Hint string
	Type            FieldType
	Options         []string // of an [OptionsField]
	Hidden          bool     // from profiles, by the workspace's owners
	Section         string   // the label of the part of a profile that has the field; "" for none

	name      string // Slack's field_name
	inverse   bool   // the values follow from another field: reports from managers
	scim      bool   // an identity provider may set it
	placement [2]float64
}

// Fields are definitions, in the order in which profiles show them.
type Fields []Field

// definition is a field as team.profile.get has it.
type definition struct {
	ID, Label, Hint, Type string
	FieldName             string   `json:"field_name"`
	SectionID             string   `json:"section_id"`
	Ordering              float64  `json:"ordering"`
	PossibleValues        []string `json:"possible_values"`
	IsHidden              flag     `json:"is_hidden"`
	IsInverse             flag     `json:"is_inverse"`
	Options               struct {
		IsSCIM flag `json:"is_scim"`
	} `json:"options"`
}

// section is a part of a profile.
type section struct {
	ID, Label string
	Order     float64 `json:"order"`
	IsHidden  flag    `json:"is_hidden"`
}

// flag is true or, in the example on Slack's page, 1.
type flag bool

func (f *flag) UnmarshalJSON(text []byte) error {
	*f = string(text) == "true" || string(text) == "1"
	return nil
}

// ParseFields reads the profile in an answer of team.profile.get. Without a profile there are
// no fields. A definition that cannot be read is left out. An error wraps [ErrInvalid].
func ParseFields(teamProfile json.RawMessage) (all Fields, err error) {
	if len(teamProfile) == 0 {
		return nil, nil
	}
	var p struct{ Fields, Sections []json.RawMessage }
	if err := json.Unmarshal(teamProfile, &p); err != nil {
		return nil, fmt.Errorf("%w: team profile: %w", ErrInvalid, err)
	}
	sections := map[string]section{}
	for _, raw := range p.Sections {
		var s section
		if json.Unmarshal(raw, &s) == nil {
			sections[s.ID] = s
		}
	}
	for _, raw := range p.Fields {
		var d definition
		if json.Unmarshal(raw, &d) != nil || !fieldIDPattern.MatchString(d.ID) {
			continue
		}
		in := sections[d.SectionID]
		all = append(all, Field{ID: d.ID, Label: cmp.Or(strings.TrimSpace(d.Label), d.ID), Hint: d.Hint, Type: FieldType(d.Type), Options: d.PossibleValues,
			Hidden: bool(d.IsHidden || in.IsHidden), Section: in.Label,
			name: d.FieldName, inverse: bool(d.IsInverse), scim: bool(d.Options.IsSCIM), placement: [2]float64{in.Order, d.Ordering}})
	}
	slices.SortStableFunc(all, func(a, b Field) int { return slices.Compare(a.placement[:], b.placement[:]) })
	return all, nil
}

// Find returns the field with that id.
func (fs Fields) Find(id string) (Field, bool) {
	i := slices.IndexFunc(fs, func(f Field) bool { return f.ID == id })
	if i < 0 {
		return Field{}, false
	}
	return fs[i], true
}

// Visible returns the fields that profiles show.
func (fs Fields) Visible() Fields {
	return slices.DeleteFunc(slices.Clone(fs), func(f Field) bool { return f.Hidden })
}

// managerNames are what workspaces call the field that says whom somebody reports to.
var managerNames = []string{"manager", "supervisor", "reports to", "line manager", "people manager", "direct manager"}

// Manager returns the visible field that says whom somebody reports to: one with a name in
// managerNames or, failing that, one that identity providers fill in, whatever its name. The
// manager is the only person in SCIM's user schema (RFC 7643, section 4.3).
func (fs Fields) Manager() (Field, bool) {
	named := func(f Field) bool {
		return slices.Contains(managerNames, Fold(f.name)) || slices.Contains(managerNames, Fold(f.Label))
	}
	for _, is := range []func(Field) bool{named, func(f Field) bool { return f.scim }} {
		for _, f := range fs {
			if f.Type == UserField && !f.Hidden && !f.inverse && is(f) {
				return f, true
			}
		}
	}
	return Field{}, false
}

// LabelledValue is somebody's value with the definition of its field.
type LabelledValue struct {
	Field Field
	FieldValue
}

// Of returns u's values of visible fields, in the order of profiles. The values of fields
// without a definition come last, under the field's id: definitions are as old as the last full sync.
func (fs Fields) Of(u User) (all []LabelledValue) {
	values := u.CustomFields()
	for _, f := range fs {
		i := slices.IndexFunc(values, func(v FieldValue) bool { return v.ID == f.ID })
		if i >= 0 && !f.Hidden {
			all = append(all, LabelledValue{f, values[i]})
		}
	}
	for _, v := range values {
		if _, defined := fs.Find(v.ID); !defined {
			all = append(all, LabelledValue{Field{ID: v.ID, Label: v.ID, Type: TextField}, v})
		}
	}
	return all
}
