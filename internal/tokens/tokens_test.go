package tokens

import (
	"strings"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	now := time.Now()
	seen := map[string]bool{}
	for range 100 {
		text, token, err := New("payroll", []string{"T1"}, Scopes, now, now.Add(time.Hour))
		if err != nil || !CanBe(text) || seen[text] || token.Hash != Hash(text) || strings.Contains(token.Hash+token.ID(), text) {
			t.Fatalf("%q, %+v, error %v", text, token, err)
		}
		if token.Revoked() || token.Expired(now) || token.Expired(now.Add(time.Hour-1)) || !token.Expired(now.Add(time.Hour)) {
			t.Errorf("%+v", token)
		}
		seen[text] = true
	}
	if never := (Token{}); never.Expired(now.AddDate(1000, 0, 0)) || never.Has(UsersRead) || !never.Has("") {
		t.Error("a token without an end, and without a scope")
	}
	for _, text := range []string{"", "rct_", "xoxb-" + strings.Repeat("x", 60), "rct_" + strings.Repeat("x", 39), "rct_" + strings.Repeat("x", 200)} {
		if CanBe(text) {
			t.Errorf("%q has the form of a token", text)
		}
	}
}

func TestValidate(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name               string
		workspaces, scopes []string
		expires            time.Time
		want               string
	}{
		{"a b-c_d/e.f", []string{"T1", "T2"}, []string{UsersRead}, time.Time{}, ""},
		{"", []string{"T1"}, []string{UsersRead}, time.Time{}, "name"},
		{"a\nb", []string{"T1"}, []string{UsersRead}, time.Time{}, "name"},
		{strings.Repeat("a", 65), []string{"T1"}, []string{UsersRead}, time.Time{}, "name"},
		{"a", nil, []string{UsersRead}, time.Time{}, "workspaces"},
		{"a", []string{"../x"}, []string{UsersRead}, time.Time{}, "not a Slack id"},
		{"a", make([]string, 101), []string{UsersRead}, time.Time{}, "workspaces"},
		{"a", []string{"T1"}, nil, time.Time{}, "scopes"},
		{"a", []string{"T1"}, []string{"users:write"}, time.Time{}, `unknown scope "users:write"`},
		{"a", []string{"T1"}, []string{UsersRead}, now, "expires"},
	} {
		_, _, err := New(tt.name, tt.workspaces, tt.scopes, now, tt.expires)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v", tt, err)
		}
	}
}
