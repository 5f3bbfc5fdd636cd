package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// client is slack-go with another address.
func client(base, token string) *slack.Client { return slack.New(token, slack.OptionAPIURL(base)) }

// TestSlackGo: an unmodified slack-go gets from the API what it gets from Slack, person by person.
func TestSlackGo(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 2000})
	w.sync(t)
	theirs, ours := client(w.slack.Options().BaseURL+"/api/", w.slack.Options().BotToken), client(w.base, w.token(t, tokens.Scopes...))
	ctx := t.Context()

	list := func(c *slack.Client) map[string]slack.User {
		users, err := c.GetUsersContext(ctx, slack.GetUsersOptionLimit(170))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]slack.User{}
		for _, u := range users {
			if _, twice := all[u.ID]; twice {
				t.Errorf("%s is listed twice", u.ID)
			}
			all[u.ID] = kept(u)
		}
		return all
	}
	want, got := list(theirs), list(ours)
	if len(want) != 2000 {
		t.Errorf("Slack lists %d", len(want))
	}
	if diff := cmp.Diff(want, got, sameUsers); diff != "" {
		t.Errorf("users.list (-Slack +API):\n%.3000s", diff)
	}

	ids := slices.Sorted(maps.Keys(want))[:300]
	infos := map[string]map[string]slack.User{}
	for name, c := range map[string]*slack.Client{"slack": theirs, "api": ours} {
		infos[name] = map[string]slack.User{}
		users, err := c.GetUsersInfoContext(ctx, ids...)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range *users {
			if u.ID != ids[i] {
				t.Fatalf("%s answers %s in the place of %s", name, u.ID, ids[i])
			}
			infos[name][u.ID] = kept(u)
		}
	}
	if diff := cmp.Diff(infos["slack"], infos["api"], sameUsers); diff != "" {
		t.Errorf("users.info (-Slack +API):\n%.3000s", diff)
	}

	found := 0
	for _, id := range ids[:100] {
		profile := func(c *slack.Client) (map[string]slack.UserProfileCustomField, string) {
			p, err := c.GetUserProfileContext(ctx, &slack.GetUserProfileParameters{UserID: id, IncludeLabels: true})
			if err != nil {
				t.Fatal(err)
			}
			return p.Fields.ToMap(), p.RealName + p.Email
		}
		wantFields, wantNames := profile(theirs)
		gotFields, gotNames := profile(ours)
		found += len(gotFields)
		if u := want[id]; u.Deleted || u.IsBot { // nobody asks Slack for their fields
			continue
		}
		if diff := cmp.Diff(wantFields, gotFields, cmpopts.EquateEmpty()); diff != "" || wantNames != gotNames {
			t.Errorf("users.profile.get of %s: %s and %s (-Slack +API):\n%s", id, wantNames, gotNames, diff)
		}
		if email := want[id].Profile.Email; email != "" {
			u, err := ours.GetUserByEmailContext(ctx, strings.ToUpper(email))
			if err != nil || u.ID != id {
				t.Errorf("users.lookupByEmail of %s: %v, error %v", id, u, err)
			}
		}
	}
	if found == 0 {
		t.Error("nobody has custom fields")
	}

	for name, call := range map[string]func(c *slack.Client) (any, error){
		"emoji.list":       func(c *slack.Client) (any, error) { return c.GetEmojiContext(ctx) },
		"team.profile.get": func(c *slack.Client) (any, error) { return c.GetTeamProfileContext(ctx) },
		"team.info": func(c *slack.Client) (any, error) {
			info, err := c.GetTeamInfoContext(ctx)
			if err == nil {
				info.EmailDomain = "" // the copy has not got it
			}
			return info, err
		},
		"auth.test": func(c *slack.Client) (any, error) {
			a, err := c.AuthTestContext(ctx)
			if err != nil {
				return nil, err
			}
			return []any{a.URL, a.Team, a.TeamID}, nil
		},
		"user_not_found": func(c *slack.Client) (any, error) {
			_, err := c.GetUserInfoContext(ctx, "U0NOBODY")
			return err.Error(), nil
		},
		"user_not_found among several": func(c *slack.Client) (any, error) {
			_, err := c.GetUsersInfoContext(ctx, ids[0], "U0NOBODY")
			return err.Error(), nil
		},
		"invalid_auth": func(c *slack.Client) (any, error) {
			base := w.base
			if c == theirs {
				base = w.slack.Options().BaseURL + "/api/"
			}
			_, err := client(base, "xoxb-of-somebody-else").AuthTestContext(ctx)
			return err.Error(), nil
		},
		"limit_required": func(c *slack.Client) (any, error) {
			p := c.GetUsersPaginated(slack.GetUsersOptionLimit(0))
			_, err := p.Next(ctx)
			return err.Error(), nil
		},
		"invalid_limit": func(c *slack.Client) (any, error) {
			_, err := c.GetUsersPaginated(slack.GetUsersOptionLimit(1001)).Next(ctx)
			return err.Error(), nil
		},
	} {
		want, err1 := call(theirs)
		got, err2 := call(ours)
		if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("%s: errors %v and %v (-Slack +API):\n%s", name, err1, err2, diff)
		}
	}
}

