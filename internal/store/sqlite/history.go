package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
	"time"

	"rollcall/internal/directory"
)

// putRecord writes a record with a time after that of every other: now, or its own time if it has one, as in
// the invented past of local mode. There is one writer, so records become visible in the order of their times,
// and the feed needs no horizon.
func (s *Store) putRecord(ctx context.Context, tx *sql.Tx, r directory.Record) (directory.Record, error) {
	now := time.Now()
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT ifnull(max(written_at), 0) FROM changes WHERE team_id = ?`, r.TeamID).Scan(&last); err != nil {
		return r, err
	}
	written := r.WrittenAt
	if written.IsZero() {
		written = now
	}
	r.WrittenAt = time.UnixMicro(max(written.UnixMicro(), last+1)).UTC()
	// As Firestore's TTL does.
	if _, err := tx.ExecContext(ctx, `DELETE FROM changes WHERE expire_at < ?`, now.UnixMicro()); err != nil {
		return r, err
	}
	document, err := encode(r)
	if err != nil {
		return r, err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO changes (team_id, id, user_id, type, written_at, expire_at, document) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		r.TeamID, r.ID, r.UserID, string(r.Type), r.WrittenAt.UnixMicro(), r.ExpireAt.UnixMicro(), document)
	return r, err
}

// Record returns a record of history, or [directory.ErrNotFound].
func (s *Store) Record(ctx context.Context, teamID, id string) (directory.Record, error) {
	all, err := documents[directory.Record](ctx, s, 1, `SELECT document FROM changes WHERE team_id = ? AND id = ?`, teamID, id)
	if err != nil {
		return directory.Record{}, err
	}
	if len(all) == 0 {
		return directory.Record{}, directory.ErrNotFound
	}
	return all[0], nil
}

// EraseRecords deletes the history of a user, except that the user was forgotten.
func (s *Store) EraseRecords(ctx context.Context, teamID, userID string) error {
	_, err := s.exec(ctx, `DELETE FROM changes WHERE team_id = ? AND user_id = ? AND type != ?`, teamID, userID, string(directory.UserForgotten))
	return err
}

// selected returns FROM and WHERE of a query for the records that match f.
func selected(teamID string, f directory.RecordFilter) (text string, args []any) {
	text, args = " FROM changes WHERE team_id = ?", []any{teamID}
	if len(f.Types) > 0 {
		text += " AND type IN (?" + strings.Repeat(", ?", len(f.Types)-1) + ")"
		for _, t := range f.Types {
			args = append(args, string(t))
		}
	}
	if f.UserID != "" {
		text, args = text+" AND user_id = ?", append(args, f.UserID)
	}
	if !f.Oldest.IsZero() {
		text, args = text+" AND written_at >= ?", append(args, f.Oldest.UnixMicro())
	}
	if !f.Latest.IsZero() {
		text, args = text+" AND written_at < ?", append(args, f.Latest.UnixMicro())
	}
	return text, args
}

func (s *Store) records(ctx context.Context, teamID string, f directory.RecordFilter, from *directory.RecordCursor, newestFirst bool, limit int) ([]directory.Record, error) {
	text, args := selected(teamID, f)
	beyond, direction := ">", "ASC"
	if newestFirst {
		beyond, direction = "<", "DESC"
	}
	if from != nil {
		text += fmt.Sprintf(" AND (written_at, id) %s (?, ?)", beyond)
		args = append(args, from.WrittenAt.UnixMicro(), from.ID)
	}
	text = "SELECT document" + text + fmt.Sprintf(" ORDER BY written_at %[1]s, id %[1]s LIMIT ?", direction)
	return documents[directory.Record](ctx, s, limit, text, append(args, limit)...)
}

// Records returns a page of the history, the newest record first.
func (s *Store) Records(ctx context.Context, teamID string, req directory.RecordPageRequest) (directory.RecordPage, error) {
	from := req.After
	if req.Before != nil {
		from = req.Before
	}
	rows, err := s.records(ctx, teamID, req.Filter, from, req.Before == nil, req.Limit+1)
	return directory.NewRecordPage(req, rows), err
}

// CountRecords returns how many records match the filter.
func (s *Store) CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (n int, err error) {
	text, args := selected(teamID, f)
	err = s.queryRow(ctx, []any{&n}, "SELECT count(*)"+text, args...)
	return n, err
}

// Feed returns the records after a cursor, the oldest first.
func (s *Store) Feed(ctx context.Context, teamID string, req directory.FeedRequest) (directory.Feed, error) {
	rows, err := s.records(ctx, teamID, req.Filter, &req.After, false, req.Limit+1)
	if err != nil {
		return directory.Feed{}, err
	}
	return directory.NewFeed(req, rows, noHorizon), nil
}

var noHorizon = time.UnixMicro(1<<63 - 1)

// WatchRecords yields records as they are written, from its first use until ctx is done.
func (s *Store) WatchRecords(ctx context.Context, teamID string) iter.Seq2[[]directory.Record, error] {
	return watch(ctx, &s.recordWatchers, teamID, func(a, b directory.Record) int { return a.WrittenAt.Compare(b.WrittenAt) })
}
