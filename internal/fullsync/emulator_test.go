package fullsync

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack"
	"rollcall/internal/store/firestore"
	"rollcall/internal/syncs"
)

// peopleFlag is 2,000 every night, see .ci/nightly.
var peopleFlag = flag.Int("people", 300, "how many people the emulator has in the largest test")

func openEmulator(t *testing.T, project string) *firestore.Store {
	t.Helper()
	if testing.Short() {
		t.Skip("what the emulator would bill is counted without -short")
	}
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	store, err := firestore.Open(t.Context(), fmt.Sprintf("%s-%d", project, os.Getpid()), "(default)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// metered is Firestore as a sync compares it, and counts what it would bill for that.
type metered struct {
	*memory
	meter   storeMeter
	queries atomic.Int64
}

func (m *metered) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	m.queries.Add(1)
	return m.meter.SumFingerprints(ctx, teamID, r)
}

func (m *metered) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error) {
	return m.meter.Fingerprints(ctx, teamID, r)
}

// TestCostOnTheEmulator checks the model: on the emulator a sync makes as many queries and
// as many billed reads, for the rows of the README's table up to 1,000 people.
func TestCostOnTheEmulator(t *testing.T) {
	for _, n := range []int{100, *peopleFlag / 2} {
		for _, k := range []int{0, 10, n} {
			t.Run(fmt.Sprintf("people=%d/differences=%d", n, k), func(t *testing.T) {
				store := openEmulator(t, fmt.Sprintf("cost-%d-%d", n, k))
				r, stored := differ(t, n, k)
				model := modelOf(t, r, stored)
				sync := func(s Store) syncs.Sync {
					r.usage = syncs.Usage{}
					outcome, err := Run(t.Context(), Options{Slack: r, Store: s, Publisher: &countingPublisher{}, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true})
					if err != nil {
						t.Fatal(err)
					}
					return outcome
				}
				want := sync(model)

				var filling errgroup.Group
				filling.SetLimit(16)
				for _, p := range stored {
					u, err := directory.FromListing("T1", r.object(p))
					if err != nil {
						t.Fatal(err)
					}
					filling.Go(func() error { return store.PutUser(t.Context(), u, 0, nil) })
				}
				if err := filling.Wait(); err != nil {
					t.Fatal(err)
				}
				m := &metered{memory: synced("T1"), meter: storeMeter{Store: store}}
				got := sync(m)
				if queries, reads := int(m.queries.Load()), int(m.meter.reads.Load()); queries != model.Queries || reads != model.Reads {
					t.Errorf("%d queries and %d reads on the emulator, %d and %d on the model", queries, reads, model.Queries, model.Reads)
				}
				if got.Inserted != want.Inserted || got.Updated != want.Updated || got.Removed != want.Removed || got.Calls != want.Calls {
					t.Errorf("%+v on the emulator, %+v on the model", got, want)
				}
			})
		}
	}
}

// counted counts the writes of users.
type counted struct {
	*firestore.Store
	users atomic.Int32
}

func (c *counted) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	c.users.Add(1)
	return c.Store.PutUser(ctx, u, expected, record)
}

// TestAfterEvents: events of the shape that Slack documents, a third of them only
// huddles, leave nothing for a sync to do, and a sync takes nothing of what only they said.
func TestAfterEvents(t *testing.T) {
	people, differences := *peopleFlag, 20
	events := people * 3 / 10
	store := &counted{Store: openEmulator(t, "events")}
	w := newWorldOn(t, fakeslack.Options{People: people}, store)
	w.sync(t)
	w.pass(time.Hour)

	active := w.active(t)
	changes := []func(string) ([]fakeslack.Event, error){w.slack.JoinHuddle, w.slack.Retitle, w.slack.Rename}
	type said struct{ fields, locale string }
	kept := map[string]said{}
	var applying errgroup.Group
	applying.SetLimit(32)
	for i, id := range active[:events] {
		told, err := changes[i%len(changes)](id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range told {
			r, err := slack.DecodeRequest(e.Envelope)
			if err != nil {
				t.Fatal(err)
			}
			applying.Go(func() error { return w.apply(t.Context(), *r.Change) })
		}
	}
	if err := applying.Wait(); err != nil {
		t.Fatal(err)
	}
	withFields := 0
	for _, id := range active[:events] {
		kept[id] = said{customFields(w.user(t, id)), locale(w.user(t, id))}
		if kept[id].fields != "" {
			withFields++
		}
	}
	if withFields < events/4 {
		t.Fatalf("only %d of %d people have custom fields", withFields, events)
	}
	w.pass(30 * time.Minute)
	w.taken()
	store.users.Store(0)
	s := w.sync(t)
	t.Logf("after %d events: %+v", events, s)
	if n := len(w.taken()); n != 0 || store.users.Load() != 0 || s.Reads > 12 || s.Unchanged != people || s.Stale != 0 {
		t.Errorf("%d messages, %d writes of users, %+v", n, store.users.Load(), s)
	}
	for id, want := range kept {
		if u := w.user(t, id); customFields(u) != want.fields || locale(u) != want.locale {
			t.Errorf("%s has %q and %q, and had %+v", id, customFields(u), locale(u), want)
		}
	}

	w.pass(10 * time.Minute)
	for i, id := range active[events/2 : events/2+differences] { // including people whom events were about
		if _, err := []func(string) ([]fakeslack.Event, error){w.slack.Retitle, w.slack.Leave}[i%2](id); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(10 * time.Minute)
	if s = w.sync(t); len(w.taken()) != differences || s.Updated != differences {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestShapesOnTheEmulator is [TestShapes] on Firestore.
func TestShapesOnTheEmulator(t *testing.T) {
	store := openEmulator(t, "shapes")
	w := newWorldOn(t, fakeslack.Options{People: max(100, *peopleFlag/4)}, store)
	w.sync(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, id := range w.active(t) {
		w.deliver(t, someChange(w, rng, id)...)
	}
	w.sync(t)
	w.taken()
	if s := w.sync(t); len(w.taken()) != 0 {
		t.Errorf("the second sync sent messages: %+v", s)
	}
	w.check(t)
}
