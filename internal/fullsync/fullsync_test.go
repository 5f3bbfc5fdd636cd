package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// TestFirstAndSecond: the first sync loads everybody in one walk, the second
// finds nothing to do, writes nothing and publishes nothing.
func TestFirstAndSecond(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 2500})
	first := w.sync(t)
	w.check(t)
	if first.Listed != 2500 || first.Inserted != 2500 || first.Drift != 0 || first.Calls != 6 || first.Pages != 3 || first.State != directory.SyncDone {
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

// TestExternals who are gone for users.info too are removed; the others are left
// alone, even if Slack has erased who they were.
func TestExternals(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 50})
	w.sync(t)
	forgotten := w.slack.ExternalIDs()[1]
	_, left := w.slack.Leave(forgotten)
	_, forgot := w.slack.Forget(forgotten)
	if err := errors.Join(left, forgot); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{w.slack.ExternalIDs()[0], forgotten, "UGONE"} {
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
		"a cursor that expires":  {ExpireCursorEvery: 9, MostAPage: 500}, // in the second sync
		"everybody keeps moving": {Churn: 40, ShortPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w *world
			var sending sync.Mutex
			w = newWorld(t, fakeslack.Options{People: 1200, Faults: faults, OnEvent: func(e fakeslack.Event) {
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

// TestAlongside: what a sync keeps besides people.
func TestAlongside(t *testing.T) {
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

// TestWrittenBetweenTwoQueries: who was found as before and is listed as now is not gone.
func TestWrittenBetweenTwoQueries(t *testing.T) {
	r := &run{sync: directory.Sync{Since: 100, Started: time.Now()}}
	r.listing.users = []listed{{id: "U1", fingerprint: 7}}
	_, gone := r.plan(difference{stored: []directory.Stored{{ID: "U1", Fingerprint: 6, Version: 10}, {ID: "U2", Fingerprint: 9, Version: 10}}})
	if len(gone) != 1 || gone[0].ID != "U2" {
		t.Errorf("gone: %v", gone)
	}
}

// TestPlanCannotBeTold: a dry run that nobody can read fails.
func TestPlanCannotBeTold(t *testing.T) {
	w := newWorld(t, fakeslack.Options{})
	w.sync(t)
	if err := w.slack.Remove(w.active(t)[0]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // a page's version is a whole second
	reader, plan := io.Pipe()
	reader.Close()
	if _, err := Run(t.Context(), w.options(func(o *Options) { o.DryRun, o.Plan = true, plan })); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

// TestEveryExternalInTurn: where they are too many for one sync, all have their turn, however far apart syncs are.
func TestEveryExternalInTurn(t *testing.T) {
	var stored []directory.Stored
	for i := range 3 * externalsAtMost {
		stored = append(stored, directory.Stored{ID: fmt.Sprintf("U%d", i), Fingerprint: -1 - rand.Int64N(directory.FingerprintLimit-1)})
	}
	m, gone := newModel(stored), map[string]bool{}
	for i := range 100 {
		r := &run{Options: Options{Slack: &roster{}}}
		r.sync.Since, r.sync.Started = 1, time.Unix(0, 0).Add(time.Duration(i)*6*time.Hour)
		found, err := r.externals(t.Context(), &comparison{sums: m, listing: &listing{}}, map[string]repair{})
		if err != nil || len(found) > externalsAtMost*3/2 {
			t.Fatalf("%d at once, error %v", len(found), err)
		}
		for _, s := range found {
			gone[s.ID] = true
		}
	}
	if len(gone) != len(stored) {
		t.Errorf("%d of %d were asked after", len(gone), len(stored))
	}
}

// gauge counts the messages that wait for being accepted.
type gauge struct{ waiting, most atomic.Int32 }

func (g *gauge) Publish(context.Context, directory.Change) error {
	n := g.waiting.Add(1)
	defer g.waiting.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	time.Sleep(time.Millisecond)
	return nil
}

// TestOutstandingMessages are bounded, be it a first load or repairs.
func TestOutstandingMessages(t *testing.T) {
	r, stored := differ(t, 2000, 1000)
	for name, store := range map[string]Store{"first load": newWorld(t, fakeslack.Options{}).store, "repairs": modelOf(t, r, stored)} {
		g := &gauge{}
		if _, err := Run(t.Context(), Options{Slack: r, Store: store, Publisher: g, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true}); err != nil {
			t.Fatal(err)
		}
		if most := g.most.Load(); most < 2 || most > publishAtOnce {
			t.Errorf("%s: %d messages at once", name, most)
		}
	}
}
