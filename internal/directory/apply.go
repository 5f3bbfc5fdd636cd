package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/cenkalti/backoff/v5"

	"rollcall/internal/ijson"
)

// Outcome says what applying a [Change] did.
type Outcome string

// The outcomes. They appear in logs.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Removed   Outcome = "removed"
	Unchanged Outcome = "unchanged" // a repeat, or overtaken by a newer message
)

// Store is where [Apply]'s users and their history are kept.
type Store interface {
	// User returns a user and its revision, or [ErrNotFound].
	User(ctx context.Context, teamID, userID string) (User, Revision, error)
	// PutUser writes u if the stored revision is still the expected one (zero: none
	// stored), and fails with [ErrConflict] otherwise. A record (nil for none) is written
	// with it, both or neither, at a time that the store sets.
	PutUser(ctx context.Context, u User, expected Revision, record *Record) error
	// Record returns a record of history, or [ErrNotFound].
	Record(ctx context.Context, teamID, id string) (Record, error)
	// EraseRecords deletes the history of a user, except that the user was forgotten.
	// After an error it may have deleted some of it; call it again to continue.
	EraseRecords(ctx context.Context, teamID, userID string) error
}

// Waits between attempts to write a user whom others write at the same time.
const (
	firstRetryInterval = 5 * time.Millisecond
	maxRetryInterval   = 500 * time.Millisecond
)

// Applied says what became of a [Change].
type Applied struct {
	Outcome Outcome
	// Record is the history's record of the change, written now or when the same message came
	// before; nil for none. It has the time of the write only in the latter case.
	Record *Record
}

