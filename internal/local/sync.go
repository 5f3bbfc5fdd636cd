package local

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync"
	"rollcall/internal/slack/webapi"
)

// syncs are the full syncs of all workspaces.
type syncs struct {
	clients []*webapi.Client
	every   time.Duration
	options fullsync.Options
	asked   chan struct{} // holds one
	running atomic.Bool
}

// StartSync has the syncs run now, or fails with [directory.ErrLeased] while they do.
func (s *syncs) StartSync(context.Context) error {
	if s.running.Load() {
		return directory.ErrLeased
	}
	select {
	case s.asked <- struct{}{}:
		return nil
	default:
		return directory.ErrLeased
	}
}

// run syncs every workspace; one's failure does not stop the others.
func (s *syncs) run(ctx context.Context) (err error) {
	s.running.Store(true)
	defer s.running.Store(false)
	for _, client := range s.clients {
		o := s.options
		o.Slack = client
		_, failed := fullsync.Run(ctx, o)
		if errors.Is(failed, fullsync.ErrMassDelete) { // no reason to show nothing
			s.options.Log.ErrorContext(ctx, "full sync", "error", failed)
			continue
		}
		err = errors.Join(err, failed)
	}
	return err
}

// repeat syncs until ctx is done. What fails is told, and tried again the next time.
func (s *syncs) repeat(ctx context.Context) error {
	tick := time.NewTicker(cmp.Or(s.every, SyncEvery))
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
