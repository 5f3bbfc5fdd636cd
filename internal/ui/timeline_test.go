package ui

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

func TestTell(t *testing.T) {
	at := noon
	labels := map[string]string{"Xf1": "Desk", "Xf2": ""}
	record := func(kind directory.RecordType, before, after string, changed ...string) directory.Record {
		return directory.Record{Type: kind, At: at, Source: directory.FromEvent, Changed: changed, Before: json.RawMessage(before), After: json.RawMessage(after)}
	}
	for name, tt := range map[string]struct {
		record directory.Record
		what   string
		fields []fieldChange
	}{
		"title":         {record("user.updated", `{"profile.title":"Typographer"}`, `{"profile.title":"Lead typographer"}`, "profile.title"), "changed", []fieldChange{{Name: "Title", Before: "Typographer", After: "Lead typographer"}}},
		"added":         {record("user.updated", `{}`, `{"profile.phone":"+44"}`, "profile.phone"), "changed", []fieldChange{{Name: "Phone", After: "+44"}}},
		"role":          {record("user.updated", `{}`, `{"is_admin":true}`, "is_admin"), "new role", []fieldChange{{Name: "Admin", Flag: true, Before: "no", After: "yes"}}},
		"role and name": {record("user.updated", `{"is_owner":true,"name":"a"}`, `{"name":"b"}`, "is_owner", "name"), "new role", []fieldChange{{Name: "Owner", Flag: true, Before: "yes", After: "no"}, {Name: "Username", Before: "a", After: "b"}}},
		"name":          {record("user.updated", `{"profile.real_name":"A"}`, `{"profile.real_name":"B"}`, "profile.real_name"), "new name", []fieldChange{{Name: "Real name", Before: "A", After: "B"}}},
		"picture":       {record("user.updated", `{"image":"x"}`, `{"image":"y"}`, "image"), "changed", []fieldChange{{Name: "Picture", Hidden: true}}},
		"custom fields": {record("user.updated", `{"profile.fields.Xf1":{"alt":"","value":"4"}}`, `{"profile.fields.Xf1":{"alt":"Window","value":"5"},"profile.fields.Xf2":{"value":"x"},"profile.fields.Xf3":{"value":["y"]}}`,
			"profile.fields.Xf1", "profile.fields.Xf2", "profile.fields.Xf3"), "changed",
			[]fieldChange{{Name: "Desk", Custom: "Xf1", Before: "4", After: "Window (5)"}, {Name: "Xf2", Custom: "Xf2", After: "x"}, {Name: "Xf3", Custom: "Xf3", After: `{"value":["y"]}`}}},
		"unknown field":  {record("user.updated", `{"new":1}`, `{"new":[2]}`, "new"), "changed", []fieldChange{{Name: "new", Before: "1", After: "[2]"}}},
		"long value":     {record("user.updated", `{}`, `{"tz":"`+strings.Repeat("é", 300)+`"}`, "tz"), "changed", []fieldChange{{Name: "Time zone", After: strings.Repeat("é", 200) + "…"}}},
		"joined":         {record("user.created", `{}`, `{"name":"a"}`, "name"), "joined", nil},
		"removed":        {record("user.removed", `{"name":"a"}`, `{}`, "name"), "removed", nil},
		"forgotten":      {record("user.forgotten", ``, ``), "forgotten", nil},
		"deactivated":    {record("user.deactivated", `{"name":"a","tz":"Z"}`, `{"deleted":true,"name":"b"}`, "deleted", "name", "tz"), "left", []fieldChange{{Name: "Username", Before: "a", After: "b"}}},
		"back":           {record("user.reactivated", `{"deleted":true}`, `{"tz":"Z"}`, "deleted", "tz"), "came back", nil},
		"broken":         {record("user.updated", `[]`, `x`, "tz"), "changed", []fieldChange{{Name: "Time zone"}}},
		"a type of 2030": {record("user.merged", `{}`, `{}`), "user.merged", nil},
	} {
		want := told{What: tt.what, Updated: tt.record.Type == directory.UserUpdated, Fields: tt.fields, At: at, Source: "an event"}
		if diff := cmp.Diff(want, tell(tt.record, labels)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFieldNames: every core field of history has a name for people.
func TestFieldNames(t *testing.T) {
	full := user(t, `{"id":"U1","team_id":"T1","name":"n","deleted":true,"tz":"Z","is_admin":true,"is_owner":true,"is_primary_owner":true,"is_restricted":true,"is_ultra_restricted":true,
		"is_bot":true,"profile":{"real_name":"r","display_name":"d","title":"t","email":"e@example.com","phone":"1","skype":"s","pronouns":"p","start_date":"2022-01-01","avatar_hash":"a","fields":{"Xf1":{"value":"v"}}},
		"enterprise_user":{"id":"W1","enterprise_id":"E1","enterprise_name":"E","is_admin":true,"is_owner":true,"is_primary_owner":true}}`)
	paths, err := directory.ChangedFields(nil, full)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, path := range paths {
		if strings.HasPrefix(path, customFields) {
			continue
		}
		if knownFields[path].name == "" {
			t.Errorf("%s has no name", path)
		}
		known++
	}
	if known != len(knownFields)-1 { // is_forgotten: nothing is shown of forgotten people
		t.Errorf("%d of %d names are used: %v", known, len(knownFields), paths)
	}
}
