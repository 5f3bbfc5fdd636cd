package faults

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"rollcall/internal/e2e/events"
)

// The numbers of events about each member and each external user.
const (
	perMember   = 4
	perExternal = 10
)

// TestEverythingAtRandom sends events to the programs while it switches all faults on and
// off at random. Afterwards each user is stored as in their newest event, and only events
// that must be are dead letters. Replaying the history from the first load leads to the same state,
// and subscribers have all of its records.
func TestEverythingAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	mix := events.Mix{Members: *eventsFlag * 8 / 10 / perMember, Changes: perMember - 1, Externals: *eventsFlag * 2 / 10 / perExternal, Visits: perExternal, Unknown: 20}
	r := newRigOfPrograms(t, build(t), nil) // with the backoff of production
	webhookSockets, workerSockets := r.webhook.sockets(t), r.worker.sockets(t)
	first := mix.FirstLoad(t, r.System)
	subscription := events.Subscribe(t, r.System)
	all := mix.Make(r.rng)
	bodies, dead := r.inSomeOrder(all, 2000)

	start := time.Now()
	sent := r.send(t, bodies, 64, 0)
	progress := func() string {
		acked, pending := r.deliveries.progress()
		return fmt.Sprintf("%d of %d events accepted, %d deliveries acknowledged, %d messages in flight", sent.progress(), len(bodies), acked, pending)
	}
	delivered := func() { // the faults last until then
		sent.wg.Wait()
		for acked := 0; acked < len(all)-len(dead) && t.Context().Err() == nil; acked, _ = r.deliveries.progress() {
			time.Sleep(100 * time.Millisecond)
		}
	}
	r.disturb(t, delivered, progress, r.publishingLane(), r.writingLane(), r.deliveryLane(), r.slackLane(), r.killLane(t))
	r.settle(t, all, dead)
	records := events.Replayed(t, r.System, first)
	messages := events.Told(t, r.System, subscription, records)
	t.Logf("%v: everything is stored as wanted: %s; %d records of history, %d messages about them", since(start), r.outcome(sent), len(records), len(messages))

	r.hook.refuse() // closes the connections of Slack and Pub/Sub
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
