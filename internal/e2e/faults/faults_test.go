// Package faults shows that no fault in a part, or between parts, loses
// an event or applies it wrongly. To run all of it on the real emulators:
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
)

var (
	seedFlag   = flag.Uint64("seed", 0, "seed of all random choices, as logged by an earlier run; 0 for a new one")
	eventsFlag = flag.Int("events", 10_000, "number of events in the run with all faults at random; with 100,000 of them each scenario has 500, not 250")
)

func TestMain(m *testing.M) { os.Exit(system.Main(m)) }

const (
	sendingTime      = 2500 * time.Millisecond // of the events of a scenario
	lasts            = 3 * time.Second         // of a fault
	waitTimeout      = time.Minute
	progressInterval = 10 * time.Second // between lines of progress
)

// few are the events of one scenario: 250, and at night, with -events 100000, 500.
func few() events.Mix {
	members := max(10, min(*eventsFlag/200, 100))
	return events.Mix{Members: members, Changes: 3, Externals: members / 10, Visits: 10}
}

// inSomeOrder returns requests for all events, and the ids of those that
// must become dead letters. A user's events lie within a window of that many
// requests, sometimes out of order.
func (r *rig) inSomeOrder(all []events.Event, window int) (bodies []string, dead map[string]bool) {
	type request struct {
		body  string
		place int
	}
	requests := make([]request, len(all))
	dead = map[string]bool{}
	next := map[string]int{} // the place of each user's next event
	step := window / perExternal
	for i, e := range all {
		id := fmt.Sprintf("Ev%d", i)
		requests[i].body = e.Body(id)
		if !e.Known {
			dead[id] = true
			continue // first, because they take the longest
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

// suffer sends events, injects a fault meanwhile, and expects that nothing is lost, wrong
// or leaked. It returns the answers to Slack during the fault.
func (r *rig) suffer(t *testing.T, mix events.Mix, fault func()) tally {
	t.Helper()
	before, _ := r.warm(t)
	all := mix.Make(r.rng)
	bodies, dead := r.inSomeOrder(all, len(all)/4)
	sent := r.send(t, bodies, 16, sendingTime/time.Duration(len(bodies)))
	time.Sleep(500 * time.Millisecond)
	r.late.atWorst()
	from := time.Now()
	fault()
	if time.Since(from) < lasts { // the fault lasts until heal
		from = time.Now() // events sent earlier may have got through
		time.Sleep(lasts)
	}
	to := time.Now()
	r.heal()
	meanwhile := sent.between(from, to)
	sent.wg.Wait()
	if allowed := answerTimeout + 2*r.late.atWorst(); meanwhile.slowest > allowed {
		t.Errorf("the slowest answer took %v, want at most %v", meanwhile.slowest, allowed)
	}
	r.settle(t, all, dead)
	r.quiet(t, before)
	t.Logf("under the fault %s; in all %s", meanwhile, r.outcome(sent))
	return meanwhile
}

// outcome describes what happened, with counts.
func (r *rig) outcome(sent *sending) string {
	return fmt.Sprintf("%s; %d deliveries refused, %d broken; %d writes, each newer than the one before",
		sent.between(time.Time{}, time.Now()), r.deliveries.refused.Load(), r.deliveries.broken.Load(), r.writes.count())
}

// warm sends one event through all parts, and returns the number of goroutines afterwards.
func (r *rig) warm(t *testing.T) (goroutines int, stacks string) {
	t.Helper()
	one := events.Mix{Members: 1}.Make(r.rng)
	r.send(t, []string{one[0].Body("EvWarm")}, 1, 0).wg.Wait()
	r.delivered(t, 1)
	return r.goroutines()
}

// settle waits until exactly the accepted events are stored or parked.
func (r *rig) settle(t *testing.T, all []events.Event, dead map[string]bool) {
	t.Helper()
	r.delivered(t, len(all)-len(dead))
	events.Stored(t, r.System, all, waitTimeout)
	events.Parked(t, r.System, dead, waitTimeout, 500*time.Millisecond)
	r.writes.inOrder(t)
}

// delivered waits until at least that many deliveries are acknowledged and none is in flight.
func (r *rig) delivered(t *testing.T, least int) {
	t.Helper()
	told := time.Now()
	system.Eventually(t, 5*waitTimeout, "nothing is in flight", func() bool {
		acked, pending := r.deliveries.progress()
		if time.Since(told) > progressInterval {
			told = time.Now()
			t.Logf("%d deliveries acknowledged, %d messages in flight", acked, pending)
		}
		return pending == 0 && acked >= least
	})
	r.deliveries.later.Wait()
}

// quiet expects no more goroutines than before.
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
