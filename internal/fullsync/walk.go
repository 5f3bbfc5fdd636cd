package fullsync

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// walksAtMost bounds the beginnings anew after a cursor that expired.
	walksAtMost = 3
	// publishAtOnce bounds the messages that wait for Pub/Sub's acceptance.
	publishAtOnce = 100
	// saveFirst and saveLast bound how often the record is brought up to date on the way.
	saveFirst, saveLast = 2 * time.Second, 10 * time.Second
)

// walk lists everybody, from the checkpoint on.
func (r *run) walk(ctx context.Context) error {
	if n := len(r.listing.versions); n > 0 && r.listing.cursor == "" {
		return nil // the sync that we go on with had listed them all
	}
	for walk := 1; ; walk++ {
		err := r.walkFrom(ctx, r.listing.cursor)
		if !errors.Is(err, directory.ErrCursorExpired) || walk == walksAtMost {
			return err
		}
		r.Log.WarnContext(ctx, "listing begins anew", "team_id", r.sync.TeamID, "sync_id", r.sync.ID, "error", err)
		r.listing = listing{}
		r.sync.Pages, r.sync.Listed, r.sync.Since = 0, 0, 0
		if !r.DryRun {
			if err := r.Store.DeleteSyncPages(ctx, r.sync.TeamID, r.sync.ID); err != nil {
				return err
			}
		}
	}
}

func (r *run) walkFrom(ctx context.Context, cursor string) error {
	for page, err := range r.Slack.Users(ctx, r.sync.TeamID, cursor) {
		if err != nil {
			return err
		}
		if err := r.take(ctx, page); err != nil {
			return err
		}
		r.tally()
		r.Progress.walked(r.sync, r.previous)
		if err := r.saveNowAndThen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take remembers a page, here and in its checkpoint.
func (r *run) take(ctx context.Context, page directory.ListingPage) error {
	p, leftOut, err := digest(r.sync.TeamID, len(r.listing.versions)+1, page)
	if err != nil {
		return err
	}
	if leftOut > 0 {
		r.Log.WarnContext(ctx, "listed users who cannot be stored are left out", "team_id", r.sync.TeamID, "users", leftOut)
	}
	if r.sync.Since == 0 {
		r.sync.Since = page.Version
	}
	if r.sync.Filling {
		if err := r.publishAll(ctx, page); err != nil {
			return err
		}
	}
	if !r.DryRun {
		p.ExpireAt = r.sync.ExpireAt
		r.bookkeeping++
		if err := r.Store.PutSyncPage(ctx, r.sync.TeamID, r.sync.ID, p); err != nil {
			return err
		}
	}
	if err := r.listing.add(p); err != nil {
		return err
	}
	r.sync.Pages, r.sync.Listed = len(r.listing.versions), len(r.listing.users)
	return nil
}

// publishAll inserts everybody on the page.
func (r *run) publishAll(ctx context.Context, page directory.ListingPage) error {
	publishing, ctx := errgroup.WithContext(ctx)
	publishing.SetLimit(publishAtOnce)
	for _, user := range page.Users {
		c, err := directory.NewChange(r.change(directory.Insert, user, page.Version))
		if err != nil {
			continue // told of already
		}
		r.count()
		publishing.Go(func() error { return r.Publisher.Publish(ctx, c) })
	}
	return publishing.Wait()
}

func (r *run) change(op directory.Operation, user []byte, v directory.Version) directory.Change {
	return directory.Change{Operation: op, TeamID: r.sync.TeamID, User: user, Version: v, Source: directory.FromSync}
}

// count counts a message: the worker will read and write one document for it.
func (r *run) count() {
	r.repaired++
	r.sync.Reads++
}
