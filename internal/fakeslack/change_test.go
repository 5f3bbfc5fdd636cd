package fakeslack

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack/slackevents"
)

type envelope struct {
	TeamID  string `json:"team_id"`
	Type    string `json:"type"`
	EventID string `json:"event_id"`
	Event   struct {
		Type    string         `json:"type"`
		EventTS string         `json:"event_ts"`
		User    map[string]any `json:"user"`
	} `json:"event"`
}

func keys(m map[string]any) []string {
	var k []string
	for name := range m {
		k = append(k, name)
	}
	slices.Sort(k)
	return k
}

// activeMember is one whom every operation is open to, without a status, and with
// custom fields of the shape that slack-go's events can hold: an event with [] is lost on it.
func activeMember(w *Workspace) string {
	p := w.listed[12]
	p.fields, p.status = map[string]any{}, status{}
	return p.id
}

func TestOperations(t *testing.T) {
	reducedKeys := []string{"id", "profile", "team_id"}
	tests := []struct {
		name    string
		do      func(*Workspace, string) ([]Event, error)
		types   []string
		reduced []string // keys of the second event's user
		profile []string // and of its profile
	}{
		{name: "join", do: func(w *Workspace, _ string) ([]Event, error) { return w.Join(), nil }, types: []string{"team_join"}},
		{name: "status", do: (*Workspace).SetStatus, types: []string{"user_change", "user_status_changed"},
			reduced: reducedKeys, profile: []string{"status_emoji", "status_expiration", "status_text"}},
		{name: "title", do: (*Workspace).Retitle, types: []string{"user_change", "user_profile_changed"},
			reduced: reducedKeys, profile: []string{"title"}},
		{name: "name", do: (*Workspace).Rename, types: []string{"user_change", "user_profile_changed"},
			reduced: []string{"id", "profile", "real_name", "team_id"},
			profile: []string{"display_name", "display_name_normalized", "first_name", "last_name", "real_name", "real_name_normalized"}},
		{name: "leave", do: (*Workspace).Leave, types: []string{"user_change"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := New(Options{Clock: atNoon})
			id := activeMember(w)
			before := w.User(id)
			events, err := tt.do(w, id)
			if err != nil {
				t.Fatal(err)
			}
			var types []string
			for i, e := range events {
				types = append(types, e.Type)
				got := decode[envelope](t, e.Envelope)
				if got.Type != "event_callback" || got.TeamID != "T0ROLLCALL" || got.EventID == "" || got.Event.Type != e.Type || got.Event.User["id"] != e.UserID {
					t.Errorf("envelope %s", e.Envelope)
				}
				if _, err := slackevents.ParseEvent(e.Envelope, slackevents.OptionNoVerifyToken()); err != nil {
					t.Errorf("slack-go cannot read %s: %v", e.Type, err)
				}
				if i == 0 {
					if diff := cmp.Diff(decode[map[string]any](t, w.User(e.UserID)), got.Event.User); diff != "" {
						t.Errorf("the event's user is not the workspace's:\n%s", diff)
					}
					continue
				}
				if diff := cmp.Diff(tt.reduced, keys(got.Event.User)); diff != "" {
					t.Errorf("reduced user:\n%s", diff)
				}
				if diff := cmp.Diff(tt.profile, keys(got.Event.User["profile"].(map[string]any))); diff != "" {
					t.Errorf("reduced profile:\n%s", diff)
				}
			}
			if diff := cmp.Diff(tt.types, types); diff != "" {
				t.Error(diff)
			}
			if tt.name != "join" && string(before) == string(w.User(id)) {
				t.Error("nothing changed")
			}
		})
	}
}

