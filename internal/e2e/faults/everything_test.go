package faults

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"rollcall/internal/e2e/events"
)

// atRandom is how many events of a user who joins, and of an external one, there are.
const (
	perMember   = 4
	perExternal = 10
)

// TestEverythingAtRandom: events through the programs themselves, while all faults are
// switched on and off at random, end in exactly the state that the newest event of
// each user says; only those that must be are dead letters. The history, replayed over
// what was there at first, leads to that state, and subscribers are told of all of it.
func TestEverythingAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	mix := events.Mix{Members: *eventsFlag * 8 / 10 / perMember, Changes: perMember - 1, Externals: *eventsFlag * 2 / 10 / perExternal, Visits: perExternal, Unknown: 20}
	r := newRigOfPrograms(t, build(t), nil) // with the backoffs of production
	webhookSockets, workerSockets := r.webhook.sockets(t), r.worker.sockets(t)
	first := mix.FirstLoad(t, r.System)
	subscription := events.Subscribe(t, r.System)
	all := mix.Make(r.rng)
	bodies, dead := r.inSomeOrder(all, 2000)

	start := time.Now()
	sent := r.send(t, bodies, 64, 0)
	progress := func() string {
		acked, pending := r.deliveries.progress()
		return fmt.Sprintf("%d of %d events accepted, %d deliveries acknowledged, %d messages under way", sent.progress(), len(bodies), acked, pending)
	}
	delivered := func() { // the faults go on until then
		sent.wg.Wait()
		for acked := 0; acked < len(all)-len(dead) && t.Context().Err() == nil; acked, _ = r.deliveries.progress() {
			time.Sleep(100 * time.Millisecond)
		}
	}
	r.disturb(t, delivered, progress, r.publishingLane(), r.writingLane(), r.deliveryLane(), r.slackLane(), r.killLane(t))
	r.settle(t, all, dead)
	records := events.Replayed(t, r.System, first)
	messages := events.Told(t, r.System, subscription, records)
	t.Logf("%v: all is as it must be: %s; %d records of history, %d messages about them", since(start), r.outcome(sent), len(records), len(messages))

	r.hook.refuse() // closes what Slack and Pub/Sub keep open
	r.push.refuse()
	r.webhook.expectSockets(t, webhookSockets)
	r.worker.expectSockets(t, workerSockets)
	for _, p := range []*program{r.webhook, r.worker} {
		p.Stop(t)
		if bytes.Contains(p.Output.Bytes(), []byte("panic")) || bytes.Contains(p.Output.Bytes(), []byte("real_name")) {
			t.Errorf("%s wrote:\n%s", p.name, p.Output)
		}
	}
}
