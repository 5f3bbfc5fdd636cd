package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// ErrMassDelete says that a sync refused to remove so many people.
var ErrMassDelete = errors.New("more than a tenth of the directory is gone from Slack within a day: nobody else was removed; make sure that the token lists everybody, then run again with -allow-mass-delete")

const (
	// In a day one in maxRemovedShare may be removed, but always minRemovable.
	maxRemovedShare = 10
	minRemovable    = 3
	// removalInterval is the time over which removals are counted together.
	removalInterval = 24 * time.Hour
)

// group is a group of people that is judged for mass removal on its own.
type group struct {
	stored, removed func(syncs.Sync) int
	count           func(*syncs.Sync)
}

var (
	listed = group{
		stored:  func(s syncs.Sync) int { return s.Stored },
		removed: func(s syncs.Sync) int { return s.Removed - s.External.Removed },
		count:   func(s *syncs.Sync) { s.Removed++ },
	}
	external = group{
		stored:  func(s syncs.Sync) int { return s.External.Stored },
		removed: func(s syncs.Sync) int { return s.External.Removed },
		count:   func(s *syncs.Sync) { s.Removed++; s.External.Removed++ },
	}
)

// remove deletes the people who are gone from Slack, unless they are too many.
func remove(ctx context.Context, out outbox, gone []directory.Stored, g group) error {
	if len(gone) == 0 {
		return nil
	}
	own := out.record.value()
	if !own.MassRemoval {
		if err := allowed(ctx, out.record.store, own, len(gone), g); err != nil {
			return err
		}
	}
	b := out.open(ctx)
	for _, s := range gone {
		user, err := json.Marshal(map[string]string{"id": s.ID})
		c := directory.Change{Operation: directory.Delete, TeamID: b.teamID, User: user, Version: own.Since, Source: directory.FromSync}
		if err == nil {
			c, err = directory.NewChange(c)
		}
		if err == nil {
			err = b.send(c, g.count)
		}
		if err != nil {
			return b.finish(err)
		}
	}
	return b.wait()
}

// allowed counts the removals of the last day together, so that many syncs cannot remove
// a tenth each. Removals that an operator has allowed do not count.
func allowed(ctx context.Context, store recordStore, own syncs.Sync, gone int, g group) error {
	before, err := lastDay(ctx, store, own)
	if err != nil {
		return err
	}
	stored, removed := g.stored(own), g.removed(own)
	for _, s := range before {
		stored, removed = max(stored, g.stored(s)), removed+g.removed(s)
	}
	if removed+gone > max(minRemovable, stored/maxRemovedShare) {
		return fmt.Errorf("%w (%d of %d)", ErrMassDelete, removed+gone, stored)
	}
	return nil
}

// lastDay returns the syncs before own that ended within a day, back to the last one
// that ran with -allow-mass-delete.
func lastDay(ctx context.Context, store recordStore, own syncs.Sync) (before []syncs.Sync, err error) {
	start := time.Now().Add(-removalInterval)
	for limit := 32; ; limit *= 4 {
		all, err := store.Syncs(ctx, own.TeamID, limit)
		if err != nil {
			return nil, err
		}
		before = nil
		for _, s := range all {
			if s.MassRemoval || s.Started.Before(start) && s.Ended.Before(start) {
				return before, nil
			}
			if s.ID != own.ID {
				before = append(before, s)
			}
		}
		if len(all) < limit {
			return before, nil
		}
	}
}
