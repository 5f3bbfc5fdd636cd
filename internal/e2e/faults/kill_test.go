package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
)

// hold is a judge that holds the first call of a method until its caller is gone.
type hold struct {
	method string
	once   sync.Once
	held   chan struct{}
}

func newHold(method string) *hold { return &hold{method: method, held: make(chan struct{})} }

func (h *hold) judge(ctx context.Context, method string) codes.Code {
	first := false
	if method == h.method {
		h.once.Do(func() { first = true; close(h.held) })
	}
	if !first {
		return codes.OK
	}
	return silent(ctx, method)
}

func (h *hold) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.held:
	case <-time.After(waitTimeout):
		t.Fatalf("no call of %s came", h.method)
	}
}

// where maps each place in a call to the judges that hold it there.
var where = map[string]func(*hold) judges{
	"before": func(h *hold) judges { return judges{before: h.judge} },
	"after":  func(h *hold) judges { return judges{after: h.judge} },
}

// TestWorkerKilled: after a worker is killed (-9) before its write is acknowledged, Pub/Sub
// delivers the message again.
func TestWorkerKilled(t *testing.T) {
	dir := build(t)
	for name, judges := range where {
		t.Run(name+" the write", func(t *testing.T) {
			r := newRigOfPrograms(t, dir, hurried)
			one := events.Mix{Members: 1}.Make(r.rng)
			h := newHold("Commit")
			r.writing.disturb(judges(h))
			r.send(t, []string{one[0].Body("Ev1")}, 1, 0).wg.Wait() // accepted by now
			h.wait(t)
			r.worker.Kill()
			_, _, err := r.Store.User(t.Context(), system.Team, one[0].User)
			if stored := err == nil; stored != (name == "after") || acked(r) != 0 {
				t.Fatalf("stored: %t, acknowledged: %d: the test proves nothing", stored, acked(r))
			}
			r.heal()
			r.worker.start(t)
			r.settle(t, one, nil)
			if r.writes.count() != 1 || r.deliveries.broken.Load() != 1 {
				t.Errorf("written %d times, broken %d times", r.writes.count(), r.deliveries.broken.Load())
			}
		})
	}
	t.Run("between the write and the publish of what changed", func(t *testing.T) {
		r := newRigOfPrograms(t, dir, hurried)
		subscription := events.Subscribe(t, r.System)
		one := events.Mix{Members: 1}.Make(r.rng)
		h := newHold("Commit")
		r.writing.disturb(judges{after: h.judge})
		r.send(t, []string{one[0].Body("Ev1")}, 1, 0).wg.Wait()
		h.wait(t)
		r.worker.Kill()
		r.heal()
		r.worker.start(t)
		r.settle(t, one, nil)
		records := events.Replayed(t, r.System, nil)
		if n := len(events.Told(t, r.System, subscription, records)); n != 1 || len(records) != 1 || r.writes.count() != 1 {
			t.Errorf("%d messages about %d records of %d writes", n, len(records), r.writes.count())
		}
	})
	t.Run("in the middle of many messages, many times", func(t *testing.T) {
		r := newRigOfPrograms(t, dir, hurried)
		r.suffer(t, few(), func() {
			for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
				system.Eventually(t, waitTimeout, "a message is in flight", func() bool { return r.deliveries.inFlight.Load() > 0 })
				r.worker.Kill()
				r.worker.start(t)
			}
		})
		if r.deliveries.broken.Load() == 0 {
			t.Error("no delivery was broken: the test proves nothing")
		}
	})
}

// TestWebhookKilled: after a webhook is killed (-9), Slack has no answer and sends
// the event again, whether it was published or not.
func TestWebhookKilled(t *testing.T) {
	dir := build(t)
	for name, judges := range where {
		t.Run(name+" the publish", func(t *testing.T) {
			r := newRigOfPrograms(t, dir, hurried)
			one := events.Mix{Members: 1}.Make(r.rng)
			h := newHold("Publish")
			r.publishing.disturb(judges(h))
			sent := r.send(t, []string{one[0].Body("Ev1")}, 1, 0)
			h.wait(t)
			r.webhook.Kill()
			if name == "after" {
				events.Stored(t, r.System, one, waitTimeout) // although Slack has no answer
				r.delivered(t, 1)                            // heal breaks connections: the worker must have its answer first
			}
			if sent.progress() != 0 {
				t.Fatal("answered already: the test proves nothing")
			}
			r.heal()
			r.webhook.start(t)
			sent.wg.Wait()
			r.settle(t, one, nil)
			published := 1
			if name == "after" {
				published = 2
			}
			if acked(r) != published || r.writes.count() != 1 {
				t.Errorf("published %d times, written %d times", acked(r), r.writes.count())
			}
		})
	}
	t.Run("in the middle of many events, many times", func(t *testing.T) {
		r := newRigOfPrograms(t, dir, hurried)
		n := r.suffer(t, few(), func() {
			for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
				r.webhook.Kill()
				r.webhook.start(t)
			}
		})
		if n.unanswered == 0 {
			t.Error("every event was answered: the test proves nothing")
		}
	})
}

func acked(r *rig) int {
	n, _ := r.deliveries.progress()
	return n
}
