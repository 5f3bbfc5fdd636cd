package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack"
)

const secret = "sesame-signing-secret"

// publisher records changes, after a delay or with an error.
type publisher struct {
	published []directory.Change
	err       error
	takes     time.Duration
}

func (p *publisher) Publish(ctx context.Context, c directory.Change) error {
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.err == nil {
		p.published = append(p.published, c)
	}
	return p.err
}

func event(inner string) string {
	return `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1648596712,"event":` + inner + `}`
}

func signed(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/slack/events", strings.NewReader(body))
	r.Header = fakeslack.Sign(secret, time.Now(), []byte(body))
	return r
}

// TestAnswers has every row of the table in the package comment.
func TestAnswers(t *testing.T) {
	const user = `"event_ts":"1648596712.000001","user":{"id":"U1","name":"ada","profile":{"email":"ada@example.com"}}`
	change := event(`{"type":"user_change",` + user + `}`)
	unsigned := func(spoil func(http.Header)) *http.Request {
		r := signed(change)
		spoil(r.Header)
		return r
	}
	method := func(m string) *http.Request {
		r := signed(change)
		r.Method = m
		return r
	}
	tests := []struct {
		name      string
		request   *http.Request
		publisher publisher
		status    int
		body      string // of a 200
		published int
		appID     string
	}{
		{name: "no signature", request: unsigned(func(h http.Header) { h.Del("X-Slack-Signature") }), status: 401},
		{name: "wrong signature", request: unsigned(func(h http.Header) { h.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64)) }), status: 401},
		{name: "not v0", request: unsigned(func(h http.Header) { h.Set("X-Slack-Signature", "v1"+h.Get("X-Slack-Signature")[2:]) }), status: 401},
		{name: "no timestamp", request: unsigned(func(h http.Header) { h.Del("X-Slack-Request-Timestamp") }), status: 401},
		{name: "timestamp in words", request: unsigned(func(h http.Header) { h.Set("X-Slack-Request-Timestamp", "now") }), status: 401},
		{name: "old", request: unsigned(func(h http.Header) {
			maps.Copy(h, fakeslack.Sign(secret, time.Now().Add(-6*time.Minute), []byte(change)))
		}), status: 401},
		{name: "unsigned and too large", request: httptest.NewRequest(http.MethodPost, "/slack/events", strings.NewReader(strings.Repeat(" ", 2<<20))), status: 401},
		{name: "too large", request: signed(`"` + strings.Repeat("x", 1<<20) + `"`), status: 413},
		{name: "as large as may be", request: signed(`{"type":"x","pad":"` + strings.Repeat("x", 1<<20-22) + `"}`), status: 200},
		{name: "GET", request: method(http.MethodGet), status: 405},
		{name: "PUT", request: method(http.MethodPut), status: 405},
		{name: "another path", request: httptest.NewRequest(http.MethodPost, "/", nil), status: 404},
		{name: "not JSON", request: signed("payload=1"), status: 400},
		{name: "challenge", request: signed(`{"type":"url_verification","challenge":"<abc>"}`), status: 200, body: "<abc>"},
		{name: "team_join", request: signed(event(`{"type":"team_join",` + user + `}`)), status: 200, published: 1},
		{name: "user_change", request: signed(change), status: 200, published: 1},
		{name: "user_profile_changed", request: signed(event(`{"type":"user_profile_changed",` + user + `}`)), status: 200},
		{name: "user_status_changed", request: signed(event(`{"type":"user_status_changed",` + user + `}`)), status: 200},
		{name: "user_huddle_changed", request: signed(event(`{"type":"user_huddle_changed",` + user + `}`)), status: 200},
		{name: "app_uninstalled", request: signed(event(`{"type":"app_uninstalled","event_ts":"1.0"}`)), status: 200, published: 1},
		{name: "no workspace", request: signed(strings.Replace(change, "T1", "", 1)), status: 200},
		{name: "our app's", request: signed(strings.Replace(change, "{", `{"api_app_id":"A1",`, 1)), appID: "A1", status: 200, published: 1},
		{name: "another app's", request: signed(strings.Replace(change, "{", `{"api_app_id":"A2",`, 1)), appID: "A1", status: 200},
		{name: "no app's", request: signed(change), appID: "A1", status: 200},
		{name: "another app's challenge", request: signed(`{"type":"url_verification","challenge":"abc"}`), appID: "A1", status: 200, body: "abc"},
		{name: "no user", request: signed(event(`{"type":"user_change","event_ts":"1.0"}`)), status: 400},
		{name: "no user.id", request: signed(event(`{"type":"team_join","event_ts":"1.0","user":{"name":"x"}}`)), status: 400},
		{name: "app_rate_limited", request: signed(`{"type":"app_rate_limited","team_id":"T1","minute_rate_limited":1}`), status: 200},
		{name: "an event that slack-go knows", request: signed(event(`{"type":"reaction_added","user":"U1"}`)), status: 200},
		{name: "an event that nobody knows", request: signed(event(`{"type":"user_teleported","user":"U1"}`)), status: 200},
		{name: "another type", request: signed(`{"type":"block_actions"}`), status: 200},
		{name: "Pub/Sub refuses", request: signed(change), publisher: publisher{err: errors.New("unavailable")}, status: 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			w := httptest.NewRecorder()
			New(slack.NewVerifier(secret), &tt.publisher, tt.appID, slog.New(slog.NewJSONHandler(&log, nil))).ServeHTTP(w, tt.request)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			want := tt.body
			if tt.status != 200 {
				want = http.StatusText(tt.status) + "\n"
			}
			if tt.status != 404 && strings.TrimSpace(w.Body.String()) != strings.TrimSpace(want) {
				t.Errorf("body %q, want %q", w.Body, want)
			}
			if len(tt.publisher.published) != tt.published {
				t.Errorf("published %d, want %d", len(tt.publisher.published), tt.published)
			}
			for _, s := range []string{secret, "ada", tt.request.Header.Get("X-Slack-Signature")} {
				if s != "" && strings.Contains(log.String(), s) {
					t.Errorf("the log has %q: %s", s, log.String())
				}
			}
		})
	}
}

