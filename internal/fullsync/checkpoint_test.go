package fullsync

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

var errDead = errors.New("dead")

// dying leaves what kill -9 does once all pages are in: them, and a record from while they came.
type dying struct {
	Store
	dead *bool
}

func (s dying) PutSync(ctx context.Context, sync directory.Sync) error {
	if *s.dead {
		return errDead
	}
	return s.Store.PutSync(ctx, sync)
}

func (s dying) SumFingerprints(context.Context, string, directory.FingerprintRange) (int64, int64, error) {
	*s.dead = true
	return 0, 0, errDead
}

// gap has lost the second page.
type gap struct{ Store }

func (s gap) SyncPages(ctx context.Context, teamID, syncID string) ([]directory.SyncPage, error) {
	pages, err := s.Store.SyncPages(ctx, teamID, syncID)
	return slices.DeleteFunc(pages, func(p directory.SyncPage) bool { return p.Number == 2 }), err
}

// TestGoesOnAfterAKill removes who is gone, and nobody besides: not even if a
// page is missing, since the kill came while they were being deleted.
func TestGoesOnAfterAKill(t *testing.T) {
	for name, missing := range map[string]bool{"all pages": false, "a page missing": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fakeslack.Options{People: 2500})
			w.sync(t)
			if err := w.slack.Remove(w.active(t)[7]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1100 * time.Millisecond) // a page's version is a whole second
			first, err := Run(t.Context(), w.options(func(o *Options) { o.Store = dying{w.store, new(bool)} }))
			if !errors.Is(err, errDead) || first.Pages != 3 {
				t.Fatalf("%v, %+v", err, first)
			}
			second := w.sync(t, func(o *Options) {
				o.AllowMassDelete = true
				if missing {
					o.Store = gap{w.store}
				}
			})
			if second.Removed != 1 || second.Listed != 2499 || missing == (second.ID == first.ID) {
				t.Errorf("after %+v comes %+v", first, second)
			}
			w.check(t)
		})
	}
}

// undeletable keeps its pages.
type undeletable struct{ Store }

func (undeletable) DeleteSyncPages(context.Context, string, string) error { return errDead }

// TestPagesThatStay: a sync is over, and said to be, before its pages go.
func TestPagesThatStay(t *testing.T) {
	w := newWorld(t, fakeslack.Options{})
	first, err := Run(t.Context(), w.options(func(o *Options) { o.Store = undeletable{w.store} }))
	if !errors.Is(err, errDead) {
		t.Errorf("error %v", err)
	}
	kept, err := w.store.Syncs(t.Context(), team, 1)
	if err != nil || kept[0].State != directory.SyncDone {
		t.Errorf("%v, %+v", err, kept)
	}
	if second := w.sync(t); second.ID == first.ID {
		t.Error("it was gone on with")
	}
}
