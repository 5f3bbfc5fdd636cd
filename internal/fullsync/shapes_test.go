package fullsync

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// customFields and locale are what events say about a person and listings may not.
func customFields(u directory.User) string {
	if u.Parts.Fields == nil {
		return ""
	}
	return strings.TrimPrefix(string(u.Parts.Fields.Values), "{}")
}

func locale(u directory.User) string {
	var o struct {
		Locale string `json:"locale"`
	}
	if json.Unmarshal(u.Slack, &o) != nil {
		return ""
	}
	return o.Locale
}

// someChange does something to an active person, and returns the events of it.
func someChange(w *world, rng *rand.Rand, id string) (events []fakeslack.Event) {
	steps := [][]func(string) ([]fakeslack.Event, error){
		{w.slack.Leave},
		{w.slack.Leave, w.slack.Return},
		{w.slack.MakeGuest},
		{w.slack.MakeAdmin},
		{w.slack.MakeAdmin, w.slack.MakeMember},
		{w.slack.JoinHuddle},
		{w.slack.JoinHuddle, w.slack.LeaveHuddle},
		{w.slack.SetStatus},
		{w.slack.SetStatus, w.slack.ClearStatus},
		{w.slack.Rename, w.slack.Leave, w.slack.Forget},
		{w.slack.Move},
	}
	for _, step := range steps[rng.IntN(len(steps))] {
		w.pass(time.Second)
		told, err := step(id)
		if err == nil { // an admin cannot become one, and so on
			events = append(events, told...)
		}
	}
	return events
}

// variants lists people in another of Slack's forms that say the same.
type variants struct {
	Slack
	w *world
	n uint64
}

func (v variants) Users(ctx context.Context, teamID, cursor string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		for page, err := range v.Slack.Users(ctx, teamID, cursor) {
			for i, user := range page.Users {
				if person, ok := v.w.slack.Person(idOf(user)[0]); ok {
					page.Users[i] = person.Variant(v.n).ListObject(true)
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

func (v variants) User(ctx context.Context, id string) (json.RawMessage, directory.Version, error) {
	user, version, err := v.Slack.User(ctx, id)
	if person, ok := v.w.slack.Person(id); ok && err == nil {
		user = person.Variant(v.n).InfoObject(true)
	}
	return user, version, err
}

// TestShapes: whatever shapes events and listings have, and whichever comes first,
// after one sync the second one sends nothing.
func TestShapes(t *testing.T) {
	t.Parallel()
	rounds := uint64(3)
	if testing.Short() {
		rounds = 1
	}
	for _, strangers := range []fakeslack.Strangers{fakeslack.StrangersInEvents, fakeslack.StrangersInListings, fakeslack.StrangersEverywhere, fakeslack.StrangersNowhere} {
		for _, keep := range []struct{ events, listings bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			t.Run(fmt.Sprintf("strangers %d, deactivated people keep keys in %+v", strangers, keep), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(uint64(strangers), 7))
				w := newWorld(t, fakeslack.Options{People: 90, Shapes: fakeslack.Shapes{
					Strangers: strangers, EventsKeepDeactivated: keep.events, ListingsKeepDeactivated: keep.listings, HuddlesKeepUpdated: keep.events,
				}})
				if strangers%2 == 0 {
					w.sync(t) // a listing first
				}
				for round := range rounds {
					for _, id := range w.active(t) {
						if rng.IntN(3) > 0 {
							w.deliver(t, variantEvents(t, w, someChange(w, rng, id), round)...)
						}
					}
					for _, id := range w.slack.ExternalIDs() {
						if events, err := w.slack.Retitle(id); err == nil {
							w.deliver(t, events...)
						}
					}
					w.sync(t, func(o *Options) { o.Slack = variants{w.client, w, 2 * round} })
					w.taken()
					s := w.sync(t, func(o *Options) { o.Slack = variants{w.client, w, 2*round + 1} })
					if sent := w.taken(); len(sent) != 0 {
						t.Fatalf("round %d: the second sync sent %d messages, the first one %s %s: %+v", round, len(sent), sent[0].Operation, sent[0].User, s)
					}
					w.check(t)
				}
			})
		}
	}
}

// variantEvents writes the events' users in another of Slack's forms.
func variantEvents(t *testing.T, w *world, events []fakeslack.Event, n uint64) []fakeslack.Event {
	t.Helper()
	for i, e := range events {
		if i < len(events)-1 {
			continue // the person is as after the last one
		}
		var envelope, inner map[string]json.RawMessage
		if err := json.Unmarshal(e.Envelope, &envelope); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(envelope["event"], &inner); err != nil {
			t.Fatal(err)
		}
		person, _ := w.slack.Person(e.UserID)
		inner["user"] = person.Variant(n).EventObject()
		envelope = maps.Clone(envelope)
		var err error
		if envelope["event"], err = json.Marshal(inner); err != nil {
			t.Fatal(err)
		}
		if events[i].Envelope, err = json.Marshal(envelope); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Clone(events)
}

// TestStaleListing: a listing that is half an hour old, with a fresh Date and no
// cache_ts, undoes nothing that an event said.
func TestStaleListing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 400})
	w.sync(t)
	w.pass(3 * time.Hour)
	w.slack.FreezeListings()
	w.slack.SetFaults(fakeslack.Faults{NoCacheTS: true})
	w.pass(5 * time.Minute)

	people := w.active(t)[:200]
	for i, id := range people {
		events, err := []func(string) ([]fakeslack.Event, error){w.slack.Retitle, w.slack.Leave, w.slack.SetStatus, w.slack.Rename}[i%4](id)
		if err != nil {
			t.Fatal(err)
		}
		w.deliver(t, events...)
	}
	for range 5 {
		w.deliver(t, w.slack.Join()...)
	}
	w.pass(25 * time.Minute)
	w.taken()
	s := w.sync(t)
	if sent := w.taken(); len(sent) != 0 || s.Stale != 200 {
		t.Errorf("%d messages, %+v", len(sent), s)
	}
	w.check(t)

	// Rollcall knows the same from cache_ts.
	w.slack.SetFaults(fakeslack.Faults{})
	if s = w.sync(t); len(w.taken()) != 0 || s.Stale != 200 {
		t.Errorf("with cache_ts: %+v", s)
	}
	w.slack.ThawListings()
	if s = w.sync(t); len(w.taken()) != 0 || s.Stale != 0 {
		t.Errorf("from a fresh listing: %+v", s)
	}
	w.check(t)
}
