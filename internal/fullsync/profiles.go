package fullsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// DefaultProfiles is what five minutes of Slack's Tier 4 allow (100 calls a minute).
const DefaultProfiles = 500

// profileStore keeps what Slack says about custom fields.
type profileStore interface {
	// ProfilesDue returns the ids of up to limit users, in the order in which to ask for their profiles.
	ProfilesDue(ctx context.Context, teamID string, limit int) ([]string, error)
	// CountProfiles counts the users who have a profile to ask for, and of these the ones who were never asked about.
	CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error)
	PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error
	// TeamProfile returns nil if there is none.
	TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error)
}

// askProfiles asks for the custom fields of up to budget people who are due, and publishes them.
func askProfiles(ctx context.Context, slack Slack, store profileStore, out outbox, budget int) error {
	r := out.record
	if budget <= 0 || r.dryRun {
		return nil
	}
	teamID := r.value().TeamID
	r.update(func(s *syncs.Sync) { s.Profiles.Budget = budget })
	if known, err := copyTeamProfile(ctx, slack, store, r); err != nil || !known {
		return err
	}
	all, never, err := store.CountProfiles(ctx, teamID)
	if err != nil {
		return err
	}
	due, err := store.ProfilesDue(ctx, teamID, budget)
	if err != nil {
		return err
	}
	r.update(func(s *syncs.Sync) { s.Profiles.Due, s.Profiles.People, s.Profiles.NeverAsked = len(due), all, never })
	b := out.open(ctx)
	unreadable := 0
	// In another order each time, because people who cannot be read stay at the head of the
	// queue, and [maxUnreadable] of them in a row end the round.
	for i, place := range rand.Perm(len(due)) { //nolint:gosec // there is nothing to guess
		id, isFirst := due[place], place < never // those who were never asked about are due first
		if err = askProfile(ctx, slack, b, id, isFirst); errors.Is(err, syncs.ErrUnreadable) {
			r.log.WarnContext(ctx, "custom fields not read", "team_id", teamID, "user_id", id, "error", err)
			r.update(func(s *syncs.Sync) { s.Profiles.Failed++ })
			err = nil
			if unreadable++; unreadable == maxUnreadable {
				break
			}
			continue
		} else if err != nil {
			break
		}
		unreadable = 0
		r.progress.repairing(r.value(), "profiles", i+1, len(due))
	}
	return b.finish(err)
}

// askProfile asks for one user's custom fields and publishes them.
func askProfile(ctx context.Context, slack Slack, b *batch, id string, isFirst bool) error {
	fields, v, err := slack.Profile(ctx, id)
	if errors.Is(err, directory.ErrNotFound) {
		return nil // the next listing says whether the person is gone
	} else if err != nil {
		return err
	}
	var said struct {
		ID      string `json:"id"`
		Profile struct {
			Fields json.RawMessage `json:"fields,omitzero"`
		} `json:"profile"`
	}
	said.ID, said.Profile.Fields = id, fields
	user, err := json.Marshal(said)
	if err != nil {
		return err
	}
	c, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: b.teamID, User: user, Version: v, Source: directory.FromProfile})
	if err != nil {
		return errors.Join(syncs.ErrUnreadable, err)
	}
	return b.send(c, func(s *syncs.Sync) {
		s.Profiles.Asked++
		if isFirst {
			s.Profiles.NeverAsked--
		}
	})
}

// copyTeamProfile stores the definitions of the custom fields. It reports whether the token may read them.
func copyTeamProfile(ctx context.Context, slack Slack, store profileStore, r *record) (bool, error) {
	teamID := r.value().TeamID
	defined, err := slack.TeamProfile(ctx)
	if err != nil {
		return false, err
	}
	r.update(func(s *syncs.Sync) { s.Profiles.NoScope = defined == nil })
	if defined == nil {
		r.log.InfoContext(ctx, "custom fields not asked for: the token lacks the scope users.profile:read", "team_id", teamID)
		return false, nil
	}
	stored, err := store.TeamProfile(ctx, teamID)
	if err != nil || bytes.Equal(stored, defined) {
		return err == nil, err
	}
	return true, store.PutTeamProfile(ctx, teamID, defined)
}
