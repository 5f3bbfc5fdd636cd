package fullsync

import (
	"context"
	"slices"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// People are the stored users.
type People interface {
	// User returns a user and its revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// Users returns a page of the users that are not removed.
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
}

// need is what one user needs.
type need struct {
	operation directory.Operation
	stored    *directory.Stored // nil for an insert
}

// plan is what to do about the differences between a listing and the directory.
type plan struct {
	repairs   map[string]need
	gone      []directory.Stored
	stale     int      // left alone: the listing is older than what is stored
	forgotten []string // ids of people who are stored as forgotten, and alive in Slack
	future    int      // stored with a version in the future
}

// planRepairs decides about each difference. future are the stored users with a
// version in the future: they are told anew whether or not they differ.
//
// If an operator allows to remove any number of people, the listing is taken for
// complete, and lacks nobody who has only joined since it was made.
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
	// Everybody listed counts, not only who differs: somebody who was written between two
	// queries may be in one of them as before and in the other as listed.
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

// verdict says what comes of something that Slack says about a stored user.
type verdict int

const (
	wins      verdict = iota
	isStale           // what is stored is newer
	needsLift         // stored as forgotten, and only an operator can undo that
)

// judge says whether a listed object would replace what readers see of the
// stored user, by the rules of the domain. Whoever is stored with a version in
// the future is told anew in any case.
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
	// Two caches of Slack's may be of different age. For more than two hours nobody trusts
	// Slack's own times, so that nothing they disagree about keeps a repair out for good.
	case said.Updated > 0 && said.Updated < s.Listed.Updated && said.Version.Time().Sub(s.Listed.Version.Time()) <= directory.MaxListingLag:
		return isStale
	}
	return wins
}

// isUntouched says that a user who is not in the listing can be taken for gone:
// nothing is known that is newer than the listing. A listing may come from a cache and lack
// somebody who joined since, of whom an event has told.
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

// report puts into the record and the log what the plan leaves alone.
func (p plan) report(ctx context.Context, o Options, r *record) {
	r.update(func(s *syncs.Sync) { s.Stale, s.Forgotten, s.Future = p.stale, len(p.forgotten), p.future })
	teamID := r.value().TeamID
	if len(p.forgotten) > 0 {
		slices.Sort(p.forgotten)
		o.Log.WarnContext(ctx, "people stored as forgotten are alive in Slack: an operator must lift them", "team_id", teamID, "users", len(p.forgotten), "user_ids", p.forgotten)
	}
	if p.future > 0 {
		o.Log.WarnContext(ctx, "people were stored with a version in the future, and are told anew", "team_id", teamID, "users", p.future)
	}
}

// futurePage is how many users with versions in the future are read at once.
const futurePage = 500

// inFuture returns all who are stored with a version in the future. The list by
// change has them before a place that is a little after now, usually none.
func inFuture(ctx context.Context, o Options, r *record) (all []directory.Stored, err error) {
	teamID := r.value().TeamID
	soon := directory.Cursor{Version: directory.VersionOf(time.Now().Add(directory.MaxAhead)), ID: "Z"}
	req := directory.PageRequest{Order: directory.ByChange, Limit: futurePage, Before: &soon}
	for {
		page, err := o.Store.Users(ctx, teamID, req)
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
