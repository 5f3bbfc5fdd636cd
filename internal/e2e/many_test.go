package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
)

const (
	people   = 8000   // each joins once
	busy     = 200    // of them have all the changes
	events   = 10_000 // different ones; each is sent three times
	senders  = 32
	unknown  = 20 // of them are updates of people who never joined
	whenever = 10 * time.Minute
	// backlog bounds the messages not yet delivered: the Pub/Sub emulator, unlike
	// Pub/Sub, slows to a crawl under thousands of messages.
	backlog = 300
)

// sent is one event and what it says, told apart from how Rollcall reads it.
type sent struct {
	user    string
	version directory.Version
	whole   map[string]any // the object, or
	status  string         // the status text of a partial one
	body    func(eventID string) string
}

// mixedEvents makes joins first and then changes at random, in the order of their
// versions. Changes are the smaller part because those that come before their
// join wait in the emulator for their next attempt, which has the effect of a backlog.
func mixedEvents(rng *rand.Rand) []sent {
	var all []sent
	for i := range events - unknown {
		who := i
		if i >= people {
			who = i % busy
		}
		e := sent{user: fmt.Sprintf("U%04d", who), version: directory.Version(1648596712000000 + int64(i)*1001)}
		eventType := "user_change"
		switch {
		case i < people:
			eventType = "team_join"
		case rng.IntN(4) == 0:
			e.status = fmt.Sprintf("status %d", i)
			e.body = func(id string) string {
				return callback("user_status_changed", fmt.Sprintf(`{"id":"%s","profile":{"status_text":"%s"}}`, e.user, e.status), e.version, id)
			}
			all = append(all, e)
			continue
		}
		e.whole = map[string]any{"id": e.user, "name": fmt.Sprintf("name%d", i), "new_field": []any{[]any{float64(i)}},
			"profile": map[string]any{"real_name": fmt.Sprintf("Name %d", i), "status_text": ""}}
		user, err := json.Marshal(e.whole)
		if err != nil {
			panic(err)
		}
		e.body = func(id string) string { return callback(eventType, string(user), e.version, id) }
		all = append(all, e)
	}
	for i := range unknown {
		id := fmt.Sprintf("U404%02d", i)
		version := directory.Version(1648596712000000 + int64(i))
		all = append(all, sent{user: id, version: version, body: func(eventID string) string {
			return callback("user_change", `{"id":"`+id+`"}`, version, eventID)
		}})
	}
	return all
}

// newest returns what the newest event of each user says.
func newest(all []sent) map[string]map[string]any {
	want := map[string]map[string]any{}
	for _, e := range all { // in the order of versions
		switch {
		case e.whole != nil:
			want[e.user] = e.whole
		case e.status != "":
			object := want[e.user]
			profile := object["profile"].(map[string]any)
			want[e.user] = map[string]any{"id": e.user, "name": object["name"], "new_field": object["new_field"],
				"profile": map[string]any{"real_name": profile["real_name"], "status_text": e.status}}
		}
	}
	return want
}

// TestManyEvents: 10,000 mixed events, each sent three times, shuffled, by 32
// senders, end in the state that the newest event of each user says.
func TestManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	t.Run("undisturbed", func(t *testing.T) { testManyEvents(t, newSystem(t, nil), func() {}) })
	t.Run("with Firestore stopped for ten seconds", func(t *testing.T) {
		s := newSystem(t, func(t *pubsub.Topology) { t.AckDeadline = 10 * time.Second }) // the stop is longer than one attempt
		testManyEvents(t, s, func() {
			e := emulator.Firestore(t)
			e.Pause(t)
			time.Sleep(10 * time.Second)
			e.Resume(t)
		})
	})
}

func testManyEvents(t *testing.T, s *system, disturb func()) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	all := mixedEvents(rng)
	start := time.Now()
	sendShuffled(t, s, rng, all, disturb)
	t.Logf("%d requests accepted in %v", 3*len(all), time.Since(start).Round(time.Second))

	want := newest(all)
	eventually(t, whenever, "everybody is as the newest event says", func() bool {
		wrong := differing(t, s, want)
		if wrong > 0 {
			t.Logf("%v: %d people are not yet as they should be", time.Since(start).Round(time.Second), wrong)
			time.Sleep(5 * time.Second)
		}
		return wrong == 0
	})
	t.Logf("all is well after %v", time.Since(start).Round(time.Second))

	parked := s.parked(t, 3*unknown, whenever)
	parked = append(parked, s.parked(t, 1, 3*time.Second)...) // nothing more
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
func sendShuffled(t *testing.T, s *system, rng *rand.Rand, all []sent, disturb func()) {
	t.Helper()
	var queue []string
	for i, e := range all {
		for repeat := range 3 {
			queue = append(queue, e.body(fmt.Sprintf("Ev%d.%d", i, repeat)))
		}
	}
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for body := range slices.Values(queue[i*len(queue)/senders : (i+1)*len(queue)/senders]) {
				for int(accepted.Load())-s.delivered.count() > backlog && t.Context().Err() == nil {
					time.Sleep(5 * time.Millisecond)
				}
				for {
					status, err := s.post(t.Context(), body)
					if err == nil && status == http.StatusOK {
						accepted.Add(1)
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
func differing(t *testing.T, s *system, want map[string]map[string]any) (wrong int) {
	t.Helper()
	seen := 0
	req := directory.PageRequest{Limit: 300}
	for {
		page, err := s.store.Users(t.Context(), team, req)
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
