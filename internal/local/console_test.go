package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
)

// TestConsole: one line for a change that readers see, and none for a repeat, a huddle, what was not known before or a
// full sync. Of invented people it has the name and the values, of real ones the names of the fields.
func TestConsole(t *testing.T) {
	for _, values := range []bool{true, false} {
		s, err := sqlite.OpenTemporary()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.PutTeamProfile(t.Context(), "T1", json.RawMessage(`{"fields":[
			{"id":"Xf1","label":"Department\u001b","type":"text"},{"id":"Xf2","label":"Manager","type":"user"},{"id":"Xf3","label":"","type":"text"}]}`)); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		watched := &watchedStore{Store: s, out: &out, address: "http://here", values: values}
		version := directory.Version(0)
		for _, step := range []struct {
			operation directory.Operation
			source    directory.Source
			user      string
			invented  string // without the time and the address; empty for nothing
			real      string
		}{
			{"insert", "sync", `"id":"U2","name":"grace","profile":{"real_name":"Grace Hopper"}`, "", ""},
			{"insert", "sync", `"name":"ada","profile":{"real_name":"Ada","title":"secret"}`, "", ""},
			{"update", "profile", `"profile":{"fields":{"Xf1":{"value":"secret1","alt":""}}}`, "", ""},
			{"update", "event", `"name":"ada","profile":{"real_name":"Ada","title":"secret2","status_text":"secret3","status_emoji":":secret:"}`,
				"Ada  title: secret → secret2, status: :secret: secret3", "changed title, status"},
			{"update", "event", `"name":"ada","profile":{"real_name":"Ada","title":"secret2","status_text":"secret4","status_emoji":":secret:"}`,
				"Ada  status: :secret: secret3 → :secret: secret4", "changed status"},
			{"update", "event", `"name":"ada","updated":7,"profile":{"real_name":"Ada","title":"secret2","huddle_state":"secret","status_text":"secret4","status_emoji":":secret:"}`, "", ""},
			{"update", "event", `"name":"ada","profile":{"real_name":"Ada","title":"secret2"}`, "Ada  status: none", "changed status"},
			{"update", "profile", `"profile":{"fields":{"Xf1":{"value":"secret5","alt":""},"Xf2":{"value":"U2","alt":""},"Xf3":{"value":"secret","alt":""}}}`,
				`Ada  Department\\u001b: secret1 → secret5, Manager: Grace Hopper, Xf3: secret`, `changed Department\\u001b, Manager, Xf3`},
			{"update", "event", `"name":"ada","tz":"secret","is_admin":true,"profile":{"real_name":"Ada King","title":"two\nlines","avatar_hash":"secret"}`,
				`Ada King  picture: another, admin: yes, name: Ada → Ada King, title: secret2 → two\\u000alines, time zone: secret`, "changed picture, admin, name, title, time zone"},
			{"update", "event", `"name":"ada","tz":"secret","profile":{"real_name":"Ada King","avatar_hash":"secret"}`,
				"Ada King  admin: no longer, title: none", "changed admin, title"},
			{"update", "sync", `"name":"ada","tz":"elsewhere","profile":{"real_name":"Ada King","avatar_hash":"secret"}`, "", ""},
			{"update", "event", `"name":"ada","deleted":true`, "ada  deactivated", "deactivated"},
			{"update", "event", `"name":"ada","profile":{"real_name":"Ada"}`, "Ada  reactivated", "reactivated"},
			{"delete", "sync", `"name":"ada"`, "", ""},
			{"insert", "event", `"name":"ada"`, "ada  joined", "joined"},
			{"update", "event", `"is_forgotten":true`, "somebody  forgotten", "forgotten"},
		} {
			out.Reset()
			version++
			object := "{" + step.user + "}"
			if !strings.Contains(object, `"id":"U`) {
				object = `{"id":"U1",` + step.user + "}"
			}
			c, err := directory.NewChange(directory.Change{Operation: step.operation, TeamID: "T1", Version: version, Source: step.source,
				InList: step.source == directory.FromSync, User: json.RawMessage(object)})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := directory.ApplyTo(t.Context(), watched, c, historyTTL); err != nil {
					t.Fatal(err)
				}
			}
			text := step.real
			if values {
				text = step.invented
			}
			want := regexp.MustCompile(`^$`)
			if text != "" {
				want = regexp.MustCompile(fmt.Sprintf(`^\d\d:\d\d:\d\d  %s  http://here/users/T1/U1\n$`, text))
			}
			if !want.MatchString(out.String()) || !values && strings.Contains(out.String(), "secret") {
				t.Errorf("%s: %q, want %q", step.user, &out, text)
			}
		}
	}
}
