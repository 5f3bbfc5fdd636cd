package fullsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// checkpointStore keeps the pages of a running sync.
type checkpointStore interface {
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
func recall(ctx context.Context, sums compare.Sums, r *record) (past, error) {
	p, teamID := past{listing: &listing{}}, r.value().TeamID
	recent, err := r.store.Syncs(ctx, teamID, maxRecent)
	if err != nil {
		return p, err
	}
	if i := slices.IndexFunc(recent, func(s syncs.Sync) bool { return s.State == syncs.Done }); i >= 0 {
		p.done = &recent[i]
	}
	if r.dryRun {
		return p, nil
	}
	if len(recent) > 0 && (recent[0].State != syncs.Done && recent[0].State != syncs.Disconnected) {
		if p.listing, err = resume(ctx, r, recent[0]); err != nil {
			return p, err
		}
	}
	if len(p.listing.versions) == 0 && p.done == nil {
		count, _, err := sums.SumFingerprints(ctx, teamID, directory.Listed)
		if err != nil {
			return p, err
		}
		r.update(func(s *syncs.Sync) { s.Filling = count == 0 })
	}
	return p, r.save(ctx)
}

// resume returns what an unfinished sync has listed, if it is fresh and no page is
// missing. People on a missing page would seem to be gone.
func resume(ctx context.Context, r *record, last syncs.Sync) (*listing, error) {
	pages, err := r.store.SyncPages(ctx, last.TeamID, last.ID)
	if err != nil || len(pages) == 0 {
		return &listing{}, err
	}
	n, l := len(pages), &listing{}
	usable := pages[n-1].Number == n && time.Since(pages[n-1].At) <= maxCheckpointAge
	for i := 0; usable && i < n; i++ {
		if err := l.add(pages[i]); err != nil {
			r.log.WarnContext(ctx, "checkpoint not used", "team_id", last.TeamID, "sync_id", last.ID, "error", err)
			usable = false
		}
	}
	if !usable {
		return &listing{}, r.store.DeleteSyncPages(ctx, last.TeamID, last.ID)
	}
	r.log.InfoContext(ctx, "resuming from a checkpoint", "team_id", last.TeamID, "sync_id", last.ID, "pages", n, "listed", len(l.people))
	last.Since, last.Pages, last.Listed = l.since(), n, len(l.people)
	r.resume(last)
	r.progress.resumed(len(l.people))
	return l, nil
}

// walk lists everybody, starting where an earlier sync stopped.
func walk(ctx context.Context, slack Slack, out outbox, before past) (*listing, error) {
	r, l := out.record, before.listing
	for attempt := 1; !l.complete(); attempt++ {
		err := walkOn(ctx, slack, out, l, before.done)
		if err == nil {
			break
		}
		if !errors.Is(err, syncs.ErrCursorExpired) || attempt == maxWalks {
			return l, err
		}
		s := r.value()
		r.log.WarnContext(ctx, "listing starts over", "team_id", s.TeamID, "sync_id", s.ID, "error", err)
		l = &listing{}
		if !r.dryRun {
			if err := r.store.DeleteSyncPages(ctx, s.TeamID, s.ID); err != nil {
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
func walkOn(ctx context.Context, slack Slack, out outbox, l *listing, previous *syncs.Sync) error {
	r, start := out.record, out.record.value()
	for page, err := range slack.Users(ctx, start.TeamID, l.cursor) {
		if err != nil {
			return err
		}
		// A version in the future would block events. A wrong clock affects everybody, so the sync fails.
		if err := page.Version.Validate(time.Now()); err != nil {
			return fmt.Errorf("page %d of users.list: %w", len(l.versions)+1, err)
		}
		p, leftOut, err := digest(start.TeamID, len(l.versions)+1, page)
		if err != nil {
			return err
		}
		if len(leftOut) > 0 {
			r.log.WarnContext(ctx, "listed users who cannot be stored are left out", "team_id", start.TeamID, "user_ids", leftOut)
		}
		if start.Filling {
			if err := fill(ctx, out, page); err != nil {
				return err
			}
		}
		if !r.dryRun {
			p.At, p.ExpireAt = time.Now().UTC(), start.ExpireAt
			if err := r.store.PutSyncPage(ctx, start.TeamID, start.ID, p); err != nil {
				return err
			}
		}
		if err := l.add(p); err != nil {
			return err
		}
		r.update(func(s *syncs.Sync) {
			s.Pages, s.Listed, s.Since, s.Failed = len(l.versions), len(l.people), l.since(), l.failed
		})
		r.progress.walked(r.value(), previous)
		if err := r.saveNowAndThen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fill inserts everybody on the page into an empty directory.
func fill(ctx context.Context, out outbox, page syncs.ListingPage) error {
	b := out.open(ctx)
	for _, user := range page.Users {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: b.teamID, User: user,
			Version: page.Version, Source: directory.FromSync, InList: true, FirstLoad: true})
		if err != nil {
			continue // digest leaves this person out too
		}
		if err := b.send(c, func(s *syncs.Sync) { s.Inserted++ }); err != nil {
			break // wait returns the error
		}
	}
	return b.wait()
}
