package directory

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// Outcome says what applying a [Change] comes to.
type Outcome string

// The outcomes. They appear in logs.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Removed   Outcome = "removed"
	Unchanged Outcome = "unchanged" // a repeat, or overtaken by a newer message
)

// Apply returns the user that c leaves where stored is (nil: nothing), which is
// to be written unless the outcome is [Unchanged].
//
// It is a join: the same messages in any order, any number of times, end in
// the same user. For that
//   - whole objects and deletes compare by version; of two whole objects with one
//     version the one whose canonical JSON sorts last wins, and a whole object wins
//     over a delete, so that nobody vanishes by a tie;
//   - a partial object newer than the newest whole one is kept beside it
//     ([Overlay]), because a whole object that is older than the partial one may still arrive;
//   - a delete leaves a tombstone even where nothing is stored, because the
//     message that it outran may still arrive;
//   - erasure (is_forgotten) is final and wins over every version: nothing that
//     arrives late brings a person's data back.
//
// An update of a user who is not stored fails with [ErrUnknownUser], because the
// insert may still be on the way, as does a partial one where there is nothing to
// merge it into. Of a person of another workspace (Slack Connect) no insert ever
// comes, neither as team_join nor from a listing: there an update creates. An
// invalid c fails with [ErrInvalid].
func Apply(stored *User, c Change) (User, Outcome, error) {
	id, err := c.userID()
	if err != nil {
		return User{}, "", err
	}
	o, err := decodeObject(c.User)
	if err != nil {
		return User{}, "", fmt.Errorf("user: %w", err)
	}
	s, err := stateOf(stored, c)
	if err != nil {
		return User{}, "", fmt.Errorf("stored user: %w", err)
	}
	if c.Partial && !s.known() || c.Operation == Update && stored == nil && !isExternal(c.TeamID, o) {
		return User{}, "", ErrUnknownUser
	}

	s.add(c, o)
	next := s.render(c.TeamID, id)
	switch {
	case stored == nil:
		if next.Removed {
			return next, Removed, nil
		}
		return next, Created, nil
	case reflect.DeepEqual(*stored, next):
		return *stored, Unchanged, nil
	case next.Removed && !stored.Removed:
		return next, Removed, nil
	}
	return next, Updated, nil
}

// state is what a user's document remembers of the messages so far.
type state struct {
	whole     object // the newest whole object; nil if none came
	wholeAt   Version
	patches   []patch // newer than wholeAt, oldest first
	removedAt Version // 0 unless newer than all of the above
	newest    Version
	source    Source
	forgotten bool
	external  bool // if forgotten, whether a message that said so told of somebody from another workspace
}

type patch struct {
	version Version
	object  object
}

// stateOf returns u's state for c to be joined into. A whole object that c
// replaces, as most changes do, is not decoded.
func stateOf(u *User, c Change) (state, error) {
	if u == nil {
		return state{}, nil
	}
	s := state{wholeAt: u.SlackVersion, newest: u.Version, source: u.Source, forgotten: u.Kind == Forgotten}
	if u.Removed {
		s.removedAt = u.Version
	}
	if s.forgotten {
		o, err := decodeObject(u.Slack)
		s.external = isExternal(u.TeamID, o)
		return s, err
	}
	whole := u.Slack
	if u.Overlay != nil {
		whole = u.Overlay.Whole
		for _, p := range u.Overlay.Patches {
			o, err := decodeObject(p.User)
			if err != nil {
				return state{}, err
			}
			s.patches = append(s.patches, patch{p.Version, o})
		}
	}
	replaced := c.Operation != Delete && !c.Partial && c.Version > u.SlackVersion
	if len(whole) > 0 && !replaced {
		var err error
		if s.whole, err = decodeObject(whole); err != nil {
			return state{}, err
		}
	}
	return s, nil
}

// known says whether there is something that a partial object can be merged into.
func (s *state) known() bool { return s.whole != nil || s.forgotten }

// add joins one message into s.
func (s *state) add(c Change, o object) {
	if c.Version > s.newest || c.Version == s.newest && c.Source > s.source {
		s.newest, s.source = c.Version, c.Source
	}
	switch {
	case c.Operation == Delete:
		s.removedAt = max(s.removedAt, c.Version)
	case c.Partial:
		s.addPatch(patch{c.Version, o})
	default:
		s.addWhole(c, o)
	}
	alive := s.wholeAt
	if n := len(s.patches); n > 0 {
		alive = s.patches[n-1].version
	}
	if s.removedAt <= alive {
		s.removedAt = 0
	}
	if o.bool("is_forgotten") {
		s.forgotten, s.external = true, s.external || isExternal(c.TeamID, o)
	}
	if s.forgotten {
		s.forget(alive)
	}
}

func (s *state) addWhole(c Change, o object) {
	newer := cmp.Compare(c.Version, s.wholeAt)
	if newer == 0 {
		newer = bytes.Compare(o.canonical(), s.whole.canonical())
	}
	if newer <= 0 {
		return
	}
	s.whole, s.wholeAt = o, c.Version
	s.patches = slices.DeleteFunc(s.patches, func(p patch) bool { return p.version <= s.wholeAt })
}

// addPatch puts p in its place and drops from each patch what newer ones
// replace, which bounds them all together by the size of one object.
func (s *state) addPatch(p patch) {
	if p.version <= s.wholeAt {
		return
	}
	all := slices.Clone(s.patches)
	i, found := slices.BinarySearchFunc(all, p.version, func(p patch, v Version) int { return cmp.Compare(p.version, v) })
	if found {
		all[i].object = join(all[i].object, p.object)
	} else {
		all = slices.Insert(all, i, p)
	}
	var kept []patch // newest first
	for _, p := range slices.Backward(all) {
		left := map[string]any(p.object)
		for _, newer := range kept {
			left = subtract(left, newer.object)
		}
		if len(left) > 0 {
			kept = append(kept, patch{p.version, left})
		}
	}
	slices.Reverse(kept)
	s.patches = kept
}

// forget erases all that is personal, and all history with it.
func (s *state) forget(alive Version) {
	s.whole, s.patches = nil, nil
	s.wholeAt = alive
}

// render makes the document.
func (s *state) render(teamID, id string) User {
	u := User{ID: id, TeamID: teamID, Version: s.newest, Source: s.source, SlackVersion: s.wholeAt}
	switch {
	case s.forgotten:
		o := object{"id": id, "is_forgotten": true}
		if s.external { // or a full sync would take absence from the listing for a sign
			o["is_stranger"] = true
		}
		u.describe(o)
	case s.whole != nil:
		merged := s.whole
		if len(s.patches) > 0 {
			u.Overlay = &Overlay{Whole: s.whole.canonical()}
			for _, p := range s.patches {
				merged = merge(merged, p.object)
				u.Overlay.Patches = append(u.Overlay.Patches, Patch{p.version, p.object.canonical()})
			}
		}
		u.describe(merged)
	}
	if s.removedAt > 0 {
		u.Removed = true
		u.ExpireAt = s.removedAt.Time().Add(tombstoneLife)
	} else {
		u.SortName = sortName(u)
		u.Fingerprint = fingerprint(id, u.Kind == External || s.external, u.Slack)
	}
	return u
}
