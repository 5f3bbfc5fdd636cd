package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
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

var ignoreConnectedAt = cmpopts.IgnoreFields(directory.Workspace{}, "ConnectedAt")

func TestWorkspace(t *testing.T) {
	w, c := start(t, fakeslack.Options{TeamID: "T7", Name: "Seven", Domain: "seven"})
	got, err := c.Workspace(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(directory.Workspace{ID: "T7", Name: w.Options().Name, URL: "https://seven.slack.com/", EmailDomain: "seven.example", Token: tokenTag(c.token)}, got, ignoreConnectedAt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if age := time.Since(got.ConnectedAt.Time()); age < 0 || age > 5*time.Second {
		t.Errorf("connected %v ago", age)
	}
}

// TestPermanentErrors: permanent errors are returned at once, with Slack's own name.
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

// TestRequest: a request of users.list is as on Slack's page: a form with limit
// and team, and the token only in the header.
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
	want := []map[string][]string{{}, {"limit": {"1000"}, "cursor": {""}, "team_id": {"T1"}, "include_locale": {"true"}}}
	if diff := cmp.Diff(want, forms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUser(t *testing.T) {
	w, c := start(t, fakeslack.Options{})
	id := w.ExternalIDs()[0]
	before := time.Now().Add(-2 * time.Second)
	user, version, err := c.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	person, _ := w.Person(id)
	if diff := cmp.Diff(string(person.InfoObject(true)), string(user)); diff != "" || version.Time().Before(before) || version.Time().After(time.Now()) {
		t.Errorf("at %v (-want +got):\n%s", version.Time(), diff)
	}
	if _, _, err := c.User(t.Context(), "U404"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(syncs.Usage{Calls: 3}, c.Usage()); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

// TestProfile: custom fields come as Slack sends them, and errors are about one user.
func TestProfile(t *testing.T) {
	w, c := start(t, fakeslack.Options{People: 40, Faults: fakeslack.Faults{InfoError: map[string]string{"U0": "unknown_error"}}})
	found := 0
	for _, person := range w.People() {
		fields, v, err := c.Profile(t.Context(), person.ID())
		if age := time.Since(v.Time()); err != nil || age < 0 || age > 5*time.Second {
			t.Fatalf("%s: error %v, version %v", person.ID(), err, v)
		}
		var want struct {
			Fields json.RawMessage `json:"fields"`
		}
		if err := json.Unmarshal(person.ProfileObject(false), &want); err != nil {
			t.Fatal(err)
		}
		if string(fields) != string(want.Fields) {
			t.Errorf("%s has %s, want %s", person.ID(), fields, want.Fields)
		}
		if len(fields) > 4 {
			found++
		}
	}
	if found < 10 {
		t.Errorf("only %d people have custom fields", found)
	}
	if _, _, err := c.Profile(t.Context(), "U404"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := c.Profile(t.Context(), "U0"); !errors.Is(err, syncs.ErrUnreadable) {
		t.Errorf("unreadable: %v", err)
	}
	profile, err := c.TeamProfile(t.Context())
	var defined struct {
		Fields []struct{ ID, Label, Type string } `json:"fields"`
	}
	if err != nil || json.Unmarshal(profile, &defined) != nil || len(defined.Fields) == 0 || defined.Fields[0].Label == "" {
		t.Errorf("team profile %s, error %v", profile, err)
	}

	_, c = start(t, fakeslack.Options{People: 5, Scopes: "users:read"})
	if profile, err := c.TeamProfile(t.Context()); profile != nil || err != nil {
		t.Errorf("without the scope: %s, error %v", profile, err)
	}
}

// TestRateLimitsAreCounted: rate limits are counted, and waited out for as long as Slack says.
func TestRateLimitsAreCounted(t *testing.T) {
	w, c := start(t, fakeslack.Options{People: 1500, Faults: fakeslack.Faults{RateLimitEvery: 2, RetryAfter: 1}})
	begin := time.Now()
	for _, err := range c.Users(t.Context(), w.Options().TeamID, "") {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(syncs.Usage{Calls: 4, Waits: 1, Waited: time.Second}, c.Usage()); diff != "" || time.Since(begin) < time.Second {
		t.Errorf("after %v usage (-want +got):\n%s", time.Since(begin), diff)
	}
}

// TestWorkspaceIcon: a workspace has its own icon, if there is one and the app may see it.
func TestWorkspaceIcon(t *testing.T) {
	for answer, want := range map[string]string{
		`{"ok":true,"team":{"icon":{"image_132":"https://a/b.png"}}}`:                      "https://a/b.png",
		`{"ok":true,"team":{"icon":{"image_132":"https://a/b.png","image_default":true}}}`: "",
		`{"ok":false,"error":"missing_scope","needed":"team:read"}`:                        "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := `{"ok":true,"team_id":"T1","team":"One","url":"https://one.slack.com/"}`
			if r.URL.Path == "/team.info" {
				body = answer
			}
			if _, err := w.Write([]byte(body)); err != nil {
				t.Error(err)
			}
		}))
		got, err := New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler)).Workspace(t.Context())
		server.Close()
		if diff := cmp.Diff(directory.Workspace{ID: "T1", Name: "One", URL: "https://one.slack.com/", Icon: want, Token: tokenTag("xoxb-1")}, got, ignoreConnectedAt); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", answer, err, diff)
		}
	}
}

// TestAdvice: an error that only a person can resolve comes at once, and says what to do.
func TestAdvice(t *testing.T) {
	for refused, want := range map[string]string{
		"invalid_auth": "SLACK_BOT_TOKENS", "account_inactive": "install it again", "token_revoked": "new bot token", "missing_scope": "users:read.email",
	} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			if _, err := w.Write([]byte(`{"ok":false,"error":"` + refused + `"}`)); err != nil {
				t.Error(err)
			}
		}))
		_, err := New(server.URL, "xoxb-sesame", slog.New(slog.DiscardHandler)).Workspace(t.Context())
		server.Close()
		if err == nil || !strings.Contains(err.Error(), refused) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") || calls != 1 {
			t.Errorf("after %d calls: %v", calls, err)
		}
	}
}

