// Package fullsync repairs a workspace's directory: it lists Slack, compares
// the whole with what is stored for the price of counting it, and publishes
// only what differs. Nothing is deleted first.
package fullsync

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rollcall/internal/directory"
)

// Slack lists a workspace. See the Slack API client for what its methods promise.
type Slack interface {
	Workspace(ctx context.Context) (directory.Workspace, error)
	Users(ctx context.Context, teamID, cursor string) iter.Seq2[directory.ListingPage, error]
	User(ctx context.Context, userID string) (json.RawMessage, directory.Version, error)
	// Emoji returns nil if the token may not list them.
	Emoji(ctx context.Context) (map[string]string, error)
	Usage() directory.Usage
}

// Store compares, and keeps the records of full syncs.
type Store interface {
	Sums
	PutWorkspace(ctx context.Context, w directory.Workspace) error
	PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
	PutSync(ctx context.Context, sync directory.Sync) error
	Syncs(ctx context.Context, teamID string, limit int) ([]directory.Sync, error)
	PutSyncPage(ctx context.Context, teamID, syncID string, p directory.SyncPage) error
	SyncPages(ctx context.Context, teamID, syncID string) ([]directory.SyncPage, error)
	DeleteSyncPages(ctx context.Context, teamID, syncID string) error
	Lease(ctx context.Context, teamID, holder string, until time.Time) error
	Release(ctx context.Context, teamID, holder string) error
}

// Publisher returns once the message is accepted.
type Publisher interface {
	Publish(ctx context.Context, c directory.Change) error
}

// Options say what to sync and how.
type Options struct {
	Slack     Slack
	Store     Store
	Publisher Publisher
	Log       *slog.Logger
	Progress  *Progress // nil for none

	// DryRun publishes and writes nothing; Plan is told what it would do, a line each.
	DryRun bool
	Plan   io.Writer
	// AllowMassDelete lifts the limit of a tenth of the directory.
	AllowMassDelete bool
	// Lease is for how long a sync that died keeps others out; 0 for half a minute.
	Lease time.Duration
}

// ErrMassDelete says that a sync stopped before its deletions.
var ErrMassDelete = errors.New("more than a tenth of the directory is gone from Slack: nothing was removed; see to it that the token lists everybody, then run again with -allow-mass-delete")

const (
	leaseFor = 30 * time.Second
	// recordsKeptFor bounds the life of records; Firestore's TTL ends it.
	recordsKeptFor = 90 * 24 * time.Hour
	// resumeWithin is how old a checkpoint may be: Slack's cursors do not live for ever, nor does what was listed stay true.
	resumeWithin = time.Hour
	// saveWithin bounds the last words of a sync that was told to stop.
	saveWithin = 5 * time.Second
	// recentAtMost is among how many records the last sync that was done is looked for.
	recentAtMost = 5
)

// run is one sync under way.
type run struct {
	Options
	sync        directory.Sync
	holder      string
	before      directory.Usage // what the client had used at the start
	previous    *directory.Sync // the last one that was done
	listing     listing
	began       time.Time // when the record was first written; zero before
	saved       time.Time // when it was last
	compared    bool      // what is unchanged is known
	repaired    int       // messages published
	bookkeeping int       // writes and deletions of its own records
	leases      atomic.Int32

	mu       sync.Mutex
	accepted counts
}

// counts are what repairs have come to.
type counts struct{ inserted, updated, removed, drift, changed int }

// accept counts a repair that Pub/Sub has accepted.
func (r *run) accept(c counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted.inserted += c.inserted
	r.accepted.updated += c.updated
	r.accepted.removed += c.removed
	r.accepted.drift += c.drift
	r.accepted.changed += c.changed
}

// Run syncs the workspace that o.Slack opens. The outcome is returned also with an error, as far as it went.
func Run(ctx context.Context, o Options) (directory.Sync, error) {
	if o.Lease == 0 {
		o.Lease = leaseFor
	}
	r := &run{Options: o, before: o.Slack.Usage()}
	workspace, err := o.Slack.Workspace(ctx)
	if err != nil {
		return r.sync, err
	}
	r.sync = directory.Sync{
		ID: time.Now().UTC().Format("20060102T150405.000Z"), TeamID: workspace.ID, State: directory.SyncRunning,
		Started: time.Now().UTC(), ExpireAt: time.Now().UTC().Add(recordsKeptFor),
	}
	r.holder = r.sync.ID + "-" + rand.Text()
	o.Progress.start(workspace)
	if o.DryRun {
		err = r.work(ctx, workspace)
	} else {
		err = r.leased(ctx, func(ctx context.Context) error { return r.work(ctx, workspace) })
	}
	r.tally()
	o.Progress.end(r.sync, err)
	return r.sync, err
}

