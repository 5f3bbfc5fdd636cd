package fullsync

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"rollcall/internal/syncs"
)

const (
	// recordLife is for how long records are kept. Firestore's TTL ends it.
	recordLife = 90 * 24 * time.Hour
	// minSaveInterval and maxSaveInterval bound how often the record is saved on the way.
	minSaveInterval, maxSaveInterval = 2 * time.Second, 10 * time.Second
)

// Records are what each sync leaves.
type Records interface {
	PutSync(ctx context.Context, s syncs.Sync) error
	// Syncs returns the newest, the newest first.
	Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error)
}

// record is the record of a sync under way. It is safe for concurrent use.
type record struct {
	store interface {
		Records
		Checkpoints
	}
	dryRun bool
	meters meters

	mu         sync.Mutex
	sync       syncs.Sync // with the costs of the runs before this one
	isCompared bool       // it is known who is unchanged
	begun      time.Time  // when it was first saved; zero before
	saved      time.Time  // when it was last saved
}

// newRecord begins a record, and puts meters into o.
func newRecord(o *Options) *record {
	now := time.Now().UTC()
	m := measure(o)
	return &record{store: o.Store, dryRun: o.DryRun, meters: m, sync: syncs.Sync{
		ID: now.Format("20060102T150405.000Z"), State: syncs.Running, Started: now, ExpireAt: now.Add(recordLife), MassRemoval: o.AllowMassDelete,
	}}
}

func (r *record) update(change func(*syncs.Sync)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.sync)
}

// compared is update once it is known who is unchanged.
func (r *record) compared(change func(*syncs.Sync)) {
	r.update(change)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCompared = true
}

// value returns the record as it is now.
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

// goOn makes it the record of a sync that did not end.
func (r *record) goOn(last syncs.Sync) {
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

// saveNowAndThen saves the record on the way: often at first, for those who watch,
// and then whenever a fifth of the time so far has passed.
func (r *record) saveNowAndThen(ctx context.Context) error {
	r.mu.Lock()
	due := time.Since(r.saved) > min(max(time.Since(r.begun)/5, minSaveInterval), maxSaveInterval)
	r.mu.Unlock()
	if r.dryRun || !due {
		return nil
	}
	return r.save(ctx)
}

// end saves how the sync ended, and drops its checkpoint if nothing is left to do.
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
	// The record first: should pages be left, nobody goes on from those of a sync that is over.
	if err := r.save(ctx); err != nil || !over {
		return err
	}
	s := r.value()
	return r.store.DeleteSyncPages(ctx, s.TeamID, s.ID)
}
