package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

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
