package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// TestScopes: each method refuses a token without its scope and says what it needs.
func TestScopes(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 10})
	w.sync(t)
	w.apply(t, directory.VersionOf(time.Now()), `{"id":"U1","profile":{"email":"ada@example.com","fields":{"Xf1":{"value":"secret"}}}}`)
	args := map[string][]string{
		"users.info": {"user", "U1"}, "users.profile.get": {"user", "U1"}, "users.lookupByEmail": {"email", "ada@example.com"}, "users.list": {"limit", "5"},
	}
	for name, m := range methods {
		for _, scope := range tokens.Scopes {
			header, answer := w.ask(t, w.token(t, scope), name, args[name]...)
			allowed := m.scope == "" || m.scope == scope
			if answer["ok"] != allowed || !allowed && (answer["error"] != "missing_scope" || answer["needed"] != m.scope || answer["provided"] != scope) {
				t.Errorf("%s with %s: %v", name, scope, answer)
			}
			if header.Get("X-Accepted-OAuth-Scopes") != m.scope || !m.open && header.Get("X-OAuth-Scopes") != scope {
				t.Errorf("%s with %s: header %v", name, scope, header)
			}
		}
		if _, answer := w.ask(t, "", name, args[name]...); m.open != (answer["ok"] == true) || !m.open && answer["error"] != "not_authed" {
			t.Errorf("%s without a token: %v", name, answer)
		}
	}
}

// TestWithheld: e-mail addresses and custom fields need scopes of their own, wherever they are.
func TestWithheld(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	now := time.Now()
	for i, title := range []string{"a", "b"} {
		w.apply(t, directory.VersionOf(now)+directory.Version(i),
			fmt.Sprintf(`{"id":"U1","name":"<ada>","profile":{"email":"ada%s@example.com","title":%q,"fields":{"Xf1":{"value":"badge%s"}}}}`, title, title, title))
	}
	for _, tt := range []struct {
		scopes        []string
		email, fields bool
	}{
		{nil, false, false},
		{[]string{tokens.EmailRead}, true, false},
		{[]string{tokens.ProfileRead}, false, true},
		{[]string{tokens.EmailRead, tokens.ProfileRead}, true, true},
	} {
		token := w.token(t, append(tt.scopes, tokens.UsersRead, tokens.ChangesRead)...)
		for name, args := range map[string][]string{"users.list": nil, "users.info": {"user", "U1"}, "changes.list": nil} {
			_, answer := w.ask(t, token, name, args...)
			text := fmt.Sprint(answer)
			if answer["ok"] != true || strings.Contains(text, "@example.com") != tt.email || strings.Contains(text, "badge") != tt.fields || !strings.Contains(text, "title") {
				t.Errorf("%s with %v: %s", name, tt.scopes, text)
			}
		}
		_, answer := w.ask(t, token, "users.list", "query", "ada")
		if answer["ok"] != (tt.email && tt.fields) || !tt.email && answer["needed"] != tokens.EmailRead || tt.email && !tt.fields && answer["needed"] != tokens.ProfileRead {
			t.Errorf("query with %v: %v", tt.scopes, answer)
		}
	}
	_, answer := w.ask(t, w.token(t, tokens.ProfileRead), "users.profile.get", "user", "U1")
	if text := fmt.Sprint(answer); answer["ok"] != true || strings.Contains(text, "@") || !strings.Contains(text, "badgeb") {
		t.Errorf("profile: %s", text)
	}
}

// TestWithheldOfAnyForm: what a token may not see is left out, in whatever form an older release stored it.
func TestWithheldOfAnyForm(t *testing.T) {
	for _, object := range []string{
		`{"profile":{"title":"t","email":"secret"},"id":"U1"}`, `{"z":1,"profile":{"fields":{"Xf1":"secret"},"email":"secret","a":1},"id":"U1"}`,
		`{"id":"U1","profile":{"em\u0061il":"secret"}}`, `{"id":"U1","profile":["secret"]}`, `{"pr\u006ffile":{"email":"secret"},"id":"U1"}`,
	} {
		o, err := visible(directory.User{ID: "U1", Slack: json.RawMessage(object)}, tokens.Token{Scopes: []string{tokens.UsersRead}})
		if err != nil || !json.Valid(o) || strings.Contains(string(o), "secret") || !strings.Contains(string(o), `"U1"`) {
			t.Errorf("%s: %s, error %v", object, o, err)
		}
	}
}

