package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/bolt"
)

// world is an invented workspace, a store, and between them a publisher that
// applies at once what the worker would.
type world struct {
	slack  *fakeslack.Workspace
	store  *bolt.Store
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
	if w.store, err = bolt.OpenTemporary(); err != nil {
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
	o := Options{Slack: w.client, Store: w.store, Publisher: w, Log: slog.New(slog.DiscardHandler), Lease: 300 * time.Millisecond}
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
		id, _, err := directory.FingerprintOf(team, user)
		if err != nil {
			t.Fatal(err)
		}
		want[id] = canonical(t, user)
	}
	got := map[string]string{}
	req := directory.PageRequest{Limit: 1000}
	for {
		page, err := w.store.Users(t.Context(), team, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			if u.Kind == directory.External {
				want[u.ID] = canonical(t, w.slack.User(u.ID))
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

// TestFirstAndSecond: the first sync loads everybody in one walk, the second
// finds nothing to do, writes nothing and publishes nothing.
func TestFirstAndSecond(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 2500})
	first := w.sync(t)
	w.check(t)
	if first.Listed != 2500 || first.Inserted != 2500 || first.Drift != 0 || first.Calls != 5 || first.Pages != 3 || first.State != directory.SyncDone {
		t.Errorf("first: %+v", first)
	}
	w.published = nil
	second := w.sync(t)
	w.check(t)
	if len(w.published) != 0 {
		t.Errorf("%d messages for nothing", len(w.published))
	}
	if second.Unchanged != 2500 || second.Inserted+second.Updated+second.Removed+second.Drift != 0 {
		t.Errorf("second: %+v", second)
	}
	kept, err := w.store.Syncs(t.Context(), team, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 || kept[0].ID != second.ID || kept[0].State != directory.SyncDone || kept[0].Ended.IsZero() {
		t.Errorf("records: %+v", kept)
	}
	for _, s := range kept {
		if pages, err := w.store.SyncPages(t.Context(), team, s.ID); len(pages) != 0 || err != nil {
			t.Errorf("checkpoints are left: %d, %v", len(pages), err)
		}
	}
	workspaces, err := w.store.Workspaces(t.Context())
	if diff := gocmp.Diff([]directory.Workspace{{ID: team, Name: w.slack.Options().Name, URL: "https://marlow-finch.slack.com/"}}, workspaces); diff != "" || err != nil {
		t.Errorf("workspace (-want +got):\n%s%v", diff, err)
	}
}

// TestRepairs: whatever was missed, a sync brings, and tells what of it was drift.
func TestRepairs(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	w := newWorld(t, fakeslack.Options{People: 1500, Clock: func() time.Time { return now }})
	external := w.slack.ExternalIDs()[:2]
	w.sync(t)
	for _, id := range external {
		events, err := w.slack.Retitle(id)
		if err != nil {
			t.Fatal(err)
		}
		w.deliver(t, events...)
	}
	w.check(t)

	now = now.Add(10 * time.Minute) // and now the events get lost
	active := w.active(t)
	must := func(_ []fakeslack.Event, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.slack.Join(), nil)
	must(w.slack.Rename(active[0]))
	must(w.slack.Leave(active[1]))
	must(w.slack.Leave(active[2]))
	must(w.slack.Forget(active[2]))
	must(w.slack.Retitle(external[0]))
	must(nil, w.slack.Remove(active[3]))
	now = now.Add(10 * time.Minute)

	var plan strings.Builder
	w.published = nil
	dry := w.sync(t, func(o *Options) { o.DryRun, o.Plan = true, &plan })
	if len(w.published) != 0 || strings.Count(plan.String(), "\n") != 6 || !strings.Contains(plan.String(), "delete\t"+active[3]+"\n") {
		t.Errorf("a dry run published %d messages and told\n%s", len(w.published), &plan)
	}
	s := w.sync(t)
	w.check(t)
	for _, s := range []directory.Sync{s, dry} {
		if s.Inserted != 1 || s.Updated != 4 || s.Removed != 1 || s.Drift != 5 || s.Unchanged != 1500-4 || s.Listed != 1500 {
			t.Errorf("%+v", s)
		}
	}
	if len(w.published) != 6 {
		t.Errorf("%d messages, want 6", len(w.published))
	}
	if u, _, err := w.store.User(t.Context(), team, active[3]); err != nil || !u.Removed || u.ExpireAt.IsZero() {
		t.Errorf("removed: %+v, %v", u.Removed, err)
	}
}

// active are people who may do anything.
func (w *world) active(t *testing.T) (ids []string) {
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

// TestExternals who are gone for users.info too are removed; the others are left alone.
func TestExternals(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 50})
	w.sync(t)
	for _, id := range []string{w.slack.ExternalIDs()[0], "UGONE"} {
		user := w.slack.User(id)
		if user == nil {
			user = json.RawMessage(`{"id":"UGONE","team_id":"T0ELSEWHERE"}`)
		}
		c := directory.Change{Operation: directory.Update, TeamID: team, User: user, Version: 1e12, Source: directory.FromEvent}
		if err := w.apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	s := w.sync(t)
	if s.Removed != 1 || s.Updated != 0 || s.Inserted != 0 {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestFaults: through whatever Slack is known for, everybody arrives, and so
// do those who come and change meanwhile.
func TestFaults(t *testing.T) {
	for name, faults := range map[string]fakeslack.Faults{
		"429":                    {RateLimitEvery: 3, RetryAfter: 1},
		"500":                    {ErrorEvery: 3},
		"500 above 200 a page":   {MostAPage: 200},
		"short and empty pages":  {ShortPages: true},
		"a cursor that expires":  {ExpireCursorEvery: 11, MostAPage: 500}, // in the second sync
		"everybody keeps moving": {Churn: 40, ShortPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w *world
			var sending sync.Mutex
			w = newWorld(t, fakeslack.Options{People: 2200, Faults: faults, OnEvent: func(e fakeslack.Event) {
				sending.Lock()
				defer sending.Unlock()
				w.deliver(t, e)
			}})
			w.sync(t)
			w.sync(t)
			w.slack.SetFaults(fakeslack.Faults{})
			w.sync(t)
			w.check(t)
		})
	}
}

// interrupted lists some pages and then fails.
type interrupted struct {
	Slack
	pages int
	then  func() error
}

func (s interrupted) Users(ctx context.Context, teamID, cursor string) iter.Seq2[directory.ListingPage, error] {
	return func(yield func(directory.ListingPage, error) bool) {
		n := 0
		for page, err := range s.Slack.Users(ctx, teamID, cursor) {
			if n++; n > s.pages {
				if err := s.then(); err != nil {
					yield(directory.ListingPage{}, err)
					return
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// TestGoesOn: a sync that failed or was told to stop is continued from its
// checkpoint, under the same id, and ends as if nothing had been.
func TestGoesOn(t *testing.T) {
	for name, empty := range map[string]bool{"first load": true, "repair": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fakeslack.Options{People: 5500})
			if !empty {
				w.sync(t)
				for i, id := range w.active(t)[:50] {
					if _, err := w.slack.Rename(id); err != nil {
						t.Fatal(i, err)
					}
				}
				time.Sleep(1100 * time.Millisecond) // a page's version is a whole second
			}
			first, err := Run(t.Context(), w.options(func(o *Options) {
				o.Slack = interrupted{w.client, 4, func() error { return errors.New("network down") }}
			}))
			if err == nil || first.Pages != 4 || first.Removed != 0 {
				t.Fatalf("%v, %+v", err, first)
			}
			ctx, cancel := context.WithCancel(t.Context())
			second, err := Run(ctx, w.options(func(o *Options) {
				o.Slack = interrupted{w.client, 1, func() error { cancel(); return ctx.Err() }}
			}))
			if !errors.Is(err, context.Canceled) || second.ID != first.ID || second.Pages != 5 {
				t.Fatalf("%v, %+v", err, second)
			}
			kept, err := w.store.Syncs(t.Context(), team, 1)
			if err != nil || kept[0].State != directory.SyncInterrupted || kept[0].ID != first.ID {
				t.Fatalf("%v, %+v", err, kept)
			}
			calls := w.client.Usage().Calls
			third := w.sync(t)
			w.check(t)
			listCalls := w.client.Usage().Calls - calls - 2 // auth.test and team.info
			if third.ID != first.ID || third.Pages != 6 || third.Listed != 5500 || empty && listCalls != 1 || !empty && listCalls > 1+50 {
				t.Errorf("%d calls, %+v", listCalls, third)
			}
			if !empty && third.Updated != 50 {
				t.Errorf("%+v", third)
			}
		})
	}
}

// TestIncompleteListingRemovesNobody, and neither do tenths of the directory unless that is allowed.
func TestIncompleteListingRemovesNobody(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 1300})
	w.sync(t)
	for _, id := range w.active(t)[:200] {
		if err := w.slack.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1100 * time.Millisecond)
	_, err := Run(t.Context(), w.options(func(o *Options) {
		o.Slack = interrupted{w.client, 1, func() error { return errors.New("network down") }}
	}))
	if err == nil || len(w.published) != 1300 {
		t.Errorf("%v after %d messages", err, len(w.published))
	}
	s, err := Run(t.Context(), w.options())
	if !errors.Is(err, ErrMassDelete) || s.Removed != 0 || len(w.published) != 1300 {
		t.Errorf("%v, %+v", err, s)
	}
	kept, err := w.store.Syncs(t.Context(), team, 1)
	if err != nil || kept[0].State != directory.SyncFailed || !strings.Contains(kept[0].Error, "-allow-mass-delete") {
		t.Errorf("%v, %+v", err, kept)
	}
	if s := w.sync(t, func(o *Options) { o.AllowMassDelete = true }); s.Removed != 200 {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestEventDuringTheSync: what happens after a page was listed is not undone by it.
func TestEventDuringTheSync(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 2500})
	w.sync(t)
	id := w.active(t)[0]
	if _, err := w.slack.Rename(id); err != nil { // this event is lost
		t.Fatal(err)
	}
	joined := ""
	w.sync(t, func(o *Options) {
		o.Slack = interrupted{w.client, 2, func() error {
			time.Sleep(1100 * time.Millisecond)
			events, err := w.slack.Rename(id)
			w.deliver(t, events...)
			events = w.slack.Join()
			joined = events[0].UserID
			w.deliver(t, events...)
			return err
		}}
	})
	w.check(t)
	if u, _, err := w.store.User(t.Context(), team, joined); err != nil || u.Removed || u.Source != directory.FromEvent {
		t.Errorf("%+v, %v", u, err)
	}
	if u, _, err := w.store.User(t.Context(), team, id); err != nil || u.Source != directory.FromEvent {
		t.Errorf("overwritten: %+v, %v", u, err)
	}
}

// TestOneAtATime: a living sync keeps others out, a dead one only until its lease expires.
func TestOneAtATime(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 1500})
	var second atomic.Value
	w.sync(t, func(o *Options) {
		o.Slack = interrupted{w.client, 1, func() error {
			_, err := Run(t.Context(), w.options(func(o *Options) {
				o.Slack = webapi.New(w.url(), w.slack.Options().BotToken, o.Log)
			}))
			second.Store(err)
			return nil
		}}
	})
	if err, _ := second.Load().(error); !errors.Is(err, directory.ErrLeased) {
		t.Errorf("a second sync: %v", err)
	}
	w.check(t)
	if err := w.store.Lease(t.Context(), team, "dead", time.Now().Add(300*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	w.sync(t)

	// One that lost its lease stops.
	_, err := Run(t.Context(), w.options(func(o *Options) {
		o.Store = robbed{w.store, new(atomic.Int32)}
		o.Slack = interrupted{w.client, 1, func() error { time.Sleep(400 * time.Millisecond); return nil }}
	}))
	if !errors.Is(err, directory.ErrLeased) {
		t.Errorf("without its lease: %v", err)
	}
}

func (w *world) url() string { return w.slack.Options().BaseURL + "/api/" }

// robbed gives a lease and then to somebody else.
type robbed struct {
	Store
	leases *atomic.Int32
}

func (s robbed) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	if s.leases.Add(1) > 1 {
		return directory.ErrLeased
	}
	return s.Store.Lease(ctx, teamID, holder, until)
}

// TestPublishRefused: a sync that cannot publish fails, and the next one makes good.
func TestPublishRefused(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 1500})
	w.refuse = errors.New("no topic")
	if s, err := Run(t.Context(), w.options()); !errors.Is(err, w.refuse) || s.State != directory.SyncFailed {
		t.Errorf("%v, %+v", err, s)
	}
	w.refuse = nil
	w.sync(t)
	w.check(t)
}

// TestWrongToken is told with what to do.
func TestWrongToken(t *testing.T) {
	w := newWorld(t, fakeslack.Options{})
	_, err := Run(t.Context(), w.options(func(o *Options) { o.Slack = webapi.New(w.url(), "xoxb-wrong", o.Log) }))
	if err == nil || !strings.Contains(err.Error(), "invalid_auth") || !strings.Contains(err.Error(), "SLACK_BOT_TOKENS") {
		t.Errorf("error %v", err)
	}
}
