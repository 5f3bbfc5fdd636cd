package fullsync

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestFirstAndSecond: the first sync loads everybody in one walk, the second
// finds nothing to do, writes nothing and publishes nothing.
func TestFirstAndSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 120})
	first := w.sync(t)
	w.check(t)
	if first.Listed != 120 || first.Inserted != 120 || first.Drift != 0 || first.Calls != 5 || first.Pages != 2 || first.State != syncs.Done {
		t.Errorf("first: %+v", first)
	}
	for _, c := range w.taken() {
		if !c.FirstLoad {
			t.Fatalf("%s does not say that it fills an empty directory", c.UserID)
		}
	}
	second := w.sync(t)
	w.check(t)
	if n := len(w.taken()); n != 0 {
		t.Errorf("%d messages for nothing", n)
	}
	if second.Unchanged != 120 || second.Inserted+second.Updated+second.Removed+second.Drift+second.Stale+second.Failed != 0 {
		t.Errorf("second: %+v", second)
	}
	kept, err := w.store.Syncs(t.Context(), team, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 || kept[0].ID != second.ID || kept[0].State != syncs.Done || kept[0].Ended.IsZero() {
		t.Errorf("records: %+v", kept)
	}
	for _, s := range kept {
		if pages, err := w.store.SyncPages(t.Context(), team, s.ID); len(pages) != 0 || err != nil {
			t.Errorf("checkpoints are left: %d, %v", len(pages), err)
		}
	}
	workspaces, err := w.store.Workspaces(t.Context())
	if err != nil || len(workspaces) != 1 || workspaces[0].ID != team || workspaces[0].ConnectedAt == 0 || len(workspaces[0].Token) != 16 || workspaces[0].Disconnected() {
		t.Errorf("workspaces: %+v, %v", workspaces, err)
	}
}

// TestRepairs: a sync repairs every kind of missed event, and counts the drift.
func TestRepairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 300})
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

	w.pass(3 * time.Hour) // and now the events get lost
	active := w.active(t)
	must := must(t)
	must(w.slack.Join(), nil)
	must(w.slack.Rename(active[0]))
	must(w.slack.Leave(active[1]))
	must(w.slack.Leave(active[2]))
	must(w.slack.Forget(active[2]))
	must(w.slack.Retitle(external[0]))
	must(nil, w.slack.Remove(active[3]))
	w.pass(10 * time.Minute)

	var plan strings.Builder
	w.taken()
	dry := w.sync(t, func(o *Options) { o.DryRun, o.Plan = true, &plan })
	if n := len(w.taken()); n != 0 || strings.Count(plan.String(), "\n") != 6 || !strings.Contains(plan.String(), "delete\t"+active[3]+"\n") {
		t.Errorf("a dry run published %d messages and printed\n%s", n, &plan)
	}
	s := w.sync(t)
	w.check(t)
	for _, s := range []syncs.Sync{s, dry} {
		if s.Inserted != 1 || s.Updated != 4 || s.Removed != 1 || s.Drift != 5 || s.Unchanged != 300-4 || s.Listed != 300 || s.External.Updated != 1 {
			t.Errorf("%+v", s)
		}
		// One repair was of somebody whose newest data came from an event.
		if diff := gocmp.Diff(map[string]int{"profile.title": 1}, s.Differed); diff != "" {
			t.Errorf("differed (-want +got):\n%s", diff)
		}
	}
	taken := w.taken()
	if slices.ContainsFunc(taken, func(c directory.Change) bool { return c.FirstLoad }) {
		t.Error("a later sync says that it fills an empty directory")
	}
	if n := len(taken); n != 6 {
		t.Errorf("%d messages, want 6", n)
	}
	if u := w.user(t, active[3]); !u.Removed || u.ExpireAt.IsZero() {
		t.Errorf("removed: %+v", u.Removed)
	}
}

