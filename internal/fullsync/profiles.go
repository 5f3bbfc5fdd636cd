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

// ProfileStore keeps what Slack says about custom fields.
type ProfileStore interface {
	// ProfilesDue returns the ids of up to limit users, in the order in which to ask for their profiles.
	ProfilesDue(ctx context.Context, teamID string, limit int) ([]string, error)
	// CountProfiles counts the users who have a profile to ask for, and of these the ones who were never asked about.
	CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error)
	PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error
	// TeamProfile returns nil if there is none.
	TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error)
}

// profiles publishes the custom fields of those whose turn it is.
func (p *publishing) profiles(ctx context.Context) error {
	if p.Profiles <= 0 || p.DryRun {
		return nil
	}
	teamID := p.record.value().TeamID
	p.record.update(func(s *syncs.Sync) { s.Profiles.Budget = p.Profiles })
	if known, err := p.copyTeamProfile(ctx, teamID); err != nil || !known {
		return err
	}
	all, never, err := p.Store.CountProfiles(ctx, teamID)
	if err != nil {
		return err
	}
	due, err := p.Store.ProfilesDue(ctx, teamID, p.Profiles)
	if err != nil {
		return err
	}
	first := map[string]bool{} // those who were never asked come first
	for _, id := range due[:min(never, len(due))] {
		first[id] = true
	}
	p.record.update(func(s *syncs.Sync) { s.Profiles.Due, s.Profiles.People, s.Profiles.NeverAsked = len(due), all, never })
	// In another order each time, because people who cannot be read stay at the head of the
	// queue, and [maxUnreadable] of them in a row end the round.
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] }) //nolint:gosec // there is nothing to guess
	out := newOutbox(ctx, p.Options, p.record)
	unreadable := 0
	for i, id := range due {
		if err = p.profile(ctx, out, id, first[id]); errors.Is(err, syncs.ErrUnreadable) {
			p.Log.WarnContext(ctx, "custom fields not read", "team_id", teamID, "user_id", id, "error", err)
			p.record.update(func(s *syncs.Sync) { s.Profiles.Failed++ })
			err = nil
			if unreadable++; unreadable == maxUnreadable {
				break
			}
			continue
		} else if err != nil {
			break
		}
		unreadable = 0
		p.Progress.repairing(p.record.value(), "profiles", i+1, len(due))
	}
	return out.finish(err)
}

// profile asks for one user's custom fields and publishes them. Slack knows no fields of people it does not find.
func (p *publishing) profile(ctx context.Context, out *outbox, id string, isFirst bool) error {
	fields, v, err := p.Slack.Profile(ctx, id)
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
	c, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: out.teamID, User: user, Version: v, Source: directory.FromProfile})
	if err != nil {
		return errors.Join(syncs.ErrUnreadable, err)
	}
	return out.send(c, func(s *syncs.Sync) {
		s.Profiles.Asked++
		if isFirst {
			s.Profiles.NeverAsked--
		}
	})
}

// copyTeamProfile stores the definitions of the custom fields. It reports whether the token may read them.
func (p *publishing) copyTeamProfile(ctx context.Context, teamID string) (bool, error) {
	defined, err := p.Slack.TeamProfile(ctx)
	if err != nil {
		return false, err
	}
	p.record.update(func(s *syncs.Sync) { s.Profiles.NoScope = defined == nil })
	if defined == nil {
		p.Log.InfoContext(ctx, "custom fields not asked for: the token lacks the scope users.profile:read", "team_id", teamID)
		return false, nil
	}
	stored, err := p.Store.TeamProfile(ctx, teamID)
	if err != nil || bytes.Equal(stored, defined) {
		return err == nil, err
	}
	return true, p.Store.PutTeamProfile(ctx, teamID, defined)
}
