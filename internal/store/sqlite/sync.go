package sqlite

import (
	"context"
	"time"

	"rollcall/internal/syncs"
)

// PutSync writes sync.
func (s *Store) PutSync(ctx context.Context, record syncs.Sync) error {
	return s.putDocument(ctx, record, `INSERT INTO syncs (document, team_id, id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`,
		record.TeamID, record.ID)
}

// Syncs returns the newest full syncs of a workspace, the newest first.
func (s *Store) Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	return documents[syncs.Sync](ctx, s, limit, `SELECT document FROM syncs WHERE team_id = ? ORDER BY id DESC LIMIT ?`, teamID, limit)
}

// PutSyncPage writes a checkpoint.
func (s *Store) PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error {
	return s.putDocument(ctx, p, `INSERT INTO sync_pages (document, team_id, sync_id, number) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`,
		teamID, syncID, p.Number)
}

// SyncPages returns the checkpoints of a full sync in the order of their numbers.
func (s *Store) SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error) {
	return documents[syncs.Page](ctx, s, 0, `SELECT document FROM sync_pages WHERE team_id = ? AND sync_id = ? ORDER BY number`, teamID, syncID)
}

// DeleteSyncPages deletes the checkpoints of a full sync.
func (s *Store) DeleteSyncPages(ctx context.Context, teamID, syncID string) error {
	_, err := s.exec(ctx, `DELETE FROM sync_pages WHERE team_id = ? AND sync_id = ?`, teamID, syncID)
	return err
}

// Lease gives the workspace's full sync to holder until a time, or fails with
// [syncs.ErrLeased] while somebody else has it. A holder extends its own.
func (s *Store) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	changed, err := s.exec(ctx, `INSERT INTO leases (team_id, holder, expires) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET holder = excluded.holder, expires = excluded.expires WHERE holder = excluded.holder OR expires <= ?`,
		teamID, holder, until.UnixMicro(), time.Now().UnixMicro())
	if err == nil && changed == 0 {
		return syncs.ErrLeased
	}
	return err
}

// LeasedUntil returns when the lease ends or has ended; the zero time if there is none.
func (s *Store) LeasedUntil(ctx context.Context, teamID string) (until time.Time, err error) {
	var expires int64
	err = s.queryRow(ctx, []any{&expires}, `SELECT expires FROM leases WHERE team_id = ?`, teamID)
	if err != nil || expires == 0 {
		return time.Time{}, err
	}
	return time.UnixMicro(expires).UTC(), nil
}

// Release ends holder's lease, if it still has it.
func (s *Store) Release(ctx context.Context, teamID, holder string) error {
	_, err := s.exec(ctx, `DELETE FROM leases WHERE team_id = ? AND holder = ?`, teamID, holder)
	return err
}