// ApplyTo reads the user whom c is about, decides by [Apply], and writes on
// condition that nobody wrote in between; if somebody did, it starts over until ctx ends.
// Records are kept for the duration history; 0 means that none are written.
// It is not called Update because [Update] is an [Operation].
//
// A message that comes again finds its change already made. ApplyTo then returns the record
// that the first delivery wrote, because the worker may have been killed before it published
// the record. If the person is forgotten, ApplyTo erases the history, or what an earlier
// delivery left of it.
func ApplyTo(ctx context.Context, store Store, c Change, history time.Duration) (Applied, error) {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = firstRetryInterval, maxRetryInterval
	return backoff.Retry(ctx, func() (Applied, error) {
		applied, err := applyOnce(ctx, store, c, history)
		if err != nil && !errors.Is(err, ErrConflict) {
			return Applied{}, backoff.Permanent(err)
		}
		return applied, err
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(0))
}

func applyOnce(ctx context.Context, store Store, c Change, history time.Duration) (a Applied, err error) {
	stored, revision, err := store.User(ctx, c.TeamID, c.UserID)
	current := &stored
	if errors.Is(err, ErrNotFound) {
		current, revision = nil, 0
	} else if err != nil {
		return a, fmt.Errorf("read user: %w", err)
	}
	now := time.Now()
	next, object, outcome, err := apply(current, c, now)
	if err != nil {
		return a, err
	}
	a.Outcome = outcome
	switch {
	case outcome != Unchanged:
		if history > 0 {
			if a.Record, err = recordOf(current, next, object, c, now.Add(history).UTC().Truncate(time.Microsecond)); err != nil {
				return a, err
			}
		}
		if err := store.PutUser(ctx, next, revision, a.Record); err != nil {
			return a, fmt.Errorf("write user: %w", err)
		}
	case history > 0 && !c.FirstLoad:
		if a.Record, err = findRecord(ctx, store, c); err != nil {
			return a, err
		}
	}
	if next.Kind == Forgotten {
		if err := store.EraseRecords(ctx, c.TeamID, c.UserID); err != nil {
			return a, fmt.Errorf("erase history: %w", err)
		}
	}
	return a, nil
}

// findRecord returns the record of a message that came before, or nil.
func findRecord(ctx context.Context, store Store, c Change) (*Record, error) {
	r, err := store.Record(ctx, c.TeamID, recordID(c))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return &r, nil
}

// Apply returns the user after c, given the stored one (nil if there is none). Write
// it unless the outcome is [Unchanged]. It joins what c says into the stored [Parts]
// and renders them.
//
// An update of a user who is not stored fails with [ErrUnknownUser], because the
// insert may still be on its way. Custom fields fail too: alone they never create or
// revive anybody. People of other workspaces (Slack Connect) never get an insert,
// neither by team_join nor from users.list, so an update creates them. A delete and an
// operator's messages leave a tombstone even if nothing is stored, because the message
// that they outran may still arrive.
//
// A stored version more than [MaxAhead] after now comes from a broken clock, and the part
// that has it is dropped. An invalid c fails with [ErrInvalid].
func Apply(stored *User, c Change, now time.Time) (User, Outcome, error) {
	next, _, outcome, err := apply(stored, c, now)
	return next, outcome, err
}

// apply also returns the object in the user's document.
func apply(stored *User, c Change, now time.Time) (User, *object, Outcome, error) {
	said, o, err := partsOf(c)
	if err != nil {
		return User{}, nil, "", err
	}
	var known Parts
	if stored != nil {
		known = stored.parts().before(VersionOf(now.Add(MaxAhead)))
	}
	p := join(known, said)
	if stored == nil && c.Operation == Update && !p.isForgotten() && (c.Source == FromProfile || !isExternal(c.TeamID, o)) {
		return User{}, nil, "", ErrUnknownUser
	}

	next, o, err := render(c.TeamID, c.UserID, p)
	switch {
	case err != nil:
		return User{}, nil, "", err
	case stored == nil && next.Removed:
		return next, o, Removed, nil
	case stored == nil:
		return next, o, Created, nil
	case reflect.DeepEqual(*stored, next):
		return *stored, o, Unchanged, nil
	case next.Removed && !stored.Removed:
		return next, o, Removed, nil
	}
	return next, o, Updated, nil
}

// FromListing returns the user that an empty directory would store for an object of
// users.list. An error wraps [ErrInvalid].
func FromListing(teamID string, user json.RawMessage) (User, error) {
	return fromSync(teamID, user, true)
}

// FromInfo is like [FromListing], for an object of users.info about somebody who is not in users.list.
func FromInfo(teamID string, user json.RawMessage) (User, error) {
	return fromSync(teamID, user, false)
}

func fromSync(teamID string, user json.RawMessage, inList bool) (User, error) {
	c, err := NewChange(Change{Operation: Insert, TeamID: teamID, User: user, Version: 1, Source: FromSync, InList: inList})
	if err != nil {
		return User{}, err
	}
	u, _, err := Apply(nil, c, time.Now())
	return u, err
}

// parts returns u's parts. A release from before there were parts may have written the
// document, or have written it last, after a roll-back. Such a release keeps one object,
// that of the newest message, and leaves the parts alone.
//
// It marks a forgotten person of another workspace by is_stranger.
func (u *User) parts() Parts {
	p := u.Parts
	if !u.olderRelease() {
		return p
	}
	var old Parts
	switch {
	case u.Kind == Forgotten:
		o := ijson.Value(u.Slack).Object()
		old.Forgotten = &Forgetting{u.Version, u.Source, o.Get("is_stranger").Bool()}
	case len(u.Slack) > 0:
		v := u.SlackVersion
		if !u.Removed {
			v = u.Version // with what partial messages added
		}
		source := u.Source
		if v > u.SlackVersion {
			source = FromEvent // partial messages came from events only
		}
		old = u.legacySaid(max(v, 1), source)
	}
	if u.Removed {
		old.Removed = u.Version
	}
	return join(p, old)
}

// olderRelease says whether a release from before there were parts wrote u last: the
// document's versions are then newer than all parts.
func (u *User) olderRelease() bool {
	version, _ := u.Parts.newest()
	return u.Version > version || u.SlackVersion > u.Parts.said()
}

// legacySaid returns the one object of an old document as the part that its source names.
func (u *User) legacySaid(v Version, source Source) Parts {
	p, _, err := partsOf(Change{Operation: Insert, TeamID: u.TeamID, User: u.Slack, Version: v, Source: source, InList: u.Kind != External})
	if err != nil {
		return Parts{} // today's limits refuse the object: the next message or sync replaces it
	}
	return p
}
