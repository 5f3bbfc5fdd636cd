package sqlite

import (
	"context"
	"database/sql"
)

// PurgeWorkspace deletes a workspace and everything below it, in one transaction, and returns how
// many documents there were. progress is called once.
func (s *Store) PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error) {
	err = s.inTransaction(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"by_name", "by_change", "by_updated"} { // lists, which are no documents
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE team_id = ?`, teamID); err != nil {
				return err
			}
		}
		for table, key := range map[string]string{"users": "team_id", "changes": "team_id", "emoji": "team_id", "team_profiles": "team_id",
			"syncs": "team_id", "sync_pages": "team_id", "leases": "team_id", "workspaces": "id"} {
			result, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE `+key+` = ?`, teamID)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, s.explain(err)
	}
	progress(deleted)
	return deleted, nil
}