// sameUsers ignores what the copy has from elsewhere: custom fields, which Slack's listings lack. It
// also ignores huddles, of which the copy believes only events.
var sameUsers = cmp.Options{
	cmpopts.IgnoreUnexported(slack.UserProfileCustomFields{}), cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(slack.UserProfile{}, "HuddleState", "HuddleStateExpirationTS"),
	// Slack itself says these of some people only in users.info or only in users.list.
	cmpopts.IgnoreFields(slack.User{}, "Has2FA"), cmpopts.IgnoreFields(slack.UserProfile{}, "GuestInvitedBy"),
}

// kept is what the copy keeps of somebody whom Slack has erased, and everything of anybody else.
func kept(u slack.User) slack.User {
	if u.Profile.RealName != "Deactivated User" {
		return u
	}
	return slack.User{ID: u.ID, TeamID: u.TeamID, Deleted: u.Deleted, Profile: slack.UserProfile{RealName: u.Profile.RealName}}
}

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
		if answer["ok"] != tt.email || !tt.email && answer["needed"] != tokens.EmailRead {
			t.Errorf("query with %v: %v", tt.scopes, answer)
		}
	}
	_, answer := w.ask(t, w.token(t, tokens.ProfileRead), "users.profile.get", "user", "U1")
	if text := fmt.Sprint(answer); answer["ok"] != true || strings.Contains(text, "@") || !strings.Contains(text, "badgeb") {
		t.Errorf("profile: %s", text)
	}
}

// TestWithheldOfAnyForm: what a token may not see is found wherever an older release has put it.
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
	w.apply(t, v+60_000_000, `{"id":"U4","team_id":"T0ROLLCALL","is_admin":true,"profile":{"real_name":"Dee Dee"}}`)
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
		{[]string{"query", "LOVE ad"}, []string{"U1"}},
		{[]string{"query", "cy"}, nil},
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

// TestErrors: what is wrong with a request, in Slack's words.
func TestErrors(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	w.sync(t)
	token := w.token(t, tokens.Scopes...)
	for _, tt := range []struct {
		method string
		args   []string
		want   string
	}{
		{"users.list", []string{"limit", "-1"}, "invalid_limit"},
		{"users.list", []string{"limit", "many"}, "invalid_limit"},
		{"users.list", []string{"limit", "1001"}, "invalid_limit"},
		{"users.list", []string{"cursor", "nonsense"}, "invalid_cursor"},
		{"users.list", []string{"status", "gone"}, "invalid_arguments"},
		{"users.list", []string{"kind", "member"}, "invalid_arguments"},
		{"users.list", []string{"query", "!"}, "invalid_arguments"},
		{"users.list", []string{"tz", strings.Repeat("x", 65)}, "invalid_arguments"},
		{"users.list", []string{"updated_since", "yesterday"}, "invalid_arguments"},
		{"users.list", []string{"updated_since", "1.1234567"}, "invalid_arguments"},
		{"users.list", []string{"updated_since", "999999999999"}, "invalid_arguments"},
		{"users.list", []string{"query", "\xff"}, "invalid_form_data"},
		{"users.info", []string{"users", strings.Repeat("U1,", 1001)}, "invalid_arguments"},
		{"team.info", []string{"team", "T0OTHER"}, "team_not_found"},
		{"team.profile.get", []string{"visibility", "some"}, "invalid_arguments"},
		{"changes.list", []string{"types", "user.renamed"}, "invalid_arguments"},
		{"changes.list", []string{"user", "a/b"}, "user_not_found"},
		{"changes.list", []string{"cursor", "nonsense"}, "invalid_cursor"},
		{"changes.list", []string{"oldest", "-1"}, "invalid_arguments"},
		{"chat.postMessage", nil, "unknown_method"},
		{"users.list/", nil, "unknown_method"},
		{"", nil, "unknown_method"},
		{"/users.list", nil, "unknown_method"},
		{"../api/users.list", nil, "unknown_method"},
		{"api.test", []string{"error", "my_error"}, "my_error"},
	} {
		if _, answer := w.ask(t, token, tt.method, tt.args...); answer["ok"] != false || answer["error"] != tt.want {
			t.Errorf("%s %v: %v, want %s", tt.method, tt.args, answer, tt.want)
		}
	}
}

