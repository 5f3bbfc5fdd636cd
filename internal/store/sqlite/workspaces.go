package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"rollcall/internal/directory"
)

// PutWorkspace merges w into the stored workspace. Empty fields of w leave the
// stored ones as they are, and times only grow. If w has a name, it is a complete
// description, and an empty icon removes the stored one.
func (s *Store) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.inTransaction(ctx, func(tx *sql.Tx) error {
		var document []byte
		err := tx.QueryRowContext(ctx, `SELECT document FROM workspaces WHERE id = ?`, w.ID).Scan(&document)
		if err == nil {
			var stored directory.Workspace
			if stored, err = decode[directory.Workspace](s, document); err == nil {
				w = merged(stored, w)
			}
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		text, err := encode(w)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO workspaces (document, id) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, text, w.ID)
		return err
	})
	if err != nil {
		return s.explain(err)
	}
	return nil
}

func merged(stored, w directory.Workspace) directory.Workspace {
	if w.Name == "" {
		w.Name, w.URL, w.Icon, w.EmailDomain = stored.Name, stored.URL, stored.Icon, stored.EmailDomain
	}
	w.Token = cmp.Or(w.Token, stored.Token)
	w.Hidden = w.Hidden || stored.Hidden
	w.ConnectedAt, w.DisconnectedAt = max(w.ConnectedAt, stored.ConnectedAt), max(w.DisconnectedAt, stored.DisconnectedAt)
	return w
}

// Workspace returns a workspace that a sync or an installation wrote, or [directory.ErrNotFound].
func (s *Store) Workspace(ctx context.Context, teamID string) (directory.Workspace, error) {
	all, err := documents[directory.Workspace](ctx, s, 1, `SELECT document FROM workspaces WHERE id = ?`, teamID)
	if err != nil {
		return directory.Workspace{}, err
	}
	if len(all) == 0 {
		return directory.Workspace{}, directory.ErrNotFound
	}
	return all[0], nil
}

// Workspaces returns all workspaces, ordered by id.
func (s *Store) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	return documents[directory.Workspace](ctx, s, 0, `SELECT document FROM workspaces ORDER BY id`)
}

// PutEmoji replaces a workspace's custom emoji: addresses of images, or
// "alias:" and another name, by name.
func (s *Store) PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error {
	return s.putDocument(ctx, emoji, `INSERT INTO emoji (document, team_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, teamID)
}

// Emoji returns a workspace's custom emoji, none if there are none.
func (s *Store) Emoji(ctx context.Context, teamID string) (map[string]string, error) {
	all, err := documents[map[string]string](ctx, s, 1, `SELECT document FROM emoji WHERE team_id = ?`, teamID)
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
