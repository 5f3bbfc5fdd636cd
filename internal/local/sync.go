package local

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"rollcall/internal/fullsync"
	"rollcall/internal/syncs"
)

// syncer runs the full syncs of all workspaces.
type syncer struct {
	tokens   []fullsync.Slack
	interval time.Duration
	options  fullsync.Options
	asked    chan struct{} // holds one
	running  atomic.Bool
}

// StartSync has the syncs run now, or fails with [syncs.ErrLeased] while they do.
func (s *syncer) StartSync(context.Context) error {
	if s.running.Load() {
		return syncs.ErrLeased
	}
	select {
	case s.asked <- struct{}{}:
		return nil
	default:
		return syncs.ErrLeased
	}
}

// run syncs every workspace.
func (s *syncer) run(ctx context.Context) (err error) {
	s.running.Store(true)
	defer s.running.Store(false)
	for _, failed := range fullsync.All(ctx, s.tokens, s.options) {
		if errors.Is(failed, fullsync.ErrMassDelete) { // no reason to show nothing
			s.options.Log.ErrorContext(ctx, "full sync", "error", failed)
			continue
		}
		err = errors.Join(err, failed)
	}
	return err
}

// repeat syncs until ctx is done. What fails is logged, and tried again the next time.
func (s *syncer) repeat(ctx context.Context) error {
	tick := time.NewTicker(cmp.Or(s.interval, SyncEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.asked:
		}
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.ErrorContext(ctx, "full sync failed", "error", err)
		}
	}
}
