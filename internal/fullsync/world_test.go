package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
)

// world is an invented workspace, a store, and between them a publisher that
// applies at once what the worker would.
type world struct {
	slack  *fakeslack.Workspace
	store  *sqlite.Store
	client *webapi.Client

	mu        sync.Mutex
	published []directory.Change
	refuse    error
}

func newWorld(t *testing.T, o fakeslack.Options) *world {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	w := &world{slack: fakeslack.New(o)}
	server := httptest.NewServer(w.slack.Handler())
	w.slack.SetBaseURL(server.URL)
	t.Cleanup(server.Close)
	var err error
	if w.store, err = sqlite.OpenTemporary(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.client = webapi.New(server.URL+"/api/", w.slack.Options().BotToken, o.Log)
	return w
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
	var current *directory.User
	stored, revision, err := w.store.User(ctx, c.TeamID, c.UserID())
	if err == nil {
		current = &stored
	} else if !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	next, outcome, err := directory.Apply(current, c)
	if err != nil || outcome == directory.Unchanged {
		return err
	}
	return w.store.PutUser(ctx, next, revision)
}

// deliver applies what an event of the invented workspace says.
func (w *world) deliver(t *testing.T, events ...fakeslack.Event) {
	t.Helper()
	for _, e := range events {
		c := fromEvent(t, e)
		if err := w.apply(t.Context(), c); err != nil && !errors.Is(err, directory.ErrUnknownUser) {
			t.Error(err)
		}
	}
}

func (w *world) options(adjust ...func(*Options)) Options {
	o := Options{Slack: w.client, Store: w.store, Publisher: w, Log: slog.New(slog.DiscardHandler)}
	for _, a := range adjust {
		a(&o)
	}
	return o
}

func (w *world) sync(t *testing.T, adjust ...func(*Options)) directory.Sync {
	t.Helper()
	s, err := Run(t.Context(), w.options(adjust...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check compares every document with Slack's object.
func (w *world) check(t *testing.T) {
	t.Helper()
	want := map[string]string{}
	for _, user := range w.slack.Users() {
		u, err := directory.FromListing(team, user)
		if err != nil {
			t.Fatal(err)
		}
		want[u.ID] = canonical(t, user)
	}
	got := map[string]string{}
	req := directory.PageRequest{Limit: 1000}
	for {
		page, err := w.store.Users(t.Context(), team, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			if user := w.slack.User(u.ID); want[u.ID] == "" && user != nil { // of another workspace: not listed
				want[u.ID] = canonical(t, user)
			}
			got[u.ID] = string(u.Slack)
		}
		if page.Next == nil {
			break
		}
		req.After = page.Next
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("not as in Slack (-want +got):\n%.3000s", diff)
	}
}

const team = "T0ROLLCALL"

// canonical is Slack's object as it is stored.
func canonical(t *testing.T, user json.RawMessage) string {
	t.Helper()
	u, _, err := directory.Apply(nil, directory.Change{Operation: directory.Insert, TeamID: team, User: user, Version: 1, Source: directory.FromSync})
	if err != nil {
		t.Fatal(err)
	}
	return string(u.Slack)
}

func fromEvent(t *testing.T, e fakeslack.Event) directory.Change {
	t.Helper()
	var envelope struct {
		Event struct {
			User json.RawMessage `json:"user"`
			TS   string          `json:"event_ts"`
		} `json:"event"`
	}
	if err := json.Unmarshal(e.Envelope, &envelope); err != nil {
		t.Fatal(err)
	}
	seconds, micros, _ := strings.Cut(envelope.Event.TS, ".")
	version, err := json.Number(seconds + micros).Int64()
	if err != nil {
		t.Fatal(err)
	}
	c := directory.Change{Operation: directory.Update, TeamID: team, User: envelope.Event.User, Version: directory.Version(version), Source: directory.FromEvent}
	switch e.Type {
	case "team_join":
		c.Operation = directory.Insert
	case "user_profile_changed", "user_status_changed":
		c.Partial = true
	}
	return c
}
