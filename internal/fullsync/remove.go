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
func (p *publishing) remove(ctx context.Context, gone []directory.Stored, g group) error {
	if len(gone) == 0 {
		return nil
	}
	if !p.AllowMassDelete {
		if err := p.allowed(ctx, len(gone), g); err != nil {
			return err
		}
	}
	out := newOutbox(ctx, p.Options, p.record)
	since := p.record.value().Since
	var err error
	for _, s := range gone {
		var user json.RawMessage
		if user, err = json.Marshal(map[string]string{"id": s.ID}); err != nil {
			break
		}
		var c directory.Change
		c, err = directory.NewChange(directory.Change{Operation: directory.Delete, TeamID: out.teamID, User: user, Version: since, Source: directory.FromSync})
		if err != nil {
			break
		}
		if err = out.send(c, g.count); err != nil {
			break
		}
	}
	return out.finish(err)
}

// allowed counts the removals of the last day together, so that many syncs cannot remove
// a tenth each. Removals that an operator has allowed do not count.
func (p *publishing) allowed(ctx context.Context, gone int, g group) error {
	own := p.record.value()
	before, err := lastDay(ctx, p.Store, own)
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
func lastDay(ctx context.Context, store Records, own syncs.Sync) (before []syncs.Sync, err error) {
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
