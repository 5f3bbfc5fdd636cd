package fullsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/fakeslack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/syncs"
)

// brief is a lease that a test can wait for.
const brief = time.Second

// TestOneAtATime: a running sync keeps others out, a dead one only until its lease expires.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 150})
	var second atomic.Value
	w.sync(t, func(o *Options) {
		o.Slack = interrupted{w.client, 1, func() error {
			_, err := Run(t.Context(), w.options(func(o *Options) {
				o.Slack, o.LeaseTimeout = webapi.New(w.url(), w.slack.Options().BotToken, o.Log), brief
			}))
			second.Store(err)
			return nil
		}}
	})
	if err, _ := second.Load().(error); !errors.Is(err, syncs.ErrLeased) {
		t.Errorf("a second sync: %v", err)
	}
	w.check(t)
	if err := w.store.Lease(t.Context(), team, "dead", time.Now().Add(300*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	w.sync(t, func(o *Options) { o.LeaseTimeout = brief })

	// One that lost its lease stops, as does one that can no longer know.
	for _, lost := range []error{syncs.ErrLeased, context.DeadlineExceeded} {
		_, err := Run(t.Context(), w.options(func(o *Options) {
			o.Store, o.LeaseTimeout = robbed{w.store, new(atomic.Int32), lost}, brief
			o.Slack = interrupted{w.client, 0, func() error { time.Sleep(2 * o.LeaseTimeout); return nil }}
		}))
		if !errors.Is(err, lost) {
			t.Errorf("without its lease (%v): %v", lost, err)
		}
	}
}

// robbed grants a lease, and then gives it to somebody else or stops answering.
type robbed struct {
	Store
	leases *atomic.Int32
	lost   error
}

func (s robbed) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	if s.leases.Add(1) == 1 {
		return s.Store.Lease(ctx, teamID, holder, until)
	}
	if !errors.Is(s.lost, syncs.ErrLeased) {
		<-ctx.Done()
	}
	return s.lost
}
