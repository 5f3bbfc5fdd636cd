package fakeslack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
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

// activeMember returns a member who allows every operation, without a status.
func activeMember(w *Workspace) string {
	p := w.listed[12]
	p.status = status{}
	return p.id
}

func TestOperations(t *testing.T) {
	joined := func(w *Workspace, id string) ([]Event, error) {
		if _, err := w.JoinHuddle(id); err != nil {
			return nil, err
		}
		return w.LeaveHuddle(id)
	}
	tests := []struct {
		name    string
		do      func(*Workspace, string) ([]Event, error)
		event   string // "" for user_change
		as      string // the granular event that may come with it
		changed []string
	}{
		{name: "join", do: func(w *Workspace, _ string) ([]Event, error) { return w.Join(), nil }, event: "team_join"},
		{name: "status", do: (*Workspace).SetStatus, as: "user_status_changed", changed: []string{"status_emoji", "updated"}},
		{name: "title", do: (*Workspace).Retitle, as: "user_profile_changed", changed: []string{"title", "updated"}},
		{name: "name", do: (*Workspace).Rename, as: "user_profile_changed",
			changed: []string{"last_name", "real_name", "real_name", "real_name_normalized", "updated"}},
		{name: "move", do: (*Workspace).Move, as: "user_profile_changed", changed: []string{"tz", "updated"}},
		{name: "admin", do: (*Workspace).MakeAdmin, changed: []string{"is_admin", "updated"}},
		{name: "guest", do: (*Workspace).MakeGuest, changed: []string{"is_restricted", "updated"}},
		{name: "huddle", do: (*Workspace).JoinHuddle, as: "user_huddle_changed",
			changed: []string{"huddle_state", "huddle_state_call_id", "huddle_state_expiration_ts", "updated"}},
		{name: "end of a huddle", do: joined, as: "user_huddle_changed", changed: []string{"updated"}},
		{name: "leave", do: (*Workspace).Leave, changed: []string{"color", "deleted", "tz", "updated"}},
	}
	for _, tt := range tests {
		for _, granular := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", tt.name, granular), func(t *testing.T) {
				w := New(Options{Clock: atNoon, GranularEvents: granular})
				id := activeMember(w)
				before, _ := w.Person(id)
				events, err := tt.do(w, id)
				if err != nil {
					t.Fatal(err)
				}
				want := []string{cmp.Or(tt.event, "user_change")}
				if granular && tt.as != "" {
					want = append(want, tt.as)
				}
				var types []string
				for _, e := range events {
					types = append(types, e.Type)
					got := decode[envelope](t, e.Envelope)
					if got.Type != "event_callback" || got.TeamID != "T0ROLLCALL" || got.EventID == "" || got.Event.Type != e.Type {
						t.Errorf("envelope %s", e.Envelope)
					}
					after, _ := w.Person(e.UserID)
					if diff := gocmp.Diff(decode[map[string]any](t, after.EventObject()), got.Event.User); diff != "" {
						t.Errorf("the event has another user than the workspace:\n%s", diff)
					}
				}
				if diff := gocmp.Diff(want, types); diff != "" {
					t.Error(diff)
				}
				after, _ := w.Person(id)
				changed := differences(decode[map[string]any](t, before.EventObject()), decode[map[string]any](t, after.EventObject()))
				for _, key := range tt.changed {
					if !slices.Contains(changed, key) {
						t.Errorf("%s did not change, but %v", key, changed)
					}
				}
			})
		}
	}
}

// differences returns the keys that differ, at the top and in the profile.
func differences(a, b map[string]any) []string {
	var differ []string
	all := maps.Clone(a)
	maps.Copy(all, b)
	for key := range all {
		x, inA := a[key].(map[string]any)
		y, inB := b[key].(map[string]any)
		if inA && inB {
			differ = append(differ, differences(x, y)...)
		} else if !gocmp.Equal(a[key], b[key]) {
			differ = append(differ, key)
		}
	}
	return differ
}

// TestSlackGoReadsEvents: slack-go reads every event, except those whose custom fields are [].
func TestSlackGoReadsEvents(t *testing.T) {
	w := New(Options{GranularEvents: true, HuddlesEvery: 3, People: 60})
	rng := rand.New(rand.NewPCG(3, 3))
	read := 0
	for range 300 {
		for _, e := range w.Step(rng) {
			user := decode[envelope](t, e.Envelope).Event.User
			if _, ok := user["profile"].(map[string]any)["fields"].([]any); ok {
				continue
			}
			read++
			if _, err := slackevents.ParseEvent(e.Envelope, slackevents.OptionNoVerifyToken()); err != nil {
				t.Errorf("%s: %v in %s", e.Type, err, e.Envelope)
			}
		}
	}
	if read < 200 {
		t.Errorf("%d events read", read)
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
		if _, err := op(id); !errors.Is(err, errWrongState) {
			t.Errorf("%s of a deactivated user: %v", name, err)
		}
	}
	if u := do(w.Return); u["deleted"] != false || u["tz"] == nil {
		t.Errorf("reactivated: %v", u)
	}
	before := do(w.Leave)["profile"].(map[string]any)["email"]
	if u := do(w.Forget); u["is_forgotten"] != true || strings.Contains(string(encode(u)), before.(string)) {
		t.Errorf("forgotten: %v", u)
	}
	if _, err := w.Return(id); !errors.Is(err, errWrongState) {
		t.Errorf("return of a forgotten user: %v", err)
	}
	if _, err := w.Leave("U404"); !errors.Is(err, errUserNotFound) {
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
	if got.TeamID != "T0ROLLCALL" || got.Event.User["team_id"] != partners[0] {
		t.Errorf("%s", events[0].Envelope)
	}
}

// TestStep: every event is newer than the one before, even if the clock stands still.
func TestStep(t *testing.T) {
	w := New(Options{Clock: atNoon, GranularEvents: true, HuddlesEvery: 10})
	rng := rand.New(rand.NewPCG(1, 2))
	seen, last := map[string]int{}, ""
	for range 2000 {
		events := w.Step(rng)
		if len(events) == 0 {
			t.Fatal("no event")
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
	for _, eventType := range []string{"team_join", "user_change", "user_status_changed", "user_profile_changed", "user_huddle_changed"} {
		if seen[eventType] == 0 {
			t.Errorf("no %s in %v", eventType, seen)
		}
	}
	if 2*seen["user_status_changed"] < seen["user_change"] {
		t.Errorf("less than half of the changes are of a status: %v", seen)
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
