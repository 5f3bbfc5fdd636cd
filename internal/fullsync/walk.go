package fullsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

const (
	// maxWalks bounds how often a walk starts over because its cursor expired.
	maxWalks = 3
	// maxRecent is how many records are searched for the last sync that finished.
	maxRecent = 5
	// maxCheckpointAge is how old a checkpoint's last page may be. Checkpoints serve a job
	// that is restarted. The next sync, an hour later, must list people as they are then.
	maxCheckpointAge = 15 * time.Minute
)

// Checkpoints keep the pages of a running sync.
type Checkpoints interface {
	PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error
	// SyncPages returns a sync's pages in the order of their numbers.
	SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error)
	DeleteSyncPages(ctx context.Context, teamID, syncID string) error
}

// past is what earlier syncs left.
type past struct {
	done    *syncs.Sync // the last sync that was done; nil if there is none among the recent ones
	listing *listing    // what a sync that did not end has listed
}

// recall resumes the last sync if it did not end, or starts a new one.
func recall(ctx context.Context, o Options, r *record) (past, error) {
	p, teamID := past{listing: &listing{}}, r.value().TeamID
	recent, err := o.Store.Syncs(ctx, teamID, maxRecent)
	if err != nil {
		return p, err
	}
	for i := range recent {
		if recent[i].State == syncs.Done {
			p.done = &recent[i]
			break
		}
	}
	if o.DryRun {
		return p, nil
	}
	if len(recent) > 0 && (recent[0].State != syncs.Done && recent[0].State != syncs.Disconnected) {
		if p.listing, err = resume(ctx, o, r, recent[0]); err != nil {
			return p, err
		}
	}
	if len(p.listing.versions) == 0 && p.done == nil {
		count, _, err := o.Store.SumFingerprints(ctx, teamID, directory.Listed)
		if err != nil {
			return p, err
		}
		r.update(func(s *syncs.Sync) { s.Filling = count == 0 })
	}
	return p, r.save(ctx)
}

// resume returns what an unfinished sync has listed, if it is fresh and no page is
// missing. People on a missing page would seem to be gone.
func resume(ctx context.Context, o Options, r *record, last syncs.Sync) (*listing, error) {
	pages, err := o.Store.SyncPages(ctx, last.TeamID, last.ID)
	if err != nil || len(pages) == 0 {
		return &listing{}, err
	}
	n, l := len(pages), &listing{}
	usable := pages[n-1].Number == n && time.Since(pages[n-1].At) <= maxCheckpointAge
	for i := 0; usable && i < n; i++ {
		if err := l.add(pages[i]); err != nil {
			o.Log.WarnContext(ctx, "checkpoint not used", "team_id", last.TeamID, "sync_id", last.ID, "error", err)
			usable = false
		}
	}
	if !usable {
		return &listing{}, o.Store.DeleteSyncPages(ctx, last.TeamID, last.ID)
	}
	o.Log.InfoContext(ctx, "resuming from a checkpoint", "team_id", last.TeamID, "sync_id", last.ID, "pages", n, "listed", len(l.people))
	last.Since, last.Pages, last.Listed = l.since(), n, len(l.people)
	r.resume(last)
	o.Progress.resumed(len(l.people))
	return l, nil
}

// walk lists everybody, starting where an earlier sync stopped.
func walk(ctx context.Context, o Options, r *record, before past) (*listing, error) {
	l := before.listing
	for attempt := 1; !l.complete(); attempt++ {
		err := walkOn(ctx, o, r, l, before.done)
		if err == nil {
			break
		}
		if !errors.Is(err, syncs.ErrCursorExpired) || attempt == maxWalks {
			return l, err
		}
		s := r.value()
		o.Log.WarnContext(ctx, "listing starts over", "team_id", s.TeamID, "sync_id", s.ID, "error", err)
		l = &listing{}
		if !o.DryRun {
			if err := o.Store.DeleteSyncPages(ctx, s.TeamID, s.ID); err != nil {
				return l, err
			}
		}
	}
	l.people = compare.Sorted(l.people)
	r.update(func(s *syncs.Sync) {
		s.Listed, s.TimeZones, s.Failed = len(l.people), l.zones, l.failed
	})
	return l, nil
}

// walkOn reads page after page, and adds each one to the listing and the checkpoint.
func walkOn(ctx context.Context, o Options, r *record, l *listing, previous *syncs.Sync) error {
	start := r.value()
	for page, err := range o.Slack.Users(ctx, start.TeamID, l.cursor) {
		if err != nil {
			return err
		}
		// A version in the future would block events. A wrong clock is no one person's fault, so the sync fails.
		if err := page.Version.Validate(time.Now()); err != nil {
			return fmt.Errorf("page %d of users.list: %w", len(l.versions)+1, err)
		}
		p, leftOut, err := digest(start.TeamID, len(l.versions)+1, page)
		if err != nil {
			return err
		}
		if len(leftOut) > 0 {
			o.Log.WarnContext(ctx, "listed users who cannot be stored are left out", "team_id", start.TeamID, "user_ids", leftOut)
		}
		if start.Filling {
			if err := fill(ctx, o, r, page); err != nil {
				return err
			}
		}
		if !o.DryRun {
			p.At, p.ExpireAt = time.Now().UTC(), start.ExpireAt
			if err := o.Store.PutSyncPage(ctx, start.TeamID, start.ID, p); err != nil {
				return err
			}
		}
		if err := l.add(p); err != nil {
			return err
		}
		r.update(func(s *syncs.Sync) {
			s.Pages, s.Listed, s.Since, s.Failed = len(l.versions), len(l.people), l.since(), l.failed
		})
		o.Progress.walked(r.value(), previous)
		if err := r.saveNowAndThen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fill inserts everybody on the page into an empty directory.
func fill(ctx context.Context, o Options, r *record, page syncs.ListingPage) error {
	p := newOutbox(ctx, o, r)
	for _, user := range page.Users {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: p.teamID, User: user,
			Version: page.Version, Source: directory.FromSync, InList: true, FirstLoad: true})
		if err != nil {
			continue // digest leaves this person out too
		}
		if err := p.send(c, func(s *syncs.Sync) { s.Inserted++ }); err != nil {
			break // wait returns the error
		}
	}
	return p.wait()
}