// leased does work while it holds the workspace's lease, and records the outcome.
func (r *run) leased(ctx context.Context, work func(context.Context) error) error {
	if err := r.acquire(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.renew(working, stop)
	}()
	err := work(working)
	if cause := context.Cause(working); cause != nil && (err != nil || ctx.Err() == nil) {
		err = cause // a lost lease is one even if a store that asks nobody has let the work be finished
	}
	stop(nil)
	<-renewed

	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	if !r.began.IsZero() && !errors.Is(err, directory.ErrLeased) { // otherwise the record is not its own
		err = errors.Join(err, r.finish(saving, err, ctx.Err() != nil))
	}
	return errors.Join(err, r.Store.Release(saving, r.sync.TeamID, r.holder))
}

// acquire waits for a lease whose holder may have died, not for one that lives.
func (r *run) acquire(ctx context.Context) error {
	for start := time.Now(); ; {
		r.leases.Add(1)
		err := r.Store.Lease(ctx, r.sync.TeamID, r.holder, time.Now().Add(r.Lease))
		if !errors.Is(err, directory.ErrLeased) || time.Since(start) > r.Lease*5/4 {
			return err
		}
		r.Log.DebugContext(ctx, "waiting for the lease of another full sync to end", "team_id", r.sync.TeamID)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.Lease / 10):
		}
	}
}

// renew extends the lease until ctx is done, and stops the work if the lease is lost.
func (r *run) renew(ctx context.Context, stop context.CancelCauseFunc) {
	expires := time.Now().Add(r.Lease)
	tick := time.NewTicker(r.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.leases.Add(1)
		until := time.Now().Add(r.Lease)
		renewing, cancel := context.WithTimeout(ctx, r.Lease/3) // a store that does not answer must not hide the end
		err := r.Store.Lease(renewing, r.sync.TeamID, r.holder, until)
		cancel()
		switch {
		case err == nil:
			expires = until
		case errors.Is(err, directory.ErrLeased), !time.Now().Before(expires):
			stop(fmt.Errorf("lease lost: %w", err))
			return
		case ctx.Err() == nil:
			r.Log.WarnContext(ctx, "lease not renewed", "team_id", r.sync.TeamID, "error", err)
		}
	}
}

// work does the sync itself.
func (r *run) work(ctx context.Context, workspace directory.Workspace) error {
	if err := r.begin(ctx, workspace); err != nil {
		return err
	}
	if err := r.walk(ctx); err != nil {
		return err
	}
	r.sync.TimeZones = r.listing.zones
	r.copyEmoji(ctx)
	r.listing.sort()
	r.sync.Listed = len(r.listing.users)
	if r.sync.Filling {
		r.accepted.inserted = r.sync.Listed
		return nil
	}
	c := &comparison{sums: r.Store, teamID: r.sync.TeamID, listing: &r.listing}
	if err := c.run(ctx); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	r.sync.Reads += c.reads
	return r.repair(ctx, c)
}

// begin goes on with the last sync if it did not end, or starts a new one.
func (r *run) begin(ctx context.Context, workspace directory.Workspace) error {
	recent, err := r.Store.Syncs(ctx, r.sync.TeamID, recentAtMost)
	if err != nil {
		return err
	}
	r.sync.Reads += max(1, len(recent))
	for i := range recent {
		if recent[i].State == directory.SyncDone {
			r.previous = &recent[i]
			break
		}
	}
	if r.DryRun {
		return nil
	}
	if len(recent) > 0 && recent[0].State != directory.SyncDone {
		if err := r.resume(ctx, recent[0]); err != nil {
			return err
		}
	}
	if len(r.listing.versions) == 0 && r.previous == nil {
		count, _, err := r.Store.SumFingerprints(ctx, r.sync.TeamID, directory.Listed)
		if err != nil {
			return err
		}
		r.sync.Reads += int(aggregationReads(float64(count)))
		r.sync.Filling = count == 0
	}
	r.bookkeeping++
	if err := r.Store.PutWorkspace(ctx, workspace); err != nil {
		return err
	}
	r.began = time.Now()
	return r.save(ctx)
}