func TestPublishedChange(t *testing.T) {
	p := &publisher{}
	const user = `{"id":"U1","name":"<ada>","new":[[1.10]]}`
	r := signed(event(`{"type":"user_change","event_ts":"1648596712.000001","user":` + user + `}`))
	New(slack.NewVerifier(secret), p, "", slog.New(slog.DiscardHandler)).ServeHTTP(httptest.NewRecorder(), r)
	want := []directory.Change{{
		Operation: directory.Update, TeamID: "T1", User: json.RawMessage(user), Version: 1648596712000001,
		Source: directory.FromEvent, EventID: "Ev1", UserID: "U1", EventType: "user_change",
	}}
	if diff := cmp.Diff(want, p.published); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSlowPublish: however slow Pub/Sub is, Slack has its answer within 2.5 s.
func TestSlowPublish(t *testing.T) {
	for _, takes := range []time.Duration{2 * time.Second, time.Hour} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := httptest.NewRecorder()
				r := signed(event(`{"type":"user_change","event_ts":"1.0","user":{"id":"U1"}}`))
				New(slack.NewVerifier(secret), &publisher{takes: takes}, "", slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
				want := http.StatusServiceUnavailable
				if takes == 2*time.Second {
					want = http.StatusOK
				}
				if took := time.Since(start); w.Code != want || took > 2500*time.Millisecond {
					t.Errorf("status %d after %v", w.Code, took)
				}
			})
		})
	}
}

func TestRetryHeadersAreLogged(t *testing.T) {
	var log bytes.Buffer
	r := signed(`{"type":"app_rate_limited"}`)
	r.Header.Set("X-Slack-Retry-Num", "2")
	r.Header.Set("X-Slack-Retry-Reason", "http_timeout")
	New(slack.NewVerifier(secret), &publisher{}, "", slog.New(slog.NewJSONHandler(&log, nil))).ServeHTTP(httptest.NewRecorder(), r)
	for _, want := range []string{`"retry_num":"2"`, `"retry_reason":"http_timeout"`, `"level":"WARN"`, "app_rate_limited"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is missing in %s", want, log.String())
		}
	}
}

// brokenBody fails in the middle, as when a client disconnects.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBrokenBody(t *testing.T) {
	r := signed("{}")
	r.Body = io.NopCloser(brokenBody{})
	w := httptest.NewRecorder()
	New(slack.NewVerifier(secret), &publisher{}, "", slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
}

// countedBody counts how many of its kind are being read at once.
type countedBody struct {
	io.Reader
	open, most *atomic.Int64
	size       int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.size > 0 { // the first time
		b.most.Store(max(b.most.Load(), b.open.Add(b.size)))
		time.Sleep(10 * time.Millisecond)
		b.open.Add(-b.size)
		b.size = 0
	}
	return b.Reader.Read(p)
}

func (*countedBody) Close() error { return nil }

// TestForgedBodies: bodies with an unchecked signature take a bounded amount of memory, however many
// strangers send, and an event among them is accepted.
func TestForgedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, most atomic.Int64
		h := New(slack.NewVerifier(secret), &publisher{}, "", slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for range 80 {
			all.Go(func() {
				r := signed(strings.Repeat("x", 1<<20))
				r.Header.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64))
				r.Body = &countedBody{r.Body, &open, &most, 1 << 20}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusUnauthorized && w.Code != http.StatusServiceUnavailable {
					t.Errorf("status %d", w.Code)
				}
			})
		}
		synctest.Wait()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, signed(event(`{"type":"user_change","event_ts":"1.0","user":{"id":"U1"}}`)))
		if w.Code != http.StatusOK {
			t.Errorf("an event: status %d", w.Code)
		}
		all.Wait()
		if most.Load() > 4<<20 {
			t.Errorf("%d bytes at once", most.Load())
		}
	})
}

// TestAnnounced: a body whose Content-Length is too large is not read at all.
func TestAnnounced(t *testing.T) {
	r := signed("{}")
	r.ContentLength = 1<<20 + 1
	r.Body = io.NopCloser(brokenBody{})
	w := httptest.NewRecorder()
	New(slack.NewVerifier(secret), &publisher{}, "", slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", w.Code)
	}
}

func ExampleNew() {
	h := New(slack.NewVerifier(secret), &publisher{}, "", slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, signed(`{"type":"url_verification","challenge":"3eZbrw1a"}`))
	fmt.Println(w.Code, w.Body)
	// Output: 200 3eZbrw1a
}
