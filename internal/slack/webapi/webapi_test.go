package webapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

func start(t *testing.T, o fakeslack.Options) (*fakeslack.Workspace, *Client) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	w := fakeslack.New(o)
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	c := New(server.URL+"/api", w.Options().BotToken, slog.New(slog.DiscardHandler))
	c.wait = time.Second
	return w, c
}

func TestWorkspace(t *testing.T) {
	w, c := start(t, fakeslack.Options{TeamID: "T7", Name: "Seven", Domain: "seven"})
	got, err := c.Workspace(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(directory.Workspace{ID: "T7", Name: w.Options().Name, URL: "https://seven.slack.com/"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUsers: everybody is listed once and whole, through every fault that Slack is known for.
func TestUsers(t *testing.T) {
	for name, faults := range map[string]fakeslack.Faults{
		"undisturbed":           {},
		"429":                   {RateLimitEvery: 2, RetryAfter: 1},
		"ratelimited in a 200":  {RatelimitedIn200Every: 3, RetryAfter: 1},
		"500":                   {ErrorEvery: 2},
		"short and empty pages": {ShortPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := 1200
			if name == "ratelimited in a 200" {
				people = 2500 // three pages
			}
			w, c := start(t, fakeslack.Options{People: people, Faults: faults})
			var got []string
			before := time.Now().Add(-2 * time.Second)
			for page, err := range c.Users(t.Context(), w.Options().TeamID, "") {
				if err != nil {
					t.Fatal(err)
				}
				if at := page.Version.Time(); at.Before(before) || at.After(time.Now()) {
					t.Errorf("version is at %v", at)
				}
				for _, u := range page.Users {
					got = append(got, string(u))
				}
			}
			var want []string
			for _, u := range w.Users() {
				want = append(want, string(u))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
		})
	}
}

// TestPermanentErrors are told at once, by Slack's own word.
func TestPermanentErrors(t *testing.T) {
	_, c := start(t, fakeslack.Options{})
	c.token = "xoxb-wrong"
	_, err := c.Workspace(t.Context())
	if wrong, ok := errors.AsType[slackgo.SlackErrorResponse](err); !ok || wrong.Err != "invalid_auth" {
		t.Errorf("error %v", err)
	}
	for _, err := range c.Users(t.Context(), "T1", "") {
		if err == nil {
			t.Error("a page without a valid token")
		}
	}
}

// TestRequest: users.list is asked as Slack's page says: by form, with a limit
// and the team, and the token in the header only.
func TestRequest(t *testing.T) {
	var forms []map[string][]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Header.Get("Authorization") != "Bearer xoxb-1" || r.Method != http.MethodPost {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		forms = append(forms, r.PostForm)
		if err := json.NewEncoder(w).Encode(map[string]any{"ok": true, "members": []any{}, "team_id": "T1"}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	for _, err := range New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler)).Users(t.Context(), "T1", "") {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []map[string][]string{{}, {"limit": {"1000"}, "cursor": {""}, "team_id": {"T1"}}}
	if diff := cmp.Diff(want, forms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
