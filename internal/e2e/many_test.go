package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
)

const (
	members   = 2000 // people who join and change
	changes   = 3    // of each of them
	externals = 198  // people of other workspaces, whose first change creates them
	visits    = 10   // changes of each of them
	unknown   = 20   // updates of people who never joined
	senders   = 32
	whenever  = 5 * time.Minute
)

// sent is one event and what it says, told apart from how Rollcall reads it.
type sent struct {
	user    string
	version directory.Version
	whole   map[string]any // the object, or
	status  string         // the status text of a partial one
	body    func(eventID string) string
}

// mixedEvents makes 10,000 events in the order of their versions.
func mixedEvents(rng *rand.Rand) []sent {
	var all []sent
	add := func(eventType, user string, partial bool) {
		n := len(all)
		e := sent{user: user, version: directory.Version(1648596712000000 + int64(n)*1001)}
		changed := map[string]any{"id": user}
		if partial {
			e.status = fmt.Sprintf("status %d", n)
			changed["profile"] = map[string]any{"status_text": e.status}
		} else {
			e.whole = changed
			changed["name"] = fmt.Sprintf("name%d", n)
			changed["deleted"] = n%7 == 0
			changed["new_field"] = []any{[]any{float64(n)}}
			changed["profile"] = map[string]any{"real_name": fmt.Sprintf("Name %d", n), "status_text": ""}
			if strings.HasPrefix(user, "UX") {
				changed["team_id"] = "T0ELSEWHERE"
			}
		}
		e.body = func(id string) string { return callback(eventType, asJSON(changed), e.version, id) }
		all = append(all, e)
	}
	for i := range unknown {
		add("user_change", fmt.Sprintf("U404%02d", i), false)
	}
	for i := range members {
		add("team_join", fmt.Sprintf("U%04d", i), false)
	}
	for range changes {
		for i := range members {
			if rng.IntN(4) == 0 {
				add("user_status_changed", fmt.Sprintf("U%04d", i), true)
			} else {
				add("user_change", fmt.Sprintf("U%04d", i), false)
			}
		}
	}
	for visit := range visits {
		for i := range externals {
			if visit > 0 && rng.IntN(4) == 0 {
				add("user_status_changed", fmt.Sprintf("UX%03d", i), true)
			} else {
				add("user_change", fmt.Sprintf("UX%03d", i), false)
			}
		}
	}
	return all
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// newest returns what the newest event of each user says, of those who may be stored.
func newest(all []sent) map[string]map[string]any {
	want := map[string]map[string]any{}
	for _, e := range all[unknown:] {
		if e.whole != nil {
			want[e.user] = e.whole
			continue
		}
		object := maps.Clone(want[e.user])
		profile := maps.Clone(object["profile"].(map[string]any))
		profile["status_text"] = e.status
		object["profile"] = profile
		want[e.user] = object
	}
	return want
}

// TestManyEvents: 10,000 mixed events, each sent three times, shuffled, by 32
// senders, end in the state that the newest event of each user says.
func TestManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	hurry := func(t *pubsub.Topology) { t.MinimumBackoff /= 2 } // dead letters are parked after 75 s
	t.Run("undisturbed", func(t *testing.T) { testManyEvents(t, system.NewPumped(t, hurry), func() {}) })
	t.Run("with Firestore stopped for ten seconds", func(t *testing.T) {
		s := system.NewPumped(t, func(t *pubsub.Topology) {
			hurry(t)
			t.AckDeadline = 10 * time.Second // the stop is longer than one attempt
		})
		testManyEvents(t, s, func() {
			e := emulator.Firestore(t)
			e.Pause(t)
			time.Sleep(10 * time.Second)
			e.Resume(t)
		})
	})
}

func testManyEvents(t *testing.T, s *system.System, disturb func()) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	all := mixedEvents(rng)
	start := time.Now()
	sendShuffled(t, s, rng, all, disturb)
	t.Logf("%d requests accepted in %v", 3*len(all), time.Since(start).Round(time.Second))

	want := newest(all)
	system.Eventually(t, whenever, "everybody is as the newest event says", func() bool {
		wrong := differing(t, s, want)
		if wrong > 0 {
			t.Logf("%v: %d people are not yet as they should be", time.Since(start).Round(time.Second), wrong)
			time.Sleep(5 * time.Second)
		}
		return wrong == 0
	})
	t.Logf("all is well after %v", time.Since(start).Round(time.Second))

	parked := s.Parked(t, 3*unknown, whenever)
	parked = append(parked, s.Parked(t, 1, 3*time.Second)...) // nothing more
	seen := map[string]int{}
	for _, m := range parked {
		c, err := directory.DecodeChange(m.GetData())
		if err != nil || len(c.UserID()) < 6 {
			t.Errorf("a dead letter that must not be there: %s of %s, error %v", c.Operation, c.UserID(), err)
		}
		seen[c.EventID]++
	}
	if len(seen) != 3*unknown {
		t.Errorf("%d different dead letters, want %d", len(seen), 3*unknown)
	}
	t.Logf("dead letters parked after %v", time.Since(start).Round(time.Second))
	if wrong := differing(t, s, want); wrong > 0 {
		t.Errorf("in the end %d people are not as they should be", wrong)
	}
}

// sendShuffled sends each event three times, in any order. What is not accepted is sent again, as Slack does.
func sendShuffled(t *testing.T, s *system.System, rng *rand.Rand, all []sent, disturb func()) {
	t.Helper()
	var queue []string
	for i, e := range all {
		for repeat := range 3 {
			queue = append(queue, e.body(fmt.Sprintf("Ev%d.%d", i, repeat)))
		}
	}
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for body := range slices.Values(queue[i*len(queue)/senders : (i+1)*len(queue)/senders]) {
				for {
					status, err := s.Post(t.Context(), body)
					if err == nil && status == http.StatusOK {
						break
					}
					if err == nil && status != http.StatusServiceUnavailable {
						t.Errorf("status %d", status)
						break
					}
					if t.Context().Err() != nil {
						return
					}
				}
			}
		})
	}
	time.Sleep(5 * time.Second)
	disturb()
	wg.Wait()
}

// differing counts the people who are not stored as wanted, and those who should not be there.
func differing(t *testing.T, s *system.System, want map[string]map[string]any) (wrong int) {
	t.Helper()
	seen := 0
	req := directory.PageRequest{Limit: 300}
	for {
		page, err := s.Store.Users(t.Context(), system.Team, req)
		if err != nil {
			t.Logf("not readable now: %v", err)
			return len(want)
		}
		for _, u := range page.Users {
			var got map[string]any
			if err := json.Unmarshal(u.Slack, &got); err != nil {
				t.Fatal(err)
			}
			seen++
			if !cmp.Equal(want[u.ID], got) {
				wrong++
			}
		}
		if page.Next == nil {
			return wrong + max(0, len(want)-seen)
		}
		req.After = page.Next
	}
}