// TestExternals: people of other workspaces are removed once users.info does not find them. The
// others are left alone, even if Slack has erased them.
func TestExternals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 50})
	w.sync(t)
	forgotten := w.slack.ExternalIDs()[1]
	must := must(t)
	must(w.slack.Leave(forgotten))
	must(w.slack.Forget(forgotten))
	for _, id := range []string{w.slack.ExternalIDs()[0], forgotten, "UGONE"} {
		user := w.slack.User(id)
		if user == nil {
			user = []byte(`{"id":"UGONE","team_id":"T0ELSEWHERE"}`)
		}
		if err := w.apply(t.Context(), told(t, 1e12, string(user))); err != nil {
			t.Fatal(err)
		}
	}
	s := w.sync(t)
	if s.Removed != 1 || s.Updated != 0 || s.Inserted != 0 || s.External != (syncs.External{Stored: 3, Asked: 3, Removed: 1}) {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// told is a change that comes from an event.
func told(t *testing.T, v directory.Version, user string) directory.Change {
	t.Helper()
	c, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: team, User: []byte(user), Version: v, Source: directory.FromEvent})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFaults: everybody arrives despite every fault that Slack is known for, and so
// do those who join and change meanwhile.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]fakeslack.Faults{
		"429":                    {RateLimitEvery: 3, RetryAfter: 1},
		"500":                    {ErrorEvery: 3},
		"500 above 200 a page":   {MaxLimit: 200},
		"short and empty pages":  {ShortPages: true},
		"a cursor that expires":  {ExpireCursorEvery: 9}, // in the second sync
		"everybody keeps moving": {Churn: 20, ShortPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && faults.Churn == 0 {
				t.Skip("slow: one request at a time")
			}
			var w *world
			var sending sync.Mutex
			w = newWorld(t, fakeslack.Options{People: 600, Faults: faults, OnEvent: func(e fakeslack.Event) {
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

// TestAlongside: a sync also stores the workspace and its emoji.
func TestAlongside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 300})
	done := w.sync(t)
	emoji, err := w.store.Emoji(t.Context(), team)
	if err != nil || !strings.HasSuffix(emoji["finch"], "/emoji/finch.svg") || emoji["marlow"] != "alias:finch" {
		t.Errorf("emoji %v, error %v", emoji, err)
	}
	people := 0
	for _, n := range done.TimeZones {
		people += n
	}
	if people < 200 || people >= 300 || done.TimeZones["Europe/Berlin"] == 0 {
		t.Errorf("time zones: %v", done.TimeZones)
	}
	again := w.sync(t)
	if diff := gocmp.Diff(done.TimeZones, again.TimeZones); diff != "" || again.Writes >= done.Writes {
		t.Errorf("%d writes, then %d (-want +got):\n%s", done.Writes, again.Writes, diff)
	}
}

// TestPlanCannotBeTold: a dry run fails if its plan cannot be written.
func TestPlanCannotBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{})
	w.sync(t)
	if err := w.slack.Remove(w.active(t)[0]); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	reader, plan := io.Pipe()
	reader.Close()
	if _, err := Run(t.Context(), w.options(func(o *Options) { o.DryRun, o.Plan = true, plan })); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

// gauge counts the messages that wait to be accepted.
type gauge struct{ waiting, most atomic.Int32 }

func (g *gauge) Publish(context.Context, directory.Change) error {
	n := g.waiting.Add(1)
	defer g.waiting.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	time.Sleep(time.Millisecond)
	return nil
}

// TestOutstandingMessages: they are bounded in a first load and in repairs.
func TestOutstandingMessages(t *testing.T) {
	r, stored := differ(t, 2000, 1000)
	for name, store := range map[string]Store{"first load": newMemory(), "repairs": modelOf(t, r, stored)} {
		g := &gauge{}
		if _, err := Run(t.Context(), Options{Slack: r, Store: store, Publisher: g, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true}); err != nil {
			t.Fatal(err)
		}
		if most := g.most.Load(); most < 2 || most > maxConcurrentMessages {
			t.Errorf("%s: %d messages at once", name, most)
		}
	}
}
