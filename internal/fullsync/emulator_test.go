package fullsync

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/store/firestore"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// metered is Firestore as a sync reads it, and counts what it would bill for the rest.
type metered struct {
	records
	store *firestore.Store

	mu             sync.Mutex
	queries, reads int
}

func (m *metered) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	count, sum, err = m.store.SumFingerprints(ctx, teamID, r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queries++
	m.reads += max(1, int(count+999)/1000)
	return count, sum, err
}

func (m *metered) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error) {
	all, err := m.store.Fingerprints(ctx, teamID, r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads += max(1, len(all))
	return all, err
}

// TestCostOnTheEmulator confirms the model: Firestore itself is asked as often,
// and answers as much, for the rows of the README's table up to 1,000 people.
func TestCostOnTheEmulator(t *testing.T) {
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	for _, n := range []int{100, 1000} {
		for _, k := range []int{0, 10, n} {
			t.Run(fmt.Sprintf("people=%d/differences=%d", n, k), func(t *testing.T) {
				r, stored := differ(t, n, k)
				model := modelOf(t, r, stored)
				sync := func(s Store) directory.Sync {
					r.usage = directory.Usage{}
					outcome, err := Run(t.Context(), Options{Slack: r, Store: s, Publisher: &countingPublisher{}, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true})
					if err != nil {
						t.Fatal(err)
					}
					return outcome
				}
				want := sync(model)

				store, err := firestore.Open(t.Context(), fmt.Sprintf("cost-%d-%d-%d", os.Getpid(), n, k), "(default)")
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				var filling errgroup.Group
				filling.SetLimit(16)
				for _, p := range stored {
					u, _, err := directory.Apply(nil, directory.Change{Operation: directory.Insert, TeamID: "T1", User: r.object(p), Version: 1, Source: directory.FromSync})
					if err != nil {
						t.Fatal(err)
					}
					filling.Go(func() error { return store.PutUser(t.Context(), u, 0) })
				}
				if err := filling.Wait(); err != nil {
					t.Fatal(err)
				}
				m := &metered{store: store}
				got := sync(m)
				if m.queries != model.queries || m.reads != model.reads {
					t.Errorf("%d queries and %d reads on the emulator, %d and %d on the model", m.queries, m.reads, model.queries, model.reads)
				}
				if got.Inserted != want.Inserted || got.Updated != want.Updated || got.Removed != want.Removed || got.Calls != want.Calls {
					t.Errorf("%+v on the emulator, %+v on the model", got, want)
				}
			})
		}
	}
}
