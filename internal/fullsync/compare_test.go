package fullsync

import (
	"context"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// TestCancellingChanges: one sync a day does not trust sums.
func TestCancellingChanges(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 60}, store)
	w.sync(t)
	w.pass(3 * time.Hour)
	count, sum, err := store.SumFingerprints(t.Context(), team, directory.Listed)
	if err != nil {
		t.Fatal(err)
	}
	must(t)(w.slack.Retitle(w.active(t)[0]))
	must(t)(w.slack.Retitle(w.active(t)[1]))
	for _, person := range w.slack.People() {
		u, err := directory.FromListing(team, person.ListObject(true))
		if err != nil {
			t.Fatal(err)
		}
		sum -= u.Fingerprint
	}
	cancelled := func(o *Options) { o.Store = offBy{store, sum} } // as if the two changes cancelled
	if s := w.sync(t, cancelled); s.Updated != 0 {
		t.Fatalf("%d people differ by %d: %+v", count, sum, s)
	}
	for id, s := range store.records {
		s.Thorough = s.Thorough.Add(-thoroughInterval)
		store.records[id] = s
	}
	if s := w.sync(t, cancelled); s.Updated != 2 {
		t.Errorf("the next day: %+v", s)
	}
	if s := w.sync(t, cancelled); time.Since(s.Thorough) > time.Minute {
		t.Errorf("the day of the thorough one is not kept: %+v", s)
	}
}

// offBy answers with sums that are lower.
type offBy struct {
	*memory
	by int64
}

func (s offBy) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	count, sum, err = s.memory.SumFingerprints(ctx, teamID, r)
	if r == directory.Listed {
		sum -= s.by
	}
	return count, sum, err
}
