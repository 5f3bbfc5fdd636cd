package fakeslack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// maxUndelivered bounds the changes whose events are not delivered yet. If the receiver is down,
// the workspace pauses there.
const maxUndelivered = 256

// Live does a [Workspace.Step] at each interval and delivers its events until ctx is done. It then
// waits for the deliveries, which ctx ends too, and returns ctx's error. The events of
// one change are delivered in order; a slow delivery does not delay later changes. A failed
// delivery is logged and its event is lost, as with Slack.
func (w *Workspace) Live(ctx context.Context, interval time.Duration, deliver func(context.Context, Event) error) error {
	if interval <= 0 {
		return fmt.Errorf("interval %v: must be positive", interval)
	}
	rng := rand.New(rand.NewPCG(w.options.Seed, streamLive))
	slots := make(chan struct{}, maxUndelivered)
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	ticker := time.NewTicker(interval)
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
				// A delivery that the end of ctx interrupts is not an error.
				if err := deliver(ctx, e); err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
					w.options.Log.ErrorContext(ctx, "event not delivered", "event_type", e.Type, "user_id", e.UserID, "error", err)
				}
			}
		})
	}
}

// undropped returns the events without those that DropEvery loses.
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

// churn makes the changes that happen during a call of users.list.
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