// TestFaultsOfTheNetwork: network faults are retried.
func TestFaultsOfTheNetwork(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch calls++; calls {
		case 1:
			panic(http.ErrAbortHandler) // the connection breaks
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		case 3:
			w.Write([]byte("<html>")) //nolint:errcheck // the test sees it
		case 4:
			w.Write([]byte(`{"ok":false,"error":"internal_error"}`)) //nolint:errcheck // likewise
		default:
			w.Write([]byte(`{"ok":true,"user":{"id":"U1"}}`)) //nolint:errcheck // likewise
		}
	}))
	defer server.Close()
	c := New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler))
	c.slackTime = time.Now()
	if user, _, err := c.User(t.Context(), "U1"); err != nil || string(user) != `{"id":"U1"}` || calls != 5 {
		t.Errorf("after %d calls: %s, %v", calls, user, err)
	}
}

func TestEmoji(t *testing.T) {
	_, c := start(t, fakeslack.Options{})
	if emoji, err := c.Emoji(t.Context()); err != nil || emoji["marlow"] != "alias:finch" {
		t.Errorf("%v, error %v", emoji, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"ok":false,"error":"missing_scope","needed":"emoji:read"}`)) //nolint:errcheck // a test
	}))
	defer server.Close()
	if emoji, err := New(server.URL, "t", slog.New(slog.DiscardHandler)).Emoji(t.Context()); emoji != nil || err != nil {
		t.Errorf("without the scope: %v, error %v", emoji, err)
	}
}

// answering is a Slack that answers every call with the body, and with the Date unless it is empty.
func answering(t *testing.T, date, body string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		if date != "" {
			w.Header().Set("Date", date)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler))
}

// TestDisconnected: only Slack's refusals of the token disconnect a workspace.
func TestDisconnected(t *testing.T) {
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	for body, want := range map[string]bool{
		`{"ok":false,"error":"account_inactive"}`: true,
		`{"ok":false,"error":"token_revoked"}`:    true,
		`{"ok":false,"error":"token_expired"}`:    true,
		`{"ok":false,"error":"invalid_auth"}`:     true,
		`{"ok":false,"error":"not_authed"}`:       true,
		`{"ok":false,"error":"missing_scope"}`:    false,
		`{"ok":false,"error":"access_denied"}`:    false,
	} {
		c := answering(t, at.UTC().Format(http.TimeFormat), body)
		w, err := c.Workspace(t.Context())
		refusal, is := errors.AsType[*syncs.DisconnectedError](err)
		if is != want || errors.Is(err, syncs.ErrDisconnected) != want || w.ID != "" || w.Token != tokenTag("xoxb-1") {
			t.Errorf("%s: %+v, error %v", body, w, err)
		}
		if is && refusal.At != directory.VersionOf(at) {
			t.Errorf("%s: at %v", body, refusal.At.Time())
		}
	}
	c := answering(t, "", "")
	c.http.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Workspace(ctx); err == nil || errors.Is(err, syncs.ErrDisconnected) {
		t.Errorf("without network: %v", err)
	}
}

// TestOrganisationsToken: an organisation's token is refused.
func TestOrganisationsToken(t *testing.T) {
	for _, body := range []string{`{"ok":true,"team_id":"T1","is_enterprise_install":true}`, `{"ok":true,"team_id":"E1"}`} {
		if _, err := answering(t, "", body).Workspace(t.Context()); err == nil || !strings.Contains(err.Error(), "install the app in each workspace") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestUnreadable: an error about one person is told apart from errors about all.
func TestUnreadable(t *testing.T) {
	for body, want := range map[string]bool{
		`{"ok":false,"error":"user_is_haunted"}`: true,
		`{"ok":false,"error":"missing_scope"}`:   false,
		`{"ok":false,"error":"token_revoked"}`:   false,
	} {
		c := answering(t, "", body)
		c.slackTime = time.Now()
		if _, _, err := c.User(t.Context(), "U1"); errors.Is(err, syncs.ErrUnreadable) != want || err == nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestTokenTag(t *testing.T) {
	if got := tokenTag("xoxb-1"); len(got) != 16 || got == tokenTag("xoxb-2") || got != tokenTag("xoxb-1") {
		t.Errorf("%q", got)
	}
}
