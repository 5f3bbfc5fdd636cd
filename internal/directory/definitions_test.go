package directory

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestParseFields: definitions as Slack's page team.profile.get has them, and with sections.
func TestParseFields(t *testing.T) {
	const answer = `{"sections":[{"id":"Ps1","label":"About me","order":2,"is_hidden":false},{"id":"Ps2","label":"Contact","order":1,"is_hidden":true},{"id":7}],"fields":[
		{"id":"Xf4","ordering":4,"label":"","type":"text","options":{"is_protected":1},"section_id":"Ps1"},
		{"id":"Xf1","ordering":1,"label":"House ","hint":"Obviously","type":"options_list","possible_values":["Gryffindor","Slytherin"],"options":null,"section_id":"Ps1"},
		{"id":"Xf0","ordering":0,"label":"Extension","type":"text","possible_values":null,"is_hidden":1,"section_id":"Ps1"},
		{"id":"Xf9","ordering":9,"label":"Facebook","type":"link","is_hidden":false,"section_id":"Ps2"},
		{"id":"Xf5","ordering":"five"},
		{"id":"../Xf","label":"no id"},
		{"id":"Xf2","ordering":2,"label":"Pets","type":"tags"}]}`
	got, err := ParseFields(json.RawMessage(answer))
	want := Fields{
		{ID: "Xf2", Label: "Pets", Type: "tags"},
		{ID: "Xf9", Label: "Facebook", Type: LinkField, Section: "Contact", Hidden: true},
		{ID: "Xf0", Label: "Extension", Type: TextField, Section: "About me", Hidden: true},
		{ID: "Xf1", Label: "House", Hint: "Obviously", Type: OptionsField, Options: []string{"Gryffindor", "Slytherin"}, Section: "About me"},
		{ID: "Xf4", Label: "Xf4", Type: TextField, Section: "About me"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Field{})); diff != "" || err != nil {
		t.Fatalf("error %v (-want +got):\n%s", err, diff)
	}
	if visible := got.Visible(); len(visible) != 3 || visible[1].ID != "Xf1" || len(got) != 5 {
		t.Errorf("visible: %v", visible)
	}

	u := User{Slack: custom(`"Xf0":{"value":"17","alt":""},"Xf1":{"value":"Slytherin","alt":""},"Xf2":{"value":"cats"},"Xf4":{"value":""},"Xf8":{"value":"x","alt":"y"}`)}
	var texts []string
	for _, v := range got.Of(u) {
		texts = append(texts, v.Field.Label+": "+v.Value+v.Alt)
	}
	if diff := cmp.Diff([]string{"Pets: cats", "House: Slytherin", "Xf8: xy"}, texts); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}

	if got, err := ParseFields(nil); got != nil || err != nil {
		t.Errorf("nothing: %v, error %v", got, err)
	}
	if _, err := ParseFields(json.RawMessage(`{"fields":7}`)); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestManager(t *testing.T) {
	for _, tt := range []struct{ name, fields, want string }{
		{"none", ``, ""},
		{"by its label", `{"id":"Xf1","label":"Buddy","type":"user"},{"id":"Xf2","label":"Reports To","type":"user"}`, "Xf2"},
		{"by Slack's name", `{"id":"Xf1","label":"Buddy","type":"user"},{"id":"Xf2","label":"Chef","field_name":"manager","type":"user"}`, "Xf2"},
		{"filled in by SCIM", `{"id":"Xf1","label":"Buddy","type":"user"},{"id":"Xf2","label":"Vorgesetzte","type":"user","options":{"is_scim":true}}`, "Xf2"},
		{"the name is better than SCIM", `{"id":"Xf1","label":"Chef","type":"user","options":{"is_scim":true}},{"id":"Xf2","label":"Manager","type":"user"}`, "Xf2"},
		{"an assistant is none", `{"id":"Xf1","label":"Assistant","type":"user"}`, ""},
		{"text names nobody", `{"id":"Xf1","label":"Manager","type":"text"}`, ""},
		{"hidden", `{"id":"Xf1","label":"Manager","type":"user","is_hidden":true}`, ""},
		{"the other way round", `{"id":"Xf1","label":"Manager","type":"user","is_inverse":true}`, ""},
	} {
		fields, err := ParseFields(json.RawMessage(`{"fields":[` + tt.fields + `]}`))
		if got, ok := fields.Manager(); got.ID != tt.want || ok != (tt.want != "") || err != nil {
			t.Errorf("%s: %q, error %v", tt.name, got.ID, err)
		}
	}
}

func TestFieldValuePeople(t *testing.T) {
	for value, want := range map[string][]string{
		"U024BE7LH": {"U024BE7LH"}, "U024BE7LH, W012A3CDE": {"U024BE7LH", "W012A3CDE"}, "USA": nil, "UNIVERSITY": {"UNIVERSITY"},
		"U024BE7LH and others": nil, "": nil, "u024be7lh": nil, "U024BE7LH,": nil,
	} {
		if got := (FieldValue{Value: value}).People(); !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
