package fakeslack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// maxUndelivered bounds the changes whose events are still on their way. A
// receiver that is down makes the workspace pause there.
const maxUndelivered = 256

// Live does a [Workspace.Step] every so often and delivers its events, until ctx is
// done; then it waits for the deliveries, which ctx ends too, and returns ctx's error. The
// events of one change are delivered in order; a slow one does not hold up later
// changes. A failed delivery is logged, and the event is lost, as with Slack.
func (w *Workspace) Live(ctx context.Context, every time.Duration, deliver func(context.Context, Event) error) error {
	if every <= 0 {
		return fmt.Errorf("a change every %v: must be positive", every)
	}
	rng := rand.New(rand.NewPCG(w.options.Seed, streamLive))
	slots := make(chan struct{}, maxUndelivered)
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case slots <- struct{}{}:
		}
		events := w.Step(rng)
		deliveries.Go(func() {
			defer func() { <-slots }()
			for _, e := range w.undropped(events) {
				// What the end interrupts is not a fault.
				if err := deliver(ctx, e); err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
					w.options.Log.ErrorContext(ctx, "an event could not be delivered", "event_type", e.Type, "user_id", e.UserID, "error", err)
				}
			}
		})
	}
}

// undropped returns the events less those that get lost.
func (w *Workspace) undropped(events []Event) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kept []Event
	for _, e := range events {
		w.events++
		if w.faults.DropEvery == 0 || w.events%w.faults.DropEvery != 0 {
			kept = append(kept, e)
		}
	}
	return kept
}

// churn makes the changes that happen while somebody lists.
func (w *Workspace) churn() {
	w.mu.Lock()
	n, rng := w.faults.Churn, w.rng
	w.mu.Unlock()
	for range n {
		for _, e := range w.undropped(w.Step(rng)) {
			if w.options.OnEvent != nil {
				w.options.OnEvent(e)
			}
		}
	}
}