// TestForms: arguments come as query, form and JSON, tokens in the header or in a form.
func TestForms(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 5})
	w.sync(t)
	token := w.token(t, tokens.Scopes...)
	const form, jsonType = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	for _, tt := range []struct {
		name, method, query, contentType, body, header string
		want                                           string
	}{
		{"query", "GET", "?limit=2", "", "", "Bearer " + token, ""},
		{"query of a POST", "POST", "?limit=2", "", "", "bearer " + token, ""},
		{"form", "POST", "", form, "limit=2", "Bearer " + token, ""},
		{"token in the form", "POST", "", form, "limit=2&token=" + token, "", ""},
		{"the form wins", "POST", "?limit=x", form, "limit=2&token=" + token, "", ""},
		{"JSON", "POST", "", jsonType, `{"limit":2,"cursor":null,"include_locale":true}`, "Bearer " + token, ""},
		{"JSON list", "POST", "", jsonType, `{"limit":2,"x":["a","b"]}`, "Bearer " + token, ""},
		{"token in JSON", "POST", "", jsonType, `{"token":"` + token + `"}`, "", "not_authed"},
		{"token in the address", "GET", "?token=" + token, "", "", "", "not_authed"},
		{"no token", "GET", "", "", "", "", "not_authed"},
		{"other scheme", "GET", "", "", "", "Basic " + token, "invalid_auth"},
		{"wrong token", "GET", "", "", "", "Bearer " + token[:len(token)-1] + "!", "invalid_auth"},
		{"short token", "GET", "", "", "", "Bearer rct_", "invalid_auth"},
		{"no JSON", "POST", "", jsonType, `{"limit":`, "Bearer " + token, "invalid_json"},
		{"two JSON", "POST", "", jsonType, `{}{}`, "Bearer " + token, "invalid_json"},
		{"JSON of another type", "POST", "", jsonType, `[]`, "Bearer " + token, "json_not_object"},
		{"null", "POST", "", jsonType, `null`, "Bearer " + token, "json_not_object"},
		{"JSON within", "POST", "", jsonType, `{"limit":{}}`, "Bearer " + token, "invalid_arguments"},
		{"broken form", "POST", "", form, "%zz", "Bearer " + token, "invalid_form_data"},
		{"broken query", "GET", "?%zz", "", "", "Bearer " + token, "invalid_arguments"},
		{"other type", "POST", "", "text/plain", "limit=2", "Bearer " + token, "invalid_post_type"},
		{"no type", "POST", "", "", "limit=2", "Bearer " + token, "invalid_post_type"},
		{"too much", "POST", "", form, "x=" + strings.Repeat("x", maxBody), "Bearer " + token, "invalid_arguments"},
		{"too many", "POST", "", form, strings.Repeat("&x", 1) + func() (s string) {
			for i := range maxArguments + 1 {
				s += fmt.Sprintf("&x%d=1", i)
			}
			return s
		}(), "Bearer " + token, "invalid_form_data"},
		{"other verb", "PUT", "?limit=2", "", "", "Bearer " + token, "unknown_method"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, w.base+"users.list"+tt.query, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		if tt.contentType != "" {
			r.Header.Set("Content-Type", tt.contentType)
		}
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		status, header, answer := send(t, r)
		got, _ := answer["error"].(string)
		if status != http.StatusOK || got != tt.want || answer["ok"] != (tt.want == "") {
			t.Errorf("%s: status %d, %v, want %q", tt.name, status, answer, tt.want)
		}
		if tt.want == "" && len(answer["members"].([]any)) != 2 {
			t.Errorf("%s: %v", tt.name, answer)
		}
		if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: header %v", tt.name, header)
		}
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("the log has a token")
	}
}

