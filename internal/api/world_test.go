package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/tokens"
)

const team = "T0ROLLCALL"

// world is an invented workspace, its copy, and the API that reads the copy.
type world struct {
	slack *fakeslack.Workspace
	store *sqlite.Store
	base  string // of the API
	log   *strings.Builder
}

// applier applies at once what the worker would.
type applier struct{ store *sqlite.Store }

func (a applier) Publish(ctx context.Context, c directory.Change) error {
	_, err := directory.ApplyTo(ctx, a.store, c, 24*time.Hour)
	return err
}

func newWorld(t testing.TB, o fakeslack.Options) *world {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	w := &world{slack: fakeslack.New(o), log: &strings.Builder{}}
	server := httptest.NewServer(w.slack.Handler())
	t.Cleanup(server.Close)
	w.slack.SetBaseURL(server.URL)
	var err error
	if w.store, err = sqlite.OpenTemporary(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.serve(t, 1_000_000, time.Now)
	return w
}

// serve serves the API, with what it needs of the store.
func (w *world) serve(t testing.TB, rate int, now func() time.Time) {
	t.Helper()
	front := httptest.NewServer(New(Options{People: w.store, Workspaces: w.store, History: w.store, Tokens: w.store, Rate: rate, Now: now,
		Log: slog.New(slog.NewJSONHandler(w.log, nil))}))
	t.Cleanup(front.Close)
	w.base = front.URL + "/api/"
}

// sync runs a full sync, and one more for the custom fields.
func (w *world) sync(t testing.TB) {
	t.Helper()
	o := fullsync.Options{Slack: webapi.New(w.slack.Options().BaseURL+"/api/", w.slack.Options().BotToken, w.slack.Options().Log),
		Store: w.store, Publisher: applier{w.store}, Log: w.slack.Options().Log, Profiles: 1_000_000}
	for range 2 {
		if _, err := fullsync.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// token makes a token for the workspace.
func (w *world) token(t testing.TB, scopes ...string) string {
	t.Helper()
	text, token, err := tokens.New("test", []string{team}, scopes, time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	return text
}

// apply applies events to the copy.
func (w *world) apply(t testing.TB, v directory.Version, users ...string) {
	t.Helper()
	for _, user := range users {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: json.RawMessage(user), Version: v, Source: directory.FromEvent})
		if err == nil {
			err = applier{w.store}.Publish(t.Context(), c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ask posts a form and returns the answer's header and JSON.
func (w *world) ask(t testing.TB, token, method string, args ...string) (http.Header, map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	status, header, answer := send(t, r)
	if status != http.StatusOK {
		t.Errorf("%s: status %d", method, status)
	}
	return header, answer
}

// send does not follow redirects, as SDKs do not.
func send(t testing.TB, r *http.Request) (int, http.Header, map[string]any) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v in %.200q", r.URL, err, body)
	}
	return resp.StatusCode, resp.Header, answer
}

// page reads a page of 1,000 people, uncompressed.
func (w *world) page(t testing.TB, token, cursor string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"users.list?limit=1000&cursor="+url.QueryEscape(cursor), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
