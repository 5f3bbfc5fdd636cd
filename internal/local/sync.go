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
	ticking  atomic.Pointer[time.Time] // since when syncs start at the interval; nil before
}

// Next returns when the first sync after a time starts by itself, zero if that is not known yet.
func (s *syncer) Next(after time.Time) time.Time {
	since := s.ticking.Load()
	if since == nil {
		return time.Time{}
	}
	interval := cmp.Or(s.interval, SyncInterval)
	return since.Add(interval * max(1, after.Sub(*since)/interval+1))
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

// profilesTimeout is how long the worker has to store the people of a first load, before another
// sync asks for their custom fields. An invented workspace's are stored already and do not delay
// the page.
const profilesTimeout = 10 * time.Second

// run syncs every workspace and asks for the custom fields of that many people. It reports whether
// one of the syncs was a first load.
func (s *syncer) run(ctx context.Context, profiles int) (loaded bool, err error) {
	s.running.Store(true)
	defer s.running.Store(false)
	o := s.options
	o.Profiles = profiles
	for outcome, failed := range fullsync.All(ctx, s.tokens, o) {
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
// the first sync asked for no custom fields, the next one comes soon.
func (s *syncer) repeat(ctx context.Context, profilesDue bool) error {
	var soon <-chan time.Time
	if profilesDue {
		soon = time.After(profilesTimeout)
	}
	tick := time.NewTicker(cmp.Or(s.interval, SyncInterval))
	now := time.Now()
	s.ticking.Store(&now)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-soon:
		case <-s.asked:
		}
		if _, err := s.run(ctx, fullsync.DefaultProfiles); err != nil && ctx.Err() == nil {
			s.options.Log.ErrorContext(ctx, "full sync failed", "error", err)
		}
	}
}
