package fullsync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rollcall/internal/syncs"
)

const (
	leaseTimeout = 30 * time.Second
	// endTimeout bounds how long a sync that was told to stop may take to record its end.
	endTimeout = 5 * time.Second
)

// leaseStore keeps two syncs of one workspace apart.
type leaseStore interface {
	// Lease gives the workspace to holder until the given time, or fails with [syncs.ErrLeased].
	Lease(ctx context.Context, teamID, holder string, until time.Time) error
	// Release ends holder's lease, if holder still has it.
	Release(ctx context.Context, teamID, holder string) error
}

// lease is a sync's hold on its workspace.
type lease struct {
	store          leaseStore
	log            *slog.Logger
	teamID, holder string
	timeout        time.Duration
}

// hold runs work while it holds the workspace's lease, and then records how the sync ended.
func hold(ctx context.Context, store leaseStore, timeout time.Duration, r *record, work func(context.Context) error) error {
	s := r.value()
	if timeout <= 0 {
		timeout = leaseTimeout
	}
	l := lease{store: store, log: r.log, teamID: s.TeamID, holder: s.ID + "-" + rand.Text(), timeout: timeout}
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
		err = cause // the lease is lost, even if work has returned without an error
	}
	stop(nil)
	<-renewed

	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if !errors.Is(err, syncs.ErrLeased) { // if so, the record belongs to another sync
		err = errors.Join(err, r.end(ending, err, ctx.Err() != nil))
	}
	return errors.Join(err, store.Release(ending, l.teamID, l.holder))
}

// acquire waits long enough for the lease of a dead holder to expire, and no longer.
func (l lease) acquire(ctx context.Context) error {
	for start := time.Now(); ; {
		err := l.store.Lease(ctx, l.teamID, l.holder, time.Now().Add(l.timeout))
		if !errors.Is(err, syncs.ErrLeased) || time.Since(start) > l.timeout*5/4 {
			return err
		}
		l.log.DebugContext(ctx, "waiting for another full sync's lease to end", "team_id", l.teamID)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(l.timeout / 10):
		}
	}
}

// renew extends the lease until ctx is done. If the lease is lost, it stops the work.
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
		renewing, cancel := context.WithTimeout(ctx, l.timeout/3) // a store that does not answer must not outlast the lease
		err := l.store.Lease(renewing, l.teamID, l.holder, until)
		cancel()
		switch {
		case err == nil:
			expires = until
		case errors.Is(err, syncs.ErrLeased), !time.Now().Before(expires):
			stop(fmt.Errorf("lease lost: %w", err))
			return
		case ctx.Err() == nil:
			l.log.WarnContext(ctx, "lease not renewed", "team_id", l.teamID, "error", err)
		}
	}
}
