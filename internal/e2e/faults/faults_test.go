// Package faults shows that no fault between the parts, and none of a part, loses
// an event or applies it wrongly. All of it, on the real emulators:
//
//	go test ./internal/e2e/faults
package faults

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "of all that is random, as an earlier run has logged it; 0 for a new one")
	eventsFlag = flag.Int("events", 10_000, "how many the run with all faults at random sends")
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

const (
	eventInterval    = 5 * time.Millisecond // between the events of a scenario
	lasts            = 3 * time.Second      // the fault
	waitTimeout      = time.Minute
	progressInterval = 10 * time.Second // how far it is
)

// few are the events of one scenario.
var few = events.Mix{Members: 100, Changes: 3, Externals: 10, Visits: 10}

// inSomeOrder returns the requests that tell of all events, and the ids of those that
// must end as dead letters. What a user's events are comes within a window of as many
// events, now and then in another order.
func (r *rig) inSomeOrder(all []events.Event, window int) (bodies []string, dead map[string]bool) {
	type request struct {
		body  string
		place int
	}
	requests := make([]request, len(all))
	dead = map[string]bool{}
	next := map[string]int{} // the place of the next event of a user
	step := window / perExternal
	for i, e := range all {
		id := fmt.Sprintf("Ev%d", i)
		requests[i].body = e.Body(id)
		if !e.Known {
			dead[id] = true
			continue // at the beginning: they take the longest
		}
		if _, known := next[e.User]; !known {
			next[e.User] = r.rng.IntN(max(1, len(all)-window))
		}
		requests[i].place = next[e.User] + r.rng.IntN(2*step)
		next[e.User] += step
	}
	slices.SortStableFunc(requests, func(a, b request) int { return cmp.Compare(a.place, b.place) })
	for _, r := range requests {
		bodies = append(bodies, r.body)
	}
	return bodies, dead
}

// suffer sends events, lets a fault come while it does and go again, and expects
// that nothing is lost, wrong or left open. It returns how Slack was answered meanwhile.
func (r *rig) suffer(t *testing.T, mix events.Mix, fault func()) tally {
	t.Helper()
	before, _ := r.warm(t)
	all := mix.Make(r.rng)
	bodies, dead := r.inSomeOrder(all, len(all)/4)
	sent := r.send(t, bodies, 16, eventInterval)
	time.Sleep(500 * time.Millisecond)
	r.late.atWorst()
	from := time.Now()
	fault()
	time.Sleep(time.Until(from.Add(lasts)))
	to := time.Now()
	r.heal()
	meanwhile := sent.between(from, to)
	sent.wg.Wait()
	if allowed := answerTimeout + 2*r.late.atWorst(); meanwhile.slowest > allowed {
		t.Errorf("the slowest answer came after %v, want %v at most", meanwhile.slowest, allowed)
	}
	r.settle(t, all, dead)
	r.quiet(t, before)
	t.Logf("under the fault %s; in all %s", meanwhile, r.outcome(sent))
	return meanwhile
}

// outcome says how often what happened.
func (r *rig) outcome(sent *sending) string {
	return fmt.Sprintf("%s; %d deliveries refused, %d broken; %d writes, each newer than the one before",
		sent.between(time.Time{}, time.Now()), r.deliveries.refused.Load(), r.deliveries.broken.Load(), r.writes.count())
}

// warm sends one event all the way, and returns how many goroutines there are after it.
func (r *rig) warm(t *testing.T) (goroutines int, stacks string) {
	t.Helper()
	one := events.Mix{Members: 1}.Make(r.rng)
	r.send(t, []string{one[0].Body("EvWarm")}, 1, 0).wg.Wait()
	r.delivered(t, 1)
	return r.goroutines()
}

// settle waits until all that was accepted is stored or parked, and nothing else is.
func (r *rig) settle(t *testing.T, all []events.Event, dead map[string]bool) {
	t.Helper()
	r.delivered(t, len(all)-len(dead))
	events.Stored(t, r.System, all, waitTimeout)
	events.Parked(t, r.System, dead, waitTimeout, 500*time.Millisecond)
	r.writes.inOrder(t)
}

// delivered waits until that many deliveries at least are acknowledged and none is under way.
func (r *rig) delivered(t *testing.T, least int) {
	t.Helper()
	told := time.Now()
	system.Eventually(t, 5*waitTimeout, "nothing is under way", func() bool {
		acked, pending := r.deliveries.progress()
		if time.Since(told) > progressInterval {
			told = time.Now()
			t.Logf("%d deliveries acknowledged, %d messages under way", acked, pending)
		}
		return pending == 0 && acked >= least
	})
	r.deliveries.later.Wait()
}

// quiet expects that no more goroutines are left than there were.
func (r *rig) quiet(t *testing.T, before int) {
	t.Helper()
	var now int
	var stacks string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if now, stacks = r.goroutines(); now <= before {
			return
		}
	}
	t.Errorf("%d goroutines, %d before the fault:\n%s", now, before, stacks)
}
