package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"rollcall/internal/directory"
)

// ProfilesDue returns the ids of up to limit users, in the order in which to ask Slack for their profiles.
func (s *Store) ProfilesDue(ctx context.Context, teamID string, limit int) (ids []string, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM users WHERE team_id = ? AND profile_order IS NOT NULL ORDER BY profile_order LIMIT ?`, teamID, limit)
	return ids, err
}

// CountProfiles counts the users who have a profile to ask for, and of these the ones whose custom fields nobody knows yet.
func (s *Store) CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error) {
	err = s.queryRow(ctx, []any{&all, &neverAsked}, `SELECT count(*), count(*) FILTER (WHERE profile_order = ?) FROM users WHERE team_id = ? AND profile_order IS NOT NULL`,
		directory.NeverAsked, teamID)
	return all, neverAsked, err
}

// PutTeamProfile replaces the workspace's custom field definitions, the profile in team.profile.get's answer.
func (s *Store) PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error {
	return s.putDocument(ctx, profile, `INSERT INTO team_profiles (document, team_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, teamID)
}

// TeamProfile returns what [Store.PutTeamProfile] has stored, nil if nothing.
func (s *Store) TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error) {
	all, err := documents[json.RawMessage](ctx, s, 1, `SELECT document FROM team_profiles WHERE team_id = ?`, teamID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}
