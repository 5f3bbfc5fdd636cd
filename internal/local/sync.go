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

// StartSync starts the syncs. While they run, the error is [syncs.ErrLeased].
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

// profilesTimeout is how long the worker has to store the people of a first load, before
// another sync asks for their custom fields.
const profilesTimeout = 10 * time.Second

// run syncs every workspace, and reports whether one of them was a first load.
func (s *syncer) run(ctx context.Context) (loaded bool, err error) {
	s.running.Store(true)
	defer s.running.Store(false)
	for outcome, failed := range fullsync.All(ctx, s.tokens, s.options) {
		loaded = loaded || outcome.Filling
		if errors.Is(failed, fullsync.ErrMassDelete) { // still show what is stored
			s.options.Log.ErrorContext(ctx, "full sync", "error", failed)
			continue
		}
		err = errors.Join(err, failed)
	}
	return loaded, err
}

// repeat syncs at the interval and on request until ctx is done. It logs failures, and the next sync retries. If
// everybody was just loaded it soon syncs again, because a first load asks for no custom fields.
func (s *syncer) repeat(ctx context.Context, loaded bool) error {
	var soon <-chan time.Time
	if loaded {
		soon = time.After(profilesTimeout)
	}
	tick := time.NewTicker(cmp.Or(s.interval, SyncInterval))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-soon:
		case <-s.asked:
		}
		if _, err := s.run(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.ErrorContext(ctx, "full sync failed", "error", err)
		}
	}
}
