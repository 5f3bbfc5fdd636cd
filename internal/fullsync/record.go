package fullsync

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"rollcall/internal/syncs"
)

const (
	// recordTTL is how long records are kept before Firestore's TTL deletes them.
	recordTTL = 90 * 24 * time.Hour
	// minSaveInterval and maxSaveInterval bound how often a running sync saves its record.
	minSaveInterval, maxSaveInterval = 2 * time.Second, 10 * time.Second
)

// recordStore keeps the sync records of a workspace.
type recordStore interface {
	PutSync(ctx context.Context, s syncs.Sync) error
	// Syncs returns the latest records, newest first.
	Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error)
}

// record is a running sync's record, with its log and its progress. It is safe for concurrent use.
type record struct {
	store interface {
		recordStore
		checkpointStore
	}
	log      *slog.Logger
	progress *Progress
	dryRun   bool
	meters   meters

	mu         sync.Mutex
	sync       syncs.Sync // with the costs of the runs before this one
	isCompared bool       // the comparison is done, so Unchanged is known
	begun      time.Time  // when it was first saved; zero before
	saved      time.Time  // when it was last saved
}

// newRecord starts a record, and wraps the dependencies in o with meters.
func newRecord(o *Options) *record {
	now := time.Now().UTC()
	m := measure(o)
	return &record{store: o.Store, log: o.Log, progress: o.Progress, dryRun: o.DryRun, meters: m, sync: syncs.Sync{
		ID: now.Format("20060102T150405.000Z"), State: syncs.Running, Started: now, ExpireAt: now.Add(recordTTL), MassRemoval: o.AllowMassDelete,
	}}
}

func (r *record) update(change func(*syncs.Sync)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.sync)
}

// compared is update after the comparison.
func (r *record) compared(change func(*syncs.Sync)) {
	r.update(func(s *syncs.Sync) { change(s); r.isCompared = true })
}

// value returns a copy of the record as it is now.
func (r *record) value() syncs.Sync {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sync
	s.Differed = maps.Clone(s.Differed)
	if r.isCompared {
		s.Unchanged = s.Listed - s.Inserted - (s.Updated - s.External.Updated)
	}
	r.meters.addTo(&s)
	return s
}

// resume takes over the record of an unfinished sync.
func (r *record) resume(last syncs.Sync) {
	last.State, last.Error, last.MassRemoval, last.Ended = syncs.Running, "", r.sync.MassRemoval, time.Time{}
	r.update(func(s *syncs.Sync) { *s = last })
}

func (r *record) save(ctx context.Context) error {
	r.mu.Lock()
	r.saved = time.Now()
	if r.begun.IsZero() {
		r.begun = r.saved
	}
	r.mu.Unlock()
	return r.store.PutSync(ctx, r.value())
}

// saveNowAndThen saves a running sync's record: often at first, for those who watch,
// and later each time the sync has run a fifth longer.
func (r *record) saveNowAndThen(ctx context.Context) error {
	r.mu.Lock()
	due := time.Since(r.saved) > min(max(time.Since(r.begun)/5, minSaveInterval), maxSaveInterval)
	r.mu.Unlock()
	if r.dryRun || !due {
		return nil
	}
	return r.save(ctx)
}

// end saves how the sync ended. It deletes the checkpoint if there is nothing to resume.
func (r *record) end(ctx context.Context, err error, interrupted bool) error {
	if r.begun.IsZero() {
		return nil
	}
	over := true
	r.update(func(s *syncs.Sync) {
		s.State, s.Error = syncs.Done, ""
		if err != nil {
			s.State, s.Error = syncs.Failed, err.Error()
		}
		switch {
		case err == nil, errors.Is(err, ErrMassDelete):
		case errors.Is(err, syncs.ErrDisconnected):
			s.State = syncs.Disconnected
		case interrupted:
			s.State, s.Error, over = syncs.Interrupted, "", false
		default:
			over = false
		}
		if over {
			s.Ended = time.Now().UTC()
		}
	})
	// The record comes first. If deleting fails, nobody resumes a sync that has ended.
	if err := r.save(ctx); err != nil || !over {
		return err
	}
	s := r.value()
	return r.store.DeleteSyncPages(ctx, s.TeamID, s.ID)
}