// resume takes the pages of a sync that did not end, if they are fresh enough
// and none is missing: who was on it would seem to be gone.
func (r *run) resume(ctx context.Context, last directory.Sync) error {
	pages, err := r.Store.SyncPages(ctx, last.TeamID, last.ID)
	if err != nil {
		return err
	}
	r.sync.Reads += len(pages)
	n := len(pages)
	if n == 0 {
		return nil
	}
	if pages[n-1].Number != n || time.Since(pages[n-1].Version.Time()) > resumeWithin {
		r.bookkeeping += n
		return r.Store.DeleteSyncPages(ctx, last.TeamID, last.ID)
	}
	for _, p := range pages {
		if err := r.listing.add(p); err != nil {
			return err
		}
	}
	r.Log.InfoContext(ctx, "going on from a checkpoint", "team_id", last.TeamID, "sync_id", last.ID, "pages", n, "listed", len(r.listing.users))
	r.sync.ID, r.sync.Started, r.sync.Filling = last.ID, last.Started, last.Filling
	r.sync.Since, r.sync.Pages, r.sync.Listed = pages[0].Version, n, len(r.listing.users)
	r.Progress.goesOn(r.sync.Listed)
	// What it did and what it took count from its beginning.
	r.accepted = counts{inserted: last.Inserted, updated: last.Updated, removed: last.Removed, drift: last.Drift}
	if last.Inserted+last.Updated > 0 {
		r.accepted.changed = last.Listed - last.Unchanged
	}
	r.sync.Unchanged = last.Unchanged
	r.before.Calls -= last.Calls
	r.before.Waits -= last.Waits
	r.before.Waited -= last.Waited
	r.sync.Reads += last.Reads
	r.bookkeeping += last.Writes
	return nil
}

// finish records how it ended.
func (r *run) finish(ctx context.Context, err error, interrupted bool) error {
	r.sync.State, r.sync.Error = directory.SyncDone, ""
	switch {
	case err != nil && interrupted:
		r.sync.State = directory.SyncInterrupted
	case err != nil:
		r.sync.State, r.sync.Error = directory.SyncFailed, err.Error()
	}
	over := err == nil || errors.Is(err, ErrMassDelete) // otherwise the next one goes on from the pages
	if over {
		r.sync.Ended = time.Now().UTC()
		r.bookkeeping += r.sync.Pages
	}
	// The record first: nobody goes on from the pages of a sync that is over, should some be left.
	if err := r.save(ctx); err != nil || !over {
		return err
	}
	return r.Store.DeleteSyncPages(ctx, r.sync.TeamID, r.sync.ID)
}

func (r *run) save(ctx context.Context) error {
	r.saved = time.Now()
	r.bookkeeping++
	r.tally()
	return r.Store.PutSync(ctx, r.sync)
}

// saveNowAndThen brings the record up to date on the way: at first often, for
// those who watch, and then every fifth of the time that has passed.
func (r *run) saveNowAndThen(ctx context.Context) error {
	if r.DryRun || time.Since(r.saved) <= min(max(time.Since(r.began)/5, saveFirst), saveLast) {
		return nil
	}
	return r.save(ctx)
}

// tally brings the outcome up to date.
func (r *run) tally() {
	r.mu.Lock()
	done := r.accepted
	r.mu.Unlock()
	r.sync.Inserted, r.sync.Updated, r.sync.Removed, r.sync.Drift = done.inserted, done.updated, done.removed, done.drift
	if r.compared {
		r.sync.Unchanged = r.sync.Listed - done.changed
	}
	u := r.Slack.Usage()
	r.sync.Calls, r.sync.Waits, r.sync.Waited = u.Calls-r.before.Calls, u.Waits-r.before.Waits, u.Waited-r.before.Waited
	r.sync.Writes = r.repaired + r.bookkeeping + int(r.leases.Load())
}
