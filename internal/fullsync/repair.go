package fullsync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// infosAPage is how many calls of users.info (Tier 4) Slack allows in the time
	// of one of users.list (Tier 2), by its page "Rate limits".
	infosAPage = 5
	// externalsAtMost bounds the people of other workspaces whom one sync asks after, by users.info.
	externalsAtMost = 200
	// inFlight is how long an event may be on its way: what changed later than that
	// before the listing is not drift. It also covers clocks that differ.
	inFlight = 5 * time.Minute
)

// repair is what one user needs.
type repair struct {
	operation directory.Operation
	stored    *directory.Stored // nil for an insert
	user      json.RawMessage   // nil until Slack is asked
	version   directory.Version // of user
}

// repair publishes what differs.
func (r *run) repair(ctx context.Context, c *comparison) error {
	r.compared = true
	repairs, gone := r.plan(c.found)
	externals, err := r.externals(ctx, &comparison{sums: c.sums, teamID: c.teamID, listing: c.listing}, repairs)
	if err != nil {
		return err
	}
	if err := r.publishRepairs(ctx, repairs); err != nil {
		return err
	}
	return r.remove(ctx, append(gone, externals...), c.total)
}

// plan decides what to do about each difference. What was written later than it
// was listed is left alone: it is newer.
func (r *run) plan(d difference) (repairs map[string]repair, gone []directory.Stored) {
	repairs = map[string]repair{}
	stored := make(map[string]*directory.Stored, len(d.stored))
	for i := range d.stored {
		stored[d.stored[i].ID] = &d.stored[i]
	}
	for _, u := range d.listed {
		s, known := stored[u.id]
		switch {
		case !known:
			repairs[u.id] = repair{operation: directory.Insert}
		case s.Version <= r.listing.versions[u.page]:
			repairs[u.id] = repair{operation: directory.Update, stored: s}
		}
	}
	// Everybody listed, not only who differs: somebody written between two queries
	// has been found as before by one, and is as listed by the other.
	for _, u := range r.listing.users {
		delete(stored, u.id)
	}
	for _, s := range stored {
		if !r.listing.leftOut[s.ID] && r.untouched(*s) {
			gone = append(gone, *s)
		}
	}
	return repairs, gone
}

// untouched says that nobody has written the user since the walk began.
func (r *run) untouched(s directory.Stored) bool {
	return s.Version < r.sync.Since && s.Written.Before(r.sync.Started)
}

// externals asks after people of other workspaces, whom no listing has: all of
// them, or in a large workspace a part of them. Chance says which: by the clock,
// syncs that are some hours apart might never come to the others.
func (r *run) externals(ctx context.Context, c *comparison, repairs map[string]repair) (gone []directory.Stored, err error) {
	s, err := c.query(ctx, directory.Externals)
	if err != nil {
		return nil, err
	}
	parts := max(1, (s.count+externalsAtMost-1)/externalsAtMost)
	width := directory.FingerprintLimit / parts
	from := directory.Externals.From + width*rand.Int64N(parts) //nolint:gosec // there is nothing to guess
	part := directory.FingerprintRange{From: from, To: min(from+width+parts, directory.Externals.To)}
	if s.count > 0 || len(r.listing.within(part)) > 0 {
		// A listing that has such people after all counts for them as for others.
		c.found = difference{}
		if _, err := c.fetch(ctx, span{FingerprintRange: part, count: s.count}); err != nil {
			return nil, err
		}
	}
	r.sync.Reads += c.reads
	changed, unlisted := r.plan(c.found)
	maps.Copy(repairs, changed)
	for i, s := range unlisted {
		user, version, err := r.Slack.User(ctx, s.ID)
		if errors.Is(err, directory.ErrNotFound) {
			gone = append(gone, s)
			continue
		} else if err != nil {
			return nil, err
		}
		if u, err := directory.FromListing(r.sync.TeamID, user); err != nil {
			r.Log.WarnContext(ctx, "a user who cannot be stored is left out", "team_id", r.sync.TeamID, "user_id", s.ID, "error", err)
		} else if u.Fingerprint != s.Fingerprint {
			repairs[s.ID] = repair{directory.Update, &unlisted[i], user, version}
		}
		r.Progress.repairing(r.sync, "people of other workspaces", i+1, len(unlisted))
	}
	return gone, nil
}

