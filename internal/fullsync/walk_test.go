package fullsync

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestNoTime: answers without a time are an error, and nobody is inserted.
func TestNoTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 100, Faults: fakeslack.Faults{NoDate: true, NoCacheTS: true}})
	s, err := Run(t.Context(), w.options())
	if err == nil || !strings.Contains(err.Error(), "Date") || s.Inserted != 0 || s.State != syncs.Failed || len(w.published) != 0 {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestStuckCursor ends the walk.
func TestStuckCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 110, Faults: fakeslack.Faults{StuckCursor: true}})
	s, err := Run(t.Context(), w.options())
	if err == nil || !strings.Contains(err.Error(), "cursor") || s.Calls > 6 {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestCursorExpires: both walks start over a few times, and everybody is repaired once.
func TestCursorExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 120})
	w.sync(t)
	for _, id := range w.active(t)[:50] { // more than are asked for one by one
		if _, err := w.slack.Rename(id); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(3 * time.Hour)
	w.published = nil

	w.slack.SetFaults(fakeslack.Faults{ExpireCursorEvery: 2}) // always
	if s, err := Run(t.Context(), w.options()); !errors.Is(err, syncs.ErrCursorExpired) || len(w.published) > 0 || s.Calls != 2+2*maxWalks {
		t.Errorf("%v, %d messages, %+v", err, len(w.published), s)
	}
	w.slack.SetFaults(fakeslack.Faults{ExpireCursorEvery: 6}) // in the walk for repairs
	s := w.sync(t, func(o *Options) {
		once := syncs.ErrCursorExpired
		o.Slack = interrupted{w.client, 1, func() error { err := once; once = nil; return err }}
	})
	if s.Listed != 120 || s.Updated != 50 || len(w.published) != 50 {
		t.Errorf("%d messages, %+v", len(w.published), s)
	}
	w.check(t)
}

// interrupted lists some pages and then fails.
type interrupted struct {
	Slack
	pages int
	then  func() error
}

// TestGoesOn: a sync that failed or was told to stop is continued from its
// checkpoint, under the same id, and ends as if nothing had happened.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]bool{"first load": true, "repair": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fakeslack.Options{People: 220})
			if !empty {
				w.sync(t)
				for i, id := range w.active(t)[:50] {
					if _, err := w.slack.Rename(id); err != nil {
						t.Fatal(i, err)
					}
				}
				w.pass(3 * time.Hour)
			}
			before := w.client.Usage().Calls
			first, err := Run(t.Context(), w.options(func(o *Options) {
				o.Slack = interrupted{w.client, 1, func() error { return errors.New("network down") }}
			}))
			if err == nil || first.Pages != 1 || first.Removed != 0 {
				t.Fatalf("%v, %+v", err, first)
			}
			ctx, cancel := context.WithCancel(t.Context())
			second, err := Run(ctx, w.options(func(o *Options) {
				o.Slack = interrupted{w.client, 1, func() error { cancel(); return ctx.Err() }}
			}))
			if !errors.Is(err, context.Canceled) || second.ID != first.ID || second.Pages != 2 {
				t.Fatalf("%v, %+v", err, second)
			}
			kept, err := w.store.Syncs(t.Context(), team, 1)
			if err != nil || kept[0].State != syncs.Interrupted || kept[0].ID != first.ID {
				t.Fatalf("%v, %+v", err, kept)
			}
			calls := w.client.Usage().Calls
			third := w.sync(t)
			w.check(t)
			listCalls := w.client.Usage().Calls - calls - 3 // auth.test, team.info and emoji.list
			if third.ID != first.ID || third.Pages != 3 || third.Listed != 220 || empty && listCalls != 1 || !empty && listCalls > 1+50 {
				t.Errorf("%d calls, %+v", listCalls, third)
			}
			if !empty && third.Updated != 50 || third.Calls != w.client.Usage().Calls-before || third.Reads <= first.Reads || third.Writes <= second.Writes {
				t.Errorf("%+v", third)
			}
		})
	}
}

func (s interrupted) Users(ctx context.Context, teamID, cursor string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		n := 0
		for page, err := range s.Slack.Users(ctx, teamID, cursor) {
			if n++; n > s.pages {
				if err := s.then(); err != nil {
					yield(syncs.ListingPage{}, err)
					return
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// spoiled lists one person's object nested so deep that it cannot be stored.
type spoiled struct {
	Slack
	id string
}

func (s spoiled) Users(ctx context.Context, teamID, cursor string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		for page, err := range s.Slack.Users(ctx, teamID, cursor) {
			for i, user := range page.Users {
				if slices.Equal(idOf(user), []string{s.id}) {
					page.Users[i] = []byte(`{"id":"` + s.id + `","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`)
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// TestLeftOutIsNotGone: a listed person is not removed even if the object cannot be stored.
func TestLeftOutIsNotGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 100})
	w.sync(t)
	people := w.active(t)
	left, gone := people[0], people[1]
	if err := w.slack.Remove(gone); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	s := w.sync(t, func(o *Options) { o.Slack = spoiled{w.client, left} })
	if s.Removed != 1 || s.Updated != 0 || s.Inserted != 0 {
		t.Errorf("%+v", s)
	}
	for id, want := range map[string]bool{left: false, gone: true} {
		if u, _, err := w.store.User(t.Context(), team, id); err != nil || u.Removed != want {
			t.Errorf("%s: removed %v, want %v, error %v", id, u.Removed, want, err)
		}
	}
}

// TestEventDuringTheSync: a page does not undo an event that happened after it.
func TestEventDuringTheSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 210})
	w.sync(t)
	id := w.active(t)[0]
	if _, err := w.slack.Rename(id); err != nil { // this event is lost
		t.Fatal(err)
	}
	joined := ""
	w.sync(t, func(o *Options) {
		o.Slack = interrupted{w.client, 2, func() error {
			w.pass(3 * time.Hour)
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
