package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/syncs"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

const team = "T0ROLLCALL"

// world is an invented workspace, a store, and between them a publisher that
// applies at once what the worker would.
type world struct {
	slack  *fakeslack.Workspace
	store  Store
	client *webapi.Client
	clock  atomic.Int64 // nanoseconds that Slack's clock is behind ours

	mu        sync.Mutex
	published []directory.Change
	refuse    error
}

// newWorld begins twelve hours ago by Slack's clock. Its pages are a tenth of Slack's, so that few people fill several.
func newWorld(t testing.TB, o fakeslack.Options) *world {
	o.PageSize = 100
	return newWorldOn(t, o, newMemory())
}

func newWorldOn(t testing.TB, o fakeslack.Options, store Store) *world {
	t.Helper()
	w := &world{store: store}
	w.clock.Store(int64(12 * time.Hour))
	o.Log = slog.New(slog.DiscardHandler)
	o.Clock = func() time.Time { return time.Now().Add(-time.Duration(w.clock.Load())) }
	w.slack = fakeslack.New(o)
	server := httptest.NewServer(w.slack.Handler())
	w.slack.SetBaseURL(server.URL)
	t.Cleanup(server.Close)
	w.client = w.open(w.slack.Options().BotToken)
	return w
}

func (w *world) open(token string) *webapi.Client {
	return webapi.New(w.slack.Options().BaseURL+"/api/", token, slog.New(slog.DiscardHandler))
}

// pass lets time pass on Slack's clock. The client hears of it with its next answer.
func (w *world) pass(d time.Duration) {
	if w.clock.Add(-int64(d)) < 0 {
		w.clock.Store(0)
	}
}

func (w *world) Publish(ctx context.Context, c directory.Change) error {
	w.mu.Lock()
	refuse := w.refuse
	if refuse == nil {
		w.published = append(w.published, c)
	}
	w.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	return w.apply(ctx, c)
}

func (w *world) apply(ctx context.Context, c directory.Change) error {
	_, err := directory.ApplyTo(ctx, w.store.(directory.Store), c, 0)
	return err
}

// taken returns what was published since the last time.
func (w *world) taken() []directory.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.published
	w.published = nil
	return all
}

// deliver applies what events of the invented workspace say.
func (w *world) deliver(t *testing.T, events ...fakeslack.Event) {
	t.Helper()
	for _, e := range events {
		r, err := slack.DecodeRequest(e.Envelope)
		if err != nil || r.Change == nil {
			t.Errorf("%s: %+v, %v", e.Type, r, err)
			continue
		}
		if err := w.apply(t.Context(), *r.Change); err != nil && !errors.Is(err, directory.ErrUnknownUser) {
			t.Error(err)
		}
	}
}

// must is for calls of fakeslack whose events get lost.
func must(t *testing.T) func([]fakeslack.Event, error) {
	return func(_ []fakeslack.Event, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) options(adjust ...func(*Options)) Options {
	o := Options{Slack: w.client, Store: w.store, Publisher: w, Log: slog.New(slog.DiscardHandler), Plan: io.Discard}
	for _, a := range adjust {
		a(&o)
	}
	return o
}

func (w *world) sync(t *testing.T, adjust ...func(*Options)) syncs.Sync {
	t.Helper()
	w.pass(5 * time.Minute)
	s, err := Run(t.Context(), w.options(adjust...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) user(t *testing.T, id string) directory.User {
	t.Helper()
	u, _, err := w.store.User(t.Context(), team, id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return u
}

// check compares the core of every document with Slack's object.
func (w *world) check(t *testing.T) {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, person := range w.slack.People() {
		want[person.ID()] = true
	}
	for _, r := range []directory.FingerprintRange{directory.Listed, directory.Externals} {
		all, err := w.store.Fingerprints(t.Context(), team, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			got[s.ID] = true
			if r == directory.Externals {
				want[s.ID] = true
			}
			u := w.user(t, s.ID)
			if user := w.slack.User(s.ID); user == nil {
				t.Errorf("%s is not in Slack", s.ID)
			} else if fields, err := directory.CoreDifferences(u.Slack, user); err != nil || len(fields) > 0 && u.Kind != directory.Forgotten {
				t.Errorf("%s differs from Slack in %v, error %v", s.ID, fields, err)
			}
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got):\n%.1000s", diff)
	}
}

// active are people who may do anything.
func (w *world) active(t testing.TB) (ids []string) {
	t.Helper()
	for _, user := range w.slack.Users() {
		var u struct {
			ID           string
			Deleted      bool
			IsBot        bool `json:"is_bot"`
			PrimaryOwner bool `json:"is_primary_owner"`
		}
		if err := json.Unmarshal(user, &u); err != nil {
			t.Fatal(err)
		}
		if !u.Deleted && !u.IsBot && !u.PrimaryOwner && u.ID != "USLACKBOT" {
			ids = append(ids, u.ID)
		}
	}
	return ids
}
