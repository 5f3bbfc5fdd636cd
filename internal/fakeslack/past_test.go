package fakeslack

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const sixWeeks = 6 * 7 * 24 * time.Hour

// withPast returns a workspace whose past is over, and the events of the past.
func withPast(people int) (*Workspace, []Event) {
	w := New(Options{People: people, Past: sixWeeks, Clock: func() time.Time { return time.Date(2026, time.November, 28, 19, 0, 0, 0, time.UTC) }})
	var all []Event
	for e := range w.Past() {
		all = append(all, e)
	}
	return w, all
}

// TestPast: the events are in order, in working weeks, the same each time, and lead to the people of the present.
func TestPast(t *testing.T) {
	for _, people := range []int{10, 250, 3000} {
		w, events := withPast(people)
		if n := len(w.People()); n != people {
			t.Errorf("%d people, want %d", n, people)
		}
		if _, again := withPast(people); !slices.EqualFunc(events, again, func(a, b Event) bool { return bytes.Equal(a.Envelope, b.Envelope) }) {
			t.Errorf("%d people have another past the second time", people)
		}
		now := w.options.Clock()
		last, joined, weekend := now.Add(-sixWeeks), 0, 0
		newest := map[string]json.RawMessage{}
		for _, e := range events {
			var said struct {
				Time  int64 `json:"event_time"`
				Event struct {
					User json.RawMessage `json:"user"`
				} `json:"event"`
			}
			if err := json.Unmarshal(e.Envelope, &said); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(said.Time, 0).UTC()
			if at.Before(last.Truncate(time.Second)) || !at.Before(now) {
				t.Errorf("%s at %v, after %v", e.Summary, at, last)
			}
			last = at
			if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
				weekend++
			}
			if e.Type == "team_join" {
				joined++
			}
			newest[e.UserID] = said.Event.User
		}
		if joined != people/pastJoinShare || len(events) < 20 || weekend > len(events)/8 {
			t.Errorf("%d events, %d of them at weekends; %d joined", len(events), weekend, joined)
		}
		for id, told := range newest {
			if diff := cmp.Diff(updatedOf(t, told), updatedOf(t, w.User(id))); diff != "" {
				t.Errorf("%s: (-told +now):\n%s", id, diff)
			}
		}
	}
}

func updatedOf(t *testing.T, object json.RawMessage) (said struct{ Updated int64 }) {
	t.Helper()
	if err := json.Unmarshal(object, &said); err != nil {
		t.Fatal(err)
	}
	return said
}

// TestUnfinishedPast: a caller that stops early still gets all people of the present.
func TestUnfinishedPast(t *testing.T) {
	w := New(Options{Past: sixWeeks})
	if n := len(w.People()); n != 240 {
		t.Errorf("%d people at the start", n)
	}
	for range w.Past() {
		break
	}
	if n := len(w.People()); n != 250 || time.Since(w.now()) > time.Minute {
		t.Errorf("%d people at %v", n, w.now())
	}
}

// objects are those of everybody, as events have them.
func objects(t *testing.T, w *Workspace) (all []json.RawMessage) {
	t.Helper()
	for _, p := range w.People() {
		all = append(all, p.EventObject())
	}
	for _, id := range w.ExternalIDs() {
		p, ok := w.Person(id)
		if !ok {
			t.Fatal(id)
		}
		all = append(all, p.EventObject())
	}
	return all
}

// withoutInviter leaves out guest_invited_by, from which one would know that somebody deactivated was a guest.
func withoutInviter(object json.RawMessage) (said map[string]any) {
	if err := json.Unmarshal(object, &said); err != nil {
		return map[string]any{"error": err}
	}
	if profile, ok := said["profile"].(map[string]any); ok && said["deleted"] == true {
		delete(profile, "guest_invited_by")
	}
	return said
}

// TestKnown: a workspace made from another's objects has the same people as they are, and the same person joins next.
func TestKnown(t *testing.T) {
	w, _ := withPast(250)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		w.Step(rng)
	}
	known := objects(t, w)
	again := New(Options{Known: append(known, json.RawMessage(`{"id":"UOTHER"}`), json.RawMessage(`[]`), nil), Past: sixWeeks, Clock: w.options.Clock})
	for range again.Past() {
		t.Error("it has its past behind it")
	}
	if diff := cmp.Diff(w.Users(), again.Users(), cmp.Transformer("parsed", withoutInviter)); diff != "" {
		t.Errorf("(-left +found):\n%s", diff)
	}
	for _, id := range w.ExternalIDs() {
		if diff := cmp.Diff(string(w.User(id)), string(again.User(id))); diff != "" {
			t.Errorf("external: (-left +found):\n%s", diff)
		}
	}
	if a, b := w.Join()[0], again.Join()[0]; a.UserID != b.UserID {
		t.Errorf("%s joined, and %s", a.UserID, b.UserID)
	}

	people := w.People()
	lost := people[len(people)-3].ID()
	known = nil
	for _, p := range people {
		if p.ID() != lost {
			known = append(known, p.EventObject())
		}
	}
	less := New(Options{Known: known, Clock: w.options.Clock})
	if _, ok := less.Person(lost); ok || len(less.People()) != len(people)-1 {
		t.Errorf("%d people of %d", len(less.People()), len(people))
	}
	if more := New(Options{Known: known, People: 1000}); len(more.People()) != 1000 || more.Options().People != 1000 {
		t.Errorf("%d people", len(more.People()))
	}
}

// TestExpiredMeanwhile: a status that expired between two processes is cleared.
func TestExpiredMeanwhile(t *testing.T) {
	now := time.Now()
	w := New(Options{Clock: func() time.Time { return now }})
	id := w.People()[0].ID()
	for {
		if _, err := w.SetStatus(id); err != nil {
			t.Fatal(err)
		}
		if w.find(id).statusExpiration != 0 {
			break
		}
	}
	ends := w.find(id).statusExpiration
	known := objects(t, w)
	now = time.Unix(ends-1, 0)
	if p := New(Options{Known: known, Clock: w.options.Clock}).find(id); p.status.emoji == "" || p.statusExpiration != ends {
		t.Errorf("before: %+v", p)
	}
	now = time.Unix(ends, 0)
	if p := New(Options{Known: known, Clock: w.options.Clock}).find(id); p.status != (status{}) || p.statusExpiration != 0 || p.updated != ends {
		t.Errorf("after: %+v", p)
	}
}