// TestWho: who is listed and who is found.
func TestWho(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	v := directory.VersionOf(time.Now().Add(-time.Hour))
	w.apply(t, v, `{"id":"U1","team_id":"T0ROLLCALL","profile":{"email":"Ada@Example.com","real_name":"Ada Lovelace"},"tz":"Europe/London"}`,
		`{"id":"U2","team_id":"T0ROLLCALL","deleted":true,"profile":{"email":"bo@example.com","real_name":"Bo"}}`,
		`{"id":"U3","team_id":"T0ELSEWHERE","profile":{"email":"cy@example.com","real_name":"Cy"}}`,
		`{"id":"U4","team_id":"T0ROLLCALL","is_admin":true,"profile":{"real_name":"Dee"}}`,
		`{"id":"U5","team_id":"T0ROLLCALL","is_forgotten":true,"profile":{"real_name":"Eve"}}`,
		`{"id":"U6","team_id":"T0ROLLCALL","profile":{"email":"fi@example.com","real_name":"Fi"}}`)
	gone, err := directory.NewChange(directory.Change{Operation: directory.Delete, TeamID: team, User: json.RawMessage(`{"id":"U6"}`), Version: v + 1, Source: directory.FromSync})
	if err == nil {
		err = applier{w.store}.Publish(t.Context(), gone)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.apply(t, v+60_000_000, `{"id":"U4","team_id":"T0ROLLCALL","is_admin":true,"profile":{"real_name":"Dee Dee","phone":"020 7946 0018","status_text":"On holiday","fields":{"Xf1":{"value":"Typography"}}}}`)
	token := w.token(t, tokens.Scopes...)
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"U1", "U2", "U4", "U5"}},
		{[]string{"limit", "2"}, []string{"U1", "U2", "U4", "U5"}},
		{[]string{"status", "active"}, []string{"U1", "U4"}},
		{[]string{"status", "deactivated"}, []string{"U2", "U5"}},
		{[]string{"kind", "admins"}, []string{"U4"}},
		{[]string{"kind", "external"}, []string{"U3"}},
		{[]string{"tz", "Europe/London"}, []string{"U1"}},
		{[]string{"tz", "Asia/Tokyo,Europe/London"}, nil}, // it is one name
		{[]string{"query", "LOVE ad"}, []string{"U1"}},
		{[]string{"query", "cy"}, nil},
		{[]string{"query", "+44 20 7946 0018"}, []string{"U4"}},
		{[]string{"query", "dee holi"}, []string{"U4"}},
		{[]string{"query", "typography"}, []string{"U4"}},
		{[]string{"updated_since", strconv.FormatInt(v.Time().Unix()+30, 10)}, []string{"U4"}},
		{[]string{"updated_since", "1", "limit", "1"}, []string{"U1", "U2", "U4", "U5"}},
	} {
		var got []string
		for cursor := "start"; cursor != ""; {
			if cursor == "start" {
				cursor = ""
			}
			_, answer := w.ask(t, token, "users.list", append(tt.args, "cursor", cursor)...)
			if answer["ok"] != true {
				t.Fatalf("%v: %v", tt.args, answer)
			}
			for _, m := range answer["members"].([]any) {
				got = append(got, m.(map[string]any)["id"].(string))
			}
			cursor = answer["response_metadata"].(map[string]any)["next_cursor"].(string)
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("users.list %v: %v, want %v", tt.args, got, tt.want)
		}
	}
	for _, tt := range []struct {
		method string
		args   []string
		want   string // an id or an error
	}{
		{"users.info", []string{"user", "U3"}, "U3"},
		{"users.info", []string{"user", "U2"}, "U2"},
		{"users.info", []string{"user", "U6"}, "user_not_found"},
		{"users.info", []string{"user", "a/b"}, "user_not_found"},
		{"users.info", nil, "user_not_found"},
		{"users.profile.get", nil, "user_not_found"},
		{"users.lookupByEmail", []string{"email", "ADA@example.COM "}, "U1"},
		{"users.lookupByEmail", []string{"email", "bo@example.com"}, "users_not_found"},
		{"users.lookupByEmail", []string{"email", "bo@example.com", "include_deactivated", "true"}, "U2"},
		{"users.lookupByEmail", []string{"email", "cy@example.com"}, "users_not_found"},
		{"users.lookupByEmail", []string{"email", "fi@example.com"}, "users_not_found"},
		{"users.lookupByEmail", nil, "users_not_found"},
	} {
		_, answer := w.ask(t, token, tt.method, tt.args...)
		got, _ := answer["error"].(string)
		if u, ok := answer["user"].(map[string]any); ok {
			got = u["id"].(string)
		}
		if got != tt.want {
			t.Errorf("%s %v: %s, want %s", tt.method, tt.args, got, tt.want)
		}
	}
	if text := w.log.String(); strings.Contains(text, "Lovelace") || strings.Contains(text, "example.com") || strings.Contains(strings.ToLower(text), "love") || !strings.Contains(text, `"token":"test"`) {
		t.Error("the log names what was searched for, or not the token")
	}
}
