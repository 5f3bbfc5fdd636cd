package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

var errDead = errors.New("dead")

// dying leaves what kill -9 would once all pages are in: the pages, and a record from while they arrived.
type dying struct {
	Store
	dead *bool
}

func (s dying) PutSync(ctx context.Context, sync syncs.Sync) error {
	if *s.dead {
		return errDead
	}
	return s.Store.PutSync(ctx, sync)
}

func (s dying) SumFingerprints(context.Context, string, directory.FingerprintRange) (int64, int64, error) {
	*s.dead = true
	return 0, 0, errDead
}

// gap has lost the first page.
type gap struct{ Store }

func (s gap) SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error) {
	pages, err := s.Store.SyncPages(ctx, teamID, syncID)
	return slices.DeleteFunc(pages, func(p syncs.Page) bool { return p.Number == 1 }), err
}

// TestGoesOnAfterAKill: a sync after a kill removes the people who are gone, and nobody else, even
// if a page is missing because the kill came while the pages were being deleted.
func TestGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]bool{"all pages": false, "a page missing": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fakeslack.Options{People: 110})
			w.sync(t)
			if err := w.slack.Remove(w.active(t)[7]); err != nil {
				t.Fatal(err)
			}
			w.pass(3 * time.Hour)
			first, err := Run(t.Context(), w.options(func(o *Options) { o.Store = dying{w.store, new(bool)} }))
			if !errors.Is(err, errDead) || first.Pages != 2 {
				t.Fatalf("%v, %+v", err, first)
			}
			second := w.sync(t, func(o *Options) {
				o.AllowMassDelete = true
				if missing {
					o.Store = gap{w.store}
				}
			})
			if second.Removed != 1 || second.Listed != 109 || missing == (second.ID == first.ID) {
				t.Errorf("after %+v comes %+v", first, second)
			}
			w.check(t)
		})
	}
}

// undeletable keeps its pages.
type undeletable struct{ Store }

func (undeletable) DeleteSyncPages(context.Context, string, string) error { return errDead }

// TestPagesThatStay: a sync records its end before it deletes its pages.
func TestPagesThatStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{})
	first, err := Run(t.Context(), w.options(func(o *Options) { o.Store = undeletable{w.store} }))
	if !errors.Is(err, errDead) {
		t.Errorf("error %v", err)
	}
	kept, err := w.store.Syncs(t.Context(), team, 1)
	if err != nil || kept[0].State != syncs.Done {
		t.Errorf("%v, %+v", err, kept)
	}
	if second := w.sync(t); second.ID == first.ID {
		t.Error("it was resumed")
	}
}

// breaking accepts some messages and no more.
type breaking struct {
	Publisher
	left atomic.Int32
}

func (p *breaking) Publish(ctx context.Context, c directory.Change) error {
	if p.left.Add(-1) < 0 {
		return errors.New("unavailable")
	}
	return p.Publisher.Publish(context.WithoutCancel(ctx), c) // Pub/Sub does not take back what it accepted
}

// TestCountsOn: a resumed sync counts the repairs of all its runs, each repair once.
func TestCountsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 110})
	w.sync(t)
	people := w.active(t)
	w.pass(10 * time.Minute)
	for _, id := range people[:40] {
		if _, err := w.slack.Rename(id); err != nil {
			t.Fatal(err)
		}
	}
	w.slack.Join()
	for _, id := range people[40:50] {
		if err := w.slack.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(3 * time.Hour)
	w.published = nil
	id := ""
	for _, accepted := range []int32{15, 0, 30} { // amid the repairs, not at all, amid the removals
		s, err := Run(t.Context(), w.options(func(o *Options) {
			p := &breaking{Publisher: w}
			p.left.Store(accepted)
			o.Publisher = p
		}))
		if err == nil || id != "" && s.ID != id {
			t.Fatalf("%v, %+v", err, s)
		}
		id = s.ID
		if done := s.Inserted + s.Updated + s.Removed; done != len(w.published) || s.Unchanged != s.Listed-s.Inserted-s.Updated {
			t.Errorf("%d messages so far, %+v", len(w.published), s)
		}
	}
	s := w.sync(t)
	w.check(t)
	if s.ID != id || s.Inserted != 1 || s.Updated != 40 || s.Removed != 10 || s.Drift != 41 || s.Unchanged != 101-41 || len(w.published) != 51 {
		t.Errorf("%d messages, %+v", len(w.published), s)
	}
}

// hesitant calls before each time that it is asked about one person.
type hesitant struct {
	Slack
	before func(asked int)
	asked  int
}

func (s *hesitant) User(ctx context.Context, id string) (json.RawMessage, directory.Version, error) {
	s.asked++
	s.before(s.asked)
	return s.Slack.User(ctx, id)
}

// TestRepairsAreKept: the record counts repairs while the sync runs, so that viewers see them and a kill keeps them.
func TestRepairsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 120})
	w.sync(t)
	for _, id := range w.active(t)[:3] {
		if _, err := w.slack.Rename(id); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(3 * time.Hour)
	began := time.Now()
	s := w.sync(t, func(o *Options) {
		o.Slack = &hesitant{Slack: w.client, before: func(asked int) {
			switch asked {
			case 2:
				time.Sleep(max(minSaveInterval, time.Since(began)/4) + 200*time.Millisecond) // the next save is due
			case 3:
				kept, err := w.store.Syncs(t.Context(), team, 1)
				if err != nil || kept[0].State != syncs.Running || kept[0].Updated == 0 {
					t.Errorf("on the way: %v, %+v", err, kept)
				}
			}
		}}
	})
	if s.Updated != 3 {
		t.Errorf("%+v", s)
	}
}
