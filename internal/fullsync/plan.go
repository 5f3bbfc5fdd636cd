package fullsync

import (
	"context"
	"slices"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// peopleStore has the stored users.
type peopleStore interface {
	// User returns a user and its revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// Users returns a page of the users that are not removed.
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
}

// need is the repair that one user needs.
type need struct {
	operation directory.Operation
	stored    *directory.Stored // nil for an insert
}

// plan is what a sync does about the differences between a listing and the directory.
type plan struct {
	repairs   map[string]need
	gone      []directory.Stored
	stale     int      // left alone because the listing is older than what is stored
	forgotten []string // ids of people who are stored as forgotten but are active in Slack
	future    int      // stored with a version in the future
}

// planRepairs decides about each difference. future are the stored users with a
// version in the future: they are sent again whether or not they differ.
//
// isComplete says that an operator allows any number of removals. People whom an
// event has just announced are then removed too, if the listing lacks them.
func planRepairs(d compare.Difference, l *listing, future []directory.Stored, started, now time.Time, isComplete bool) plan {
	p := plan{repairs: map[string]need{}, future: len(future)}
	stored := make(map[string]*directory.Stored, len(d.NotListed))
	for i := range d.NotListed {
		stored[d.NotListed[i].ID] = &d.NotListed[i]
	}
	for _, person := range d.NotStored {
		s := stored[person.ID]
		if s == nil {
			p.repairs[person.ID] = need{operation: directory.Insert}
			continue
		}
		said := directory.Said{Version: l.versions[person.Page], Updated: person.Updated, InList: true}
		switch judge(*s, said, person.Forgotten, now) {
		case wins:
			p.repairs[person.ID] = need{directory.Update, s}
		case isStale:
			p.stale++
		case needsLift:
			p.forgotten = append(p.forgotten, person.ID)
		}
	}
	// Check against the whole listing, not only the differences. A person who was written
	// between two queries may show as different in one of them and as listed in the other.
	for _, s := range l.notIn(d.NotListed) {
		if isUntouched(s, l.since(), started, now, isComplete) {
			p.gone = append(p.gone, s)
		}
	}
	absent := l.notIn(future)
	for i, s := range future {
		if !slices.ContainsFunc(absent, func(a directory.Stored) bool { return a.ID == s.ID }) {
			p.repairs[s.ID] = need{directory.Update, &future[i]}
		}
	}
	return p
}

// verdict is what happens to a listed object of a stored user.
type verdict int

const (
	wins      verdict = iota
	isStale           // what is stored is newer
	needsLift         // stored as forgotten, and only an operator can undo that
)

// judge says whether a listed object would replace what readers see of the stored
// user, by the rules of package directory. Users stored with a version in the
// future are always sent again.
func judge(s directory.Stored, said directory.Said, forgotten bool, now time.Time) verdict {
	switch {
	case s.Kind == directory.Forgotten && !forgotten:
		return needsLift
	case isInFuture(s, now), forgotten:
		return wins
	case s.Told != nil && !directory.ListedIsNewer(*s.Told, said):
		return isStale
	case s.Listed == nil:
		return wins
	case said.Version < s.Listed.Version:
		return isStale
	// Slack may answer from caches of different ages. Beyond two hours its own times are no
	// longer trusted, so that a disagreement between them cannot block a repair for good.
	case said.Updated > 0 && said.Updated < s.Listed.Updated && said.Version.Time().Sub(s.Listed.Version.Time()) <= directory.MaxListingLag:
		return isStale
	}
	return wins
}

// isUntouched reports whether a user who is missing from the listing is gone, that is,
// whether nothing newer than the listing is known. A cached listing may lack somebody
// whose team_join has already arrived.
func isUntouched(s directory.Stored, since directory.Version, started, now time.Time, isComplete bool) bool {
	switch {
	case !s.Written.Before(started):
		return false
	case isInFuture(s, now):
		return true
	case !isComplete && s.Told != nil && s.Told.Version.Time().After(since.Time().Add(-directory.MaxListingLag)):
		return false
	}
	return s.Version < since
}

func isInFuture(s directory.Stored, now time.Time) bool {
	return s.Version.InFuture(now) || s.Told != nil && s.Told.Version.InFuture(now) || s.Listed != nil && s.Listed.Version.InFuture(now)
}

// report records and logs what the plan leaves alone.
func (p plan) report(ctx context.Context, r *record) {
	r.update(func(s *syncs.Sync) { s.Stale, s.Forgotten, s.Future = p.stale, len(p.forgotten), p.future })
	teamID := r.value().TeamID
	if len(p.forgotten) > 0 {
		slices.Sort(p.forgotten)
		r.log.WarnContext(ctx, "people stored as forgotten are active in Slack: an operator must lift them", "team_id", teamID, "users", len(p.forgotten), "user_ids", p.forgotten)
	}
	if p.future > 0 {
		r.log.WarnContext(ctx, "people were stored with a version in the future, and are sent again", "team_id", teamID, "users", p.future)
	}
}

// maxFuturePage is how many users with versions in the future are read in one query.
const maxFuturePage = 500

// inFuture returns everybody stored with a version in the future, usually nobody.
// They come first in the list by change, before a cursor just after now.
func inFuture(ctx context.Context, store peopleStore, teamID string) (all []directory.Stored, err error) {
	soon := directory.Cursor{Version: directory.VersionOf(time.Now().Add(directory.MaxAhead)), ID: "Z"}
	req := directory.PageRequest{Order: directory.ByChange, Limit: maxFuturePage, Before: &soon}
	for {
		page, err := store.Users(ctx, teamID, req)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Users {
			all = append(all, directory.StoredOf(u, time.Time{}))
		}
		if page.Prev == nil {
			return all, nil
		}
		req.Before = page.Prev
	}
}
