package sqlite

import (
	"context"

	"rollcall/internal/directory"
)

// PutWorkspace writes w.
func (s *Store) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	return s.putDocument(ctx, w, `INSERT INTO workspaces (document, id) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, w.ID)
}

// Workspaces returns all workspaces by id. One that nobody has written yet, but
// that has users, has an id only.
func (s *Store) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	return documents[directory.Workspace](ctx, s, `SELECT document FROM workspaces ORDER BY id`)
}

// PutEmoji replaces a workspace's custom emoji: addresses of images, or
// "alias:" and another name, by name.
func (s *Store) PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error {
	return s.putDocument(ctx, emoji, `INSERT INTO emoji (document, team_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, teamID)
}

// Emoji returns a workspace's custom emoji, none if nobody has written any.
func (s *Store) Emoji(ctx context.Context, teamID string) (map[string]string, error) {
	all, err := documents[map[string]string](ctx, s, `SELECT document FROM emoji WHERE team_id = ?`, teamID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// putDocument writes v, the first argument of the statement, under the key that follows.
func (s *Store) putDocument(ctx context.Context, v any, text string, key ...any) error {
	document, err := encode(v)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, text, append([]any{document}, key...)...)
	return err
}