func TestDeactivateReactivateForget(t *testing.T) {
	w := New(Options{Clock: atNoon})
	id := activeMember(w)
	do := func(op func(string) ([]Event, error)) map[string]any {
		t.Helper()
		events, err := op(id)
		if err != nil {
			t.Fatal(err)
		}
		return decode[envelope](t, events[0].Envelope).Event.User
	}
	if u := do(w.Leave); u["deleted"] != true || u["tz"] != nil {
		t.Errorf("deactivated: %v", u)
	}
	for name, op := range map[string]func(string) ([]Event, error){"status": w.SetStatus, "rename": w.Rename, "leave": w.Leave} {
		if _, err := op(id); !errors.Is(err, ErrWrongState) {
			t.Errorf("%s of a deactivated user: %v", name, err)
		}
	}
	if u := do(w.Return); u["deleted"] != false || u["tz"] == nil {
		t.Errorf("reactivated: %v", u)
	}
	do(w.Leave)
	if u := do(w.Forget); u["is_forgotten"] != true || u["profile"].(map[string]any)["email"] != nil {
		t.Errorf("forgotten: %v", u)
	}
	if _, err := w.Return(id); !errors.Is(err, ErrWrongState) {
		t.Errorf("return of a forgotten user: %v", err)
	}
	if _, err := w.Leave("U404"); !errors.Is(err, ErrUserNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestExternalPeopleKeepTheirWorkspace(t *testing.T) {
	w := New(Options{})
	events, err := w.Retitle(w.ExternalIDs()[0])
	if err != nil {
		t.Fatal(err)
	}
	got := decode[envelope](t, events[0].Envelope)
	if got.TeamID != "T0ROLLCALL" || got.Event.User["team_id"] != partners[0] || got.Event.User["is_stranger"] != true {
		t.Errorf("%s", events[0].Envelope)
	}
}

// Every event of a long life is newer than the one before, also with a clock that
// stands still, and tells of what changed.
func TestStep(t *testing.T) {
	w := New(Options{Clock: atNoon})
	rng := rand.New(rand.NewPCG(1, 2))
	seen, last := map[string]int{}, ""
	for range 2000 {
		events := w.Step(rng)
		if len(events) == 0 {
			t.Fatal("nothing happened")
		}
		for _, e := range events {
			seen[e.Type]++
			ts := decode[envelope](t, e.Envelope).Event.EventTS
			if ts <= last {
				t.Fatalf("event_ts %s after %s", ts, last)
			}
			last = ts
		}
	}
	for _, eventType := range []string{"team_join", "user_change", "user_status_changed", "user_profile_changed"} {
		if seen[eventType] == 0 {
			t.Errorf("no %s in %v", eventType, seen)
		}
	}
	if 2*seen["user_status_changed"] < seen["user_change"] {
		t.Errorf("status changes are not the most: %v", seen)
	}
}

func TestStatusExpires(t *testing.T) {
	now := noon
	w := New(Options{Clock: func() time.Time { return now }})
	p := w.find(activeMember(w))
	w.mu.Lock()
	_, err := w.putStatus(p, statuses[2])
	w.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	e := w.Step(rand.New(rand.NewPCG(1, 1)))[0]
	if e.UserID != p.id || p.status != (status{}) {
		t.Errorf("%s, status of %s %v", e.Summary, p.id, p.status)
	}
}

func TestConcurrentUse(t *testing.T) {
	w := New(Options{})
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for i := range uint64(8) {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(i, i))
			for range 50 {
				for _, e := range w.Step(rng) {
					var got envelope
					if err := json.Unmarshal(e.Envelope, &got); err != nil {
						t.Error(err)
					}
					mu.Lock()
					if seen[got.Event.EventTS] || seen[got.EventID] {
						t.Errorf("%s occurs twice", got.EventID)
					}
					seen[got.Event.EventTS], seen[got.EventID] = true, true
					mu.Unlock()
				}
				w.SetBaseURL("http://x")
				w.SetFaults(Faults{})
				w.Options()
				w.User(w.ExternalIDs()[0])
			}
			w.Users()
		})
	}
	all.Wait()
}
