package fullsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestOnePersonFailsAlone: a person who cannot be read is counted, and fails nobody else.
func TestOnePersonFailsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 110})
	external := w.slack.ExternalIDs()
	for _, id := range external[:3] {
		person, _ := w.slack.Person(id)
		if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(t)
	people := w.active(t)
	for _, id := range people[:4] {
		must(t)(w.slack.Retitle(id))
	}
	must(t)(w.slack.Retitle(external[2]))
	w.pass(time.Hour)
	w.slack.SetFaults(fakeslack.Faults{
		InfoError: map[string]string{people[0]: "user_is_haunted", external[0]: "user_is_haunted"},
		InfoOther: map[string]string{people[1]: people[9], external[1]: people[9]},
	})
	w.taken()
	for range 2 {
		s := w.sync(t)
		if s.Failed != 4 || s.State != syncs.Done {
			t.Errorf("%+v", s)
		}
	}
	var repaired []string
	for _, c := range w.taken() {
		repaired = append(repaired, c.UserID)
	}
	slices.Sort(repaired)
	want := []string{people[2], people[3], external[2]}
	slices.Sort(want)
	if diff := gocmp.Diff(want, repaired); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
	w.slack.SetFaults(fakeslack.Faults{})
	w.sync(t)
	w.check(t)
}

// TestNobodyCanBeRead: if users.info fails for everybody, the sync fails.
func TestNobodyCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 210})
	w.sync(t)
	faults := fakeslack.Faults{InfoError: map[string]string{}}
	for _, id := range w.active(t)[:10] {
		must(t)(w.slack.Retitle(id))
		faults.InfoError[id] = "user_is_haunted"
	}
	w.slack.SetFaults(faults)
	w.pass(time.Hour)
	if s, err := Run(t.Context(), w.options()); err == nil || s.State != syncs.Failed || s.Failed != maxUnreadable {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestRepairsSayWhoIsListed: a listed person is stored as listed, even if the object came from users.info.
func TestRepairsSayWhoIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	external := w.slack.ExternalIDs()[0]
	person, _ := w.slack.Person(external)
	if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil {
		t.Fatal(err)
	}
	must(t)(w.slack.Retitle(external))
	must(t)(w.slack.Retitle(w.active(t)[0]))
	w.pass(time.Hour)
	w.taken()
	w.sync(t)
	got := map[string]bool{}
	for _, c := range w.taken() {
		got[c.UserID] = c.InList
	}
	if diff := gocmp.Diff(map[string]bool{external: false, w.active(t)[0]: true}, got); diff != "" {
		t.Errorf("in_list (-want +got):\n%s", diff)
	}
}

// TestListedWhoLookExternal: in an organisation the list has people whose objects
// name another workspace. All of them are compared, not a sample.
func TestListedWhoLookExternal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 600, Enterprise: "E0MARLOW"})
	looksExternal := 0
	for _, person := range w.slack.People() {
		var o struct {
			TeamID string `json:"team_id"`
		}
		if err := json.Unmarshal(person.ListObject(true), &o); err != nil {
			t.Fatal(err)
		}
		// Half of them are stored, the others were missed.
		if o.TeamID == team {
			continue
		}
		if looksExternal++; looksExternal%2 == 0 {
			continue
		}
		if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil && !errors.Is(err, directory.ErrUnknownUser) {
			t.Fatal(err)
		}
	}
	if looksExternal < 10 {
		t.Fatal("fakeslack lists nobody who looks external")
	}
	w.sync(t)
	w.taken()
	if s := w.sync(t); len(w.taken()) != 0 || s.External.Stored != 0 {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestPublishRefused: a sync that cannot publish fails, and the next one makes the repairs.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 150})
	w.refuse = errors.New("no topic")
	if s, err := Run(t.Context(), w.options()); !errors.Is(err, w.refuse) || s.State != syncs.Failed {
		t.Errorf("%v, %+v", err, s)
	}
	w.refuse = nil
	w.sync(t)
	w.check(t)
}

// TestForgottenByMistake: only an operator can undo it. The sync reports it, and counts no drift.
func TestForgottenByMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	id := w.active(t)[0]
	at := w.slack.Options().Clock().Add(time.Second)
	if err := w.apply(t.Context(), told(t, directory.VersionOf(at), `{"id":"`+id+`","is_forgotten":true}`)); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	w.taken()
	var lines bytes.Buffer
	s := w.sync(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&lines, nil)) })
	if len(w.taken()) != 0 || s.Forgotten != 1 || s.Drift != 0 || !strings.Contains(lines.String(), id) {
		t.Errorf("%+v\n%s", s, &lines)
	}
	lift, err := directory.NewChange(directory.Change{Operation: directory.Lift, TeamID: team, User: []byte(`{"id":"` + id + `"}`),
		Version: directory.VersionOf(w.slack.Options().Clock()), Source: directory.FromOperator})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.apply(t.Context(), lift); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	w.check(t)
}

// TestVersionsInTheFuture: a sync finds, reports and replaces them.
func TestVersionsInTheFuture(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 60}, store)
	external, _ := w.slack.Person(w.slack.ExternalIDs()[0])
	if err := w.apply(t.Context(), told(t, 1e12, string(external.EventObject()))); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	future := directory.VersionOf(time.Now().AddDate(3, 0, 0))
	for id, u := range store.users { // as by a sync whose Date is three years ahead
		switch p := u.Parts; {
		case p.Forgotten != nil:
			p.Forgotten.Version = future
		case id == external.ID():
			p.Told.Version, u.SlackVersion = future, future
		default:
			p.Listed.Version, u.SlackVersion = future, future
		}
		u.Version = future
		store.users[id] = u
	}
	must(t)(w.slack.Retitle(w.active(t)[0]))
	must(t)(nil, w.slack.Remove(w.active(t)[1]))
	w.pass(3 * time.Hour)
	if s := w.sync(t); s.Future != 61 || s.Removed != 1 || s.Updated != 60 {
		t.Errorf("%+v", s)
	}
	if s := w.sync(t); s.Future != 0 || s.Updated != 0 {
		t.Errorf("a second time: %+v", s)
	}
	w.check(t)
}
