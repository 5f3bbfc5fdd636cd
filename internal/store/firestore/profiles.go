package firestore

import (
	"context"
	"encoding/json"
	"fmt"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
)

// ProfilesDue returns the ids of up to limit users, in the order in which to ask Slack for
// their profiles. It bills a read for each, at least one.
func (s *Store) ProfilesDue(ctx context.Context, teamID string, limit int) ([]string, error) {
	snapshots, err := s.users(teamID).OrderBy("profile_order", firestore.Asc).Limit(limit).Select().Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	ids := make([]string, len(snapshots))
	for i, snapshot := range snapshots {
		ids[i] = snapshot.Ref.ID
	}
	return ids, nil
}

// CountProfiles counts the users who have a profile to ask for, and of these the ones whose
// custom fields nobody knows yet. For each of the two it bills one read per 1,000, at least one.
func (s *Store) CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error) {
	if all, err = count(ctx, s.users(teamID).OrderBy("profile_order", firestore.Asc)); err != nil {
		return 0, 0, err
	}
	neverAsked, err = count(ctx, s.users(teamID).Where("profile_order", "==", directory.NeverAsked))
	return all, neverAsked, err
}

func (s *Store) teamProfile(teamID string) *firestore.DocumentRef {
	return s.workspace(teamID).Collection("team_profile").Doc("current")
}

// PutTeamProfile replaces the workspace's custom field definitions, the profile in team.profile.get's answer.
func (s *Store) PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error {
	if _, err := s.teamProfile(teamID).Set(ctx, map[string]any{"json": string(profile)}); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// TeamProfile returns what [Store.PutTeamProfile] has stored, nil if nothing. It bills one read.
func (s *Store) TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error) {
	snapshot, err := s.teamProfile(teamID).Get(ctx)
	if status.Code(err) == codes.NotFound {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	var d struct {
		JSON string `firestore:"json"`
	}
	if err := snapshot.DataTo(&d); err != nil {
		return nil, fmt.Errorf("team profile: %w", err)
	}
	return json.RawMessage(d.JSON), nil
}
