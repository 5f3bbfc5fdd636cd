package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
)

const (
	repeats              = 3 // of each event
	maxConcurrentSenders = 32
	timeout              = 5 * time.Minute
)

var eventsFlag = flag.Int("events", 600, "number of events in TestManyEvents, each sent three times; two thirds as many dead letters in TestRedrive, at most 1,000")

// TestManyEvents: after mixed events, each sent three times, shuffled, by 32 senders, each user
// is stored as in their newest event.
func TestManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	hurry := func(t *pubsub.Topology) { t.MinimumBackoff /= 4 } // dead letters are parked after 38 s
	t.Run("undisturbed", func(t *testing.T) { testManyEvents(t, system.NewPumped(t, hurry), func() {}) })
	t.Run("with Firestore stopped for ten seconds", func(t *testing.T) {
		s := system.NewPumped(t, func(t *pubsub.Topology) {
			hurry(t)
			t.AckDeadline = 10 * time.Second // the pause is longer than one attempt
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
	all := events.Mix{Members: *eventsFlag / 5, Changes: 3, Externals: *eventsFlag / 50, Visits: 10, Unknown: 20}.Make(rng)
	start := time.Now()
	dead := sendShuffled(t, s, rng, all, disturb)
	t.Logf("%d requests accepted in %v", repeats*len(all), time.Since(start).Round(time.Second))
	events.Stored(t, s, all, timeout)
	t.Logf("all stored after %v", time.Since(start).Round(time.Second))
	events.Parked(t, s, dead, timeout, 3*time.Second)
	t.Logf("dead letters parked after %v", time.Since(start).Round(time.Second))
	events.Stored(t, s, all, 0)
}

// sendShuffled sends each event three times, in random order. Like Slack, it sends an event again
// until it is accepted. It returns the ids of events that must become dead letters.
func sendShuffled(t *testing.T, s *system.System, rng *rand.Rand, all []events.Event, disturb func()) (dead map[string]bool) {
	t.Helper()
	dead = map[string]bool{}
	var queue []string
	for i, e := range all {
		for repeat := range repeats {
			id := fmt.Sprintf("Ev%d.%d", i, repeat)
			queue = append(queue, e.Body(id))
			if !e.Known {
				dead[id] = true
			}
		}
	}
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	var wg sync.WaitGroup
	for i := range maxConcurrentSenders {
		wg.Go(func() {
			for body := range slices.Values(queue[i*len(queue)/maxConcurrentSenders : (i+1)*len(queue)/maxConcurrentSenders]) {
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
	return dead
}
