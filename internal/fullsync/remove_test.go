package fullsync

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestFewMayGo: three people may be removed in a day, however small the directory.
func TestFewMayGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 12})
	w.sync(t)
	people := w.active(t)
	for _, id := range people[:4] {
		must(t)(nil, w.slack.Remove(id))
		w.pass(time.Hour)
		s, err := Run(t.Context(), w.options())
		if refused := id == people[3]; refused != errors.Is(err, ErrMassDelete) || !refused && (err != nil || s.Removed != 1) {
			t.Errorf("%v, %+v", err, s)
		}
	}
}

// TestMassRemovalRemembers: many syncs cannot remove a tenth each.
func TestMassRemovalRemembers(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 200}, store)
	w.sync(t)
	people, refused := w.active(t), false
	for i := range 10 {
		for _, id := range people[i*8 : i*8+8] {
			must(t)(nil, w.slack.Remove(id))
		}
		w.pass(10 * time.Minute)
		if _, err := Run(t.Context(), w.options()); err != nil {
			refused = errors.Is(err, ErrMassDelete)
			break
		}
	}
	left, _, err := store.SumFingerprints(t.Context(), team, directory.Listed)
	if err != nil || !refused || left < 180 {
		t.Fatalf("%d people are left, refused %v, error %v", left, refused, err)
	}

	// What an operator allows does not count, nor what is older than a day.
	w.sync(t, func(o *Options) { o.AllowMassDelete = true })
	must(t)(nil, w.slack.Remove(people[100]))
	w.pass(10 * time.Minute)
	if s := w.sync(t); s.Removed != 1 {
		t.Errorf("%+v", s)
	}
	for id, s := range store.records {
		s.Started, s.Ended, s.MassRemoval = s.Started.Add(-25*time.Hour), s.Ended.Add(-25*time.Hour), false
		store.records[id] = s
	}
	for _, id := range people[101:112] {
		must(t)(nil, w.slack.Remove(id))
	}
	w.pass(10 * time.Minute)
	if s := w.sync(t); s.Removed != 11 {
		t.Errorf("%+v", s)
	}
}

// TestExternalsGoOnTheirOwn: external people are judged by how many externals there are.
func TestExternalsGoOnTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 12})
	w.sync(t)
	for i := range 100 {
		user := fmt.Sprintf(`{"id":"UX%d","team_id":"T0ELSEWHERE"}`, i)
		if i < 90 {
			user = strings.ReplaceAll(user, "UX", "UGONE")
		}
		if err := w.apply(t.Context(), told(t, 1e12, user)); err != nil {
			t.Fatal(err)
		}
	}
	id := w.active(t)[0]
	must(t)(nil, w.slack.Remove(id))
	w.pass(time.Hour)
	s, err := Run(t.Context(), w.options())
	if !errors.Is(err, ErrMassDelete) || s.Removed != 1 || s.External.Removed != 0 || s.External.Stored != 100 || !w.user(t, id).Removed {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestBackFromElsewhere: whoever leaves the workspace and comes back in a shared channel, as
// a member of another workspace, is not removed again for want of an entry in the listing.
func TestBackFromElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	id := w.slack.ExternalIDs()[0]
	at := func() directory.Version { return directory.VersionOf(w.slack.Options().Clock()) }
	member, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: []byte(`{"id":"` + id + `","team_id":"` + team + `"}`),
		Version: at(), Source: directory.FromSync, InList: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.apply(t.Context(), member); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	if s := w.sync(t); s.Removed != 1 || !w.user(t, id).Removed {
		t.Fatalf("%+v", s)
	}
	w.pass(time.Minute)
	person, _ := w.slack.Person(id)
	if err := w.apply(t.Context(), told(t, at(), string(person.EventObject()))); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	if s := w.sync(t); s.Removed != 0 || s.External.Stored != 1 || w.user(t, id).Kind != directory.External {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestIncompleteListingRemovesNobody: more than a tenth is removed only if that is allowed.
func TestIncompleteListingRemovesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 130})
	w.sync(t)
	for _, id := range w.active(t)[:20] {
		if err := w.slack.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(3 * time.Hour)
	_, err := Run(t.Context(), w.options(func(o *Options) {
		o.Slack = interrupted{w.client, 1, func() error { return errors.New("network down") }}
	}))
	if err == nil || len(w.published) != 130 {
		t.Errorf("%v after %d messages", err, len(w.published))
	}
	s, err := Run(t.Context(), w.options())
	if !errors.Is(err, ErrMassDelete) || s.Removed != 0 || len(w.published) != 130 {
		t.Errorf("%v, %+v", err, s)
	}
	kept, err := w.store.Syncs(t.Context(), team, 1)
	if err != nil || kept[0].State != syncs.Failed || !strings.Contains(kept[0].Error, "-allow-mass-delete") {
		t.Errorf("%v, %+v", err, kept)
	}
	if s := w.sync(t, func(o *Options) { o.AllowMassDelete = true }); s.Removed != 20 {
		t.Errorf("%+v", s)
	}
	w.check(t)
}