// TestWorkspaces: a token opens its workspaces and no other.
func TestWorkspaces(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	for _, id := range []string{"T1", "T2"} {
		if err := w.store.PutWorkspace(t.Context(), directory.Workspace{ID: id, Name: "Of " + id, URL: "https://x.slack.com/"}); err != nil {
			t.Fatal(err)
		}
	}
	text, stored, err := tokens.New("two", []string{"T1", "T2"}, tokens.Scopes, time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	lost, gone, err := tokens.New("purged", []string{"T9"}, tokens.Scopes, time.Now(), time.Time{})
	if err = errors.Join(err, w.store.PutToken(t.Context(), stored), w.store.PutToken(t.Context(), gone)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ token, method, team, want string }{
		{text, "users.list", "", "missing_argument"},
		{text, "users.list", "T2", ""},
		{text, "users.list", "T3", "team_access_not_granted"},
		{text, "auth.test", "", ""},
		{text, "team.info", "", "missing_argument"},
		{lost, "auth.test", "", "account_inactive"},
		{lost, "users.list", "T1", ""}, // is about T9, where there is nobody
	} {
		if _, answer := w.ask(t, tt.token, tt.method, "team_id", tt.team); answer["ok"] != (tt.want == "") || tt.want != "" && answer["error"] != tt.want {
			t.Errorf("%s in %q: %v, want %q", tt.method, tt.team, answer, tt.want)
		}
	}
	if _, answer := w.ask(t, text, "auth.test", "team_id", "T2"); answer["team"] != "Of T2" || answer["user"] != "two" || answer["user_id"] == "U" {
		t.Errorf("auth.test: %v", answer)
	}
}

// TestChanges: a program that goes on from the cursor it has gets every change once, for ever.
func TestChanges(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	token := w.token(t, tokens.Scopes...)
	v := directory.VersionOf(time.Now().Add(-time.Minute))
	read := func(cursor string, args ...string) (titles []string, next string) {
		for {
			_, answer := w.ask(t, token, "changes.list", append(args, "limit", "2", "cursor", cursor)...)
			if answer["ok"] != true {
				t.Fatal(answer)
			}
			for _, c := range answer["changes"].([]any) {
				c := c.(map[string]any)
				after, _ := c["after"].(map[string]any)
				titles = append(titles, fmt.Sprint(c["type"], " ", c["user_id"], " ", after["profile.title"]))
				if _, kept := c["expire_at"]; kept {
					t.Error("the store's own time is shown")
				}
			}
			if cursor = answer["response_metadata"].(map[string]any)["next_cursor"].(string); cursor == "" {
				t.Fatal("no cursor to go on from")
			}
			if answer["has_more"] != true {
				return titles, cursor
			}
		}
	}
	got, cursor := read("")
	if len(got) > 0 {
		t.Errorf("nothing happened yet: %v", got)
	}
	for i, title := range []string{"a", "b", "c"} {
		w.apply(t, v+directory.Version(i), `{"id":"U1","profile":{"title":"`+title+`"}}`)
	}
	if got, cursor = read(cursor); !slices.Equal(got, []string{"user.created U1 a", "user.updated U1 b", "user.updated U1 c"}) {
		t.Errorf("%v", got)
	}
	if got, again := read(cursor); len(got) > 0 || again != cursor {
		t.Errorf("again: %v", got)
	}
	w.apply(t, v+9, `{"id":"U2","deleted":true,"profile":{"title":"d"}}`)
	if got, _ := read(cursor); !slices.Equal(got, []string{"user.created U2 d"}) {
		t.Errorf("%v", got)
	}
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"types", "user.updated,user.removed"}, 2}, {[]string{"user", "U2"}, 1}, {[]string{"latest", "1"}, 0},
		{[]string{"oldest", fmt.Sprint(time.Now().Add(time.Minute).Unix())}, 0}, {[]string{"oldest", "1.5"}, 4},
	} {
		if got, _ := read("", tt.args...); len(got) != tt.want {
			t.Errorf("%v: %v", tt.args, got)
		}
	}
}
