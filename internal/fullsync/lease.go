package fullsync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rollcall/internal/syncs"
)

const (
	leaseTimeout = 30 * time.Second
	// endTimeout bounds the last words of a sync that was told to stop.
	endTimeout = 5 * time.Second
)

// Leases keep two syncs of one workspace apart.
type Leases interface {
	// Lease gives the workspace to holder until a time, or fails with [syncs.ErrLeased].
	Lease(ctx context.Context, teamID, holder string, until time.Time) error
	// Release ends holder's lease, if it still has it.
	Release(ctx context.Context, teamID, holder string) error
}

// lease is a sync's hold on its workspace.
type lease struct {
	Options
	teamID, holder string
	timeout        time.Duration
}

// hold does work while it holds the workspace's lease, and then writes how the sync ended.
func hold(ctx context.Context, o Options, r *record, work func(context.Context) error) error {
	s := r.value()
	l := lease{Options: o, teamID: s.TeamID, holder: s.ID + "-" + rand.Text(), timeout: leaseTimeout}
	if o.LeaseTimeout > 0 {
		l.timeout = o.LeaseTimeout
	}
	if err := l.acquire(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		l.renew(working, stop)
	}()
	err := work(working)
	if cause := context.Cause(working); cause != nil && (err != nil || ctx.Err() == nil) {
		err = cause // the lease is lost, even if a store that asks nobody let the work end well
	}
	stop(nil)
	<-renewed

	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if !errors.Is(err, syncs.ErrLeased) { // otherwise the record belongs to another sync
		err = errors.Join(err, r.end(ending, err, ctx.Err() != nil))
	}
	return errors.Join(err, o.Store.Release(ending, l.teamID, l.holder))
}

// acquire waits for a lease whose holder may have died, not for one that lives.
func (l lease) acquire(ctx context.Context) error {
	for start := time.Now(); ; {
		err := l.Store.Lease(ctx, l.teamID, l.holder, time.Now().Add(l.timeout))
		if !errors.Is(err, syncs.ErrLeased) || time.Since(start) > l.timeout*5/4 {
			return err
		}
		l.Log.DebugContext(ctx, "waiting for another full sync's lease to end", "team_id", l.teamID)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(l.timeout / 10):
		}
	}
}

// renew extends the lease until ctx is done, and stops the work if the lease is lost.
func (l lease) renew(ctx context.Context, stop context.CancelCauseFunc) {
	expires := time.Now().Add(l.timeout)
	tick := time.NewTicker(l.timeout / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		until := time.Now().Add(l.timeout)
		renewing, cancel := context.WithTimeout(ctx, l.timeout/3) // a store that does not answer must not hide the end
		err := l.Store.Lease(renewing, l.teamID, l.holder, until)
		cancel()
		switch {
		case err == nil:
			expires = until
		case errors.Is(err, syncs.ErrLeased), !time.Now().Before(expires):
			stop(fmt.Errorf("lease lost: %w", err))
			return
		case ctx.Err() == nil:
			l.Log.WarnContext(ctx, "lease not renewed", "team_id", l.teamID, "error", err)
		}
	}
}