// publishRepairs gets the objects that the walk did not keep, in the way that
// Slack's rate limits make the faster one, and publishes them.
func (r *run) publishRepairs(ctx context.Context, repairs map[string]repair) error {
	publishing, ctx := errgroup.WithContext(ctx)
	publishing.SetLimit(publishAtOnce)
	total := len(repairs)
	publish := func(id string, p repair, user json.RawMessage, version directory.Version) error {
		delete(repairs, id) // once, even of somebody who is listed twice
		r.Progress.repairing(r.sync, "repairs", total-len(repairs), total)
		return r.publish(ctx, publishing, id, p, user, version)
	}
	for id, p := range repairs {
		if p.user != nil {
			if err := publish(id, p, p.user, p.version); err != nil {
				return errors.Join(err, publishing.Wait())
			}
		}
	}
	var err error
	if len(repairs) <= infosAPage*len(r.listing.versions) {
		err = r.askEach(ctx, repairs, publish)
	} else {
		err = r.walkAgain(ctx, repairs, publish)
	}
	return errors.Join(err, publishing.Wait())
}

type publishFunc func(id string, p repair, user json.RawMessage, version directory.Version) error

func (r *run) askEach(ctx context.Context, repairs map[string]repair, publish publishFunc) error {
	for id, p := range repairs {
		user, version, err := r.Slack.User(ctx, id)
		if errors.Is(err, directory.ErrNotFound) {
			continue // gone since it was listed
		} else if err != nil {
			return err
		}
		if err := publish(id, p, user, version); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) walkAgain(ctx context.Context, repairs map[string]repair, publish publishFunc) error {
	for walk := 1; ; walk++ {
		err := r.walkForRepairs(ctx, repairs, publish)
		if !errors.Is(err, directory.ErrCursorExpired) || walk == walksAtMost {
			return err
		}
		r.Log.WarnContext(ctx, "listing for repairs begins anew", "team_id", r.sync.TeamID, "sync_id", r.sync.ID, "error", err)
	}
}

func (r *run) walkForRepairs(ctx context.Context, repairs map[string]repair, publish publishFunc) error {
	for page, err := range r.Slack.Users(ctx, r.sync.TeamID, "") {
		if err != nil {
			return err
		}
		for _, user := range page.Users {
			u, err := directory.FromListing(r.sync.TeamID, user)
			if p, wanted := repairs[u.ID]; err == nil && wanted {
				if err := publish(u.ID, p, user, page.Version); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// publish sends one repair, unless the user's document is the same as or newer
// than what Slack says by now.
func (r *run) publish(ctx context.Context, publishing *errgroup.Group, id string, p repair, user json.RawMessage, version directory.Version) error {
	u, err := directory.FromListing(r.sync.TeamID, user)
	if err != nil || u.ID != id {
		return fmt.Errorf("users.info of %s: not that user: %w", id, cmp.Or(err, directory.ErrInvalid))
	}
	if p.stored != nil && (p.stored.Fingerprint == u.Fingerprint || p.stored.Version > version) {
		return nil
	}
	var one counts
	if r.drifted(p, user, version) {
		one.drift = 1
	}
	if p.user == nil { // otherwise not from the listing
		one.changed = 1
	}
	if p.operation == directory.Insert {
		one.inserted = 1
	} else {
		one.updated = 1
	}
	return r.send(ctx, publishing, id, r.change(p.operation, user, version), one)
}

// send publishes, or in a dry run tells.
func (r *run) send(ctx context.Context, publishing *errgroup.Group, id string, c directory.Change, one counts) error {
	if r.DryRun {
		r.accept(one)
		_, err := fmt.Fprintf(r.Plan, "%s\t%s\n", c.Operation, id)
		return err
	}
	r.count()
	publishing.Go(func() error {
		err := r.Publisher.Publish(ctx, c)
		if err == nil {
			r.accept(one)
		}
		return err
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.saveNowAndThen(ctx)
}

// drifted says whether an event should have made this repair. It should not have
// when this is the first sync, when Slack's own time of the last change has
// not moved (edits of custom fields and clock changes send no event), or when
// the event may still be on its way.
func (r *run) drifted(p repair, user json.RawMessage, version directory.Version) bool {
	var o struct {
		Updated int64 `json:"updated"`
	}
	if err := json.Unmarshal(user, &o); err != nil || r.previous == nil {
		return false
	}
	if time.Unix(o.Updated, 0).After(version.Time().Add(-inFlight)) {
		return false
	}
	return p.stored == nil || p.stored.Updated != o.Updated
}

// remove deletes those who are gone from Slack.
func (r *run) remove(ctx context.Context, gone []directory.Stored, total int64) error {
	if int64(len(gone))*10 > total && !r.AllowMassDelete {
		return fmt.Errorf("%w (%d of %d)", ErrMassDelete, len(gone), total)
	}
	publishing, ctx := errgroup.WithContext(ctx)
	publishing.SetLimit(publishAtOnce)
	for _, s := range gone {
		user, err := json.Marshal(map[string]string{"id": s.ID})
		if err != nil {
			return err
		}
		if err := r.send(ctx, publishing, s.ID, r.change(directory.Delete, user, r.sync.Since), counts{removed: 1}); err != nil {
			return errors.Join(err, publishing.Wait())
		}
	}
	return publishing.Wait()
}
