package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"rollcall/internal/directory"
)

// row is a user as the tables have it.
type row struct {
	document    string // without parts
	parts       string
	sortName    string
	version     int64
	updated     int64
	fingerprint int64
	expireAt    sql.NullInt64
	profile     sql.NullInt64 // profile_order
	email       sql.NullString
	lists       []string // sorted; none if removed
}

func rowOf(u directory.User) (row, error) {
	parts, err := encode(u.Parts)
	if err != nil {
		return row{}, err
	}
	u.Parts = directory.Parts{}
	document, err := encode(u)
	if err != nil {
		return row{}, err
	}
	r := row{document: document, parts: parts, sortName: u.SortName, version: int64(u.Version), updated: u.Updated, fingerprint: u.Fingerprint,
		profile: sql.NullInt64{Int64: u.ProfileOrder, Valid: u.ProfileOrder != 0}}
	if key := directory.EmailKey(u.Email); key != "" && !u.Removed {
		r.email = sql.NullString{String: key, Valid: true}
	}
	if u.Removed {
		r.expireAt = sql.NullInt64{Int64: u.ExpireAt.UnixMicro(), Valid: true}
	} else {
		r.lists = listsOf(u)
	}
	return r, nil
}

// statements are those of [Store.PutUser].
type statements struct {
	find, store                    *sql.Stmt
	leaveByName, enterByName       *sql.Stmt
	leaveByChange, enterByChange   *sql.Stmt
	leaveByUpdated, enterByUpdated *sql.Stmt
}

func (p *statements) prepare(ctx context.Context, db *sql.DB) error {
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&p.find, `SELECT revision, document FROM users WHERE team_id = ? AND id = ?`},
		{&p.store, `INSERT INTO users (team_id, id, revision, version, fingerprint, written, expire_at, profile_order, email_key, document, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET revision = excluded.revision, version = excluded.version, fingerprint = excluded.fingerprint,
			written = excluded.written, expire_at = excluded.expire_at, profile_order = excluded.profile_order, email_key = excluded.email_key, document = excluded.document, parts = excluded.parts`},
		{&p.leaveByName, `DELETE FROM by_name WHERE team_id = ? AND sort_name = ? AND id = ? AND list IN (SELECT value FROM json_each(?))`},
		{&p.enterByName, `INSERT INTO by_name (team_id, sort_name, id, list) SELECT ?, ?, ?, value FROM json_each(?)`},
		{&p.leaveByChange, `DELETE FROM by_change WHERE team_id = ? AND version = ? AND id = ? AND list IN (SELECT value FROM json_each(?))`},
		{&p.enterByChange, `INSERT INTO by_change (team_id, version, id, list) SELECT ?, ?, ?, value FROM json_each(?)`},
		{&p.leaveByUpdated, `DELETE FROM by_updated WHERE team_id = ? AND updated = ? AND id = ? AND list IN (SELECT value FROM json_each(?))`},
		{&p.enterByUpdated, `INSERT INTO by_updated (team_id, updated, id, list) SELECT ?, ?, ?, value FROM json_each(?)`},
	} {
		var err error
		if *s.to, err = db.PrepareContext(ctx, s.text); err != nil {
			return err
		}
	}
	return nil
}

// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
func (s *Store) User(ctx context.Context, teamID, userID string) (u directory.User, revision directory.Revision, err error) {
	var document, parts []byte
	err = s.queryRow(ctx, []any{&revision, &document, &parts}, `SELECT revision, document, parts FROM users WHERE team_id = ? AND id = ?`, teamID, userID)
	if err != nil {
		return u, 0, err
	}
	if document == nil {
		return u, 0, directory.ErrNotFound
	}
	u, err = s.user(document, parts)
	return u, revision, err
}

// user decodes a user with their parts.
func (s *Store) user(document, parts []byte) (directory.User, error) {
	u, err := decode[directory.User](s, document)
	if err == nil {
		u.Parts, err = decode[directory.Parts](s, parts)
	}
	return u, err
}

// users reads whole users. The query has the columns document and parts.
func (s *Store) users(ctx context.Context, text string, args ...any) (all []directory.User, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var document, parts []byte
		if err := rows.Scan(&document, &parts); err != nil {
			return err
		}
		u, err := s.user(document, parts)
		all = append(all, u)
		return err
	}, text, args...)
	return all, err
}

// write is one call of [Store.PutUser].
type write struct {
	user     directory.User
	record   *directory.Record // of history; nil for none
	next     row
	expected directory.Revision
	done     chan struct{}
	err      error
}

// queue gathers writes that arrive during a transaction, for the next one: together
// they write most pages of the lists only once.
type queue struct {
	turn    chan struct{} // holds one
	mu      sync.Mutex
	waiting []*write
}

// PutUser writes u if the stored revision is still the expected one (zero: none
// stored), and fails with [directory.ErrConflict] otherwise. A record (nil for none)
// is written with it, both or neither.
func (s *Store) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	next, err := rowOf(u)
	if err != nil {
		return err
	}
	w := &write{user: u, record: record, next: next, expected: expected, done: make(chan struct{})}
	s.queue.mu.Lock()
	s.queue.waiting = append(s.queue.waiting, w)
	s.queue.mu.Unlock()
	select {
	case <-w.done: // somebody else wrote it
	case s.queue.turn <- struct{}{}:
		s.queue.mu.Lock()
		all := s.queue.waiting
		s.queue.waiting = nil
		s.queue.mu.Unlock()
		s.writeAll(context.WithoutCancel(ctx), all) // also others' writes
		<-s.queue.turn
		<-w.done // by now, or before it was our turn
	}
	if w.err != nil {
		return w.err
	}
	s.userWatchers.tell(u.TeamID, u.ID, u, func(newest directory.User) bool { return newest.Version <= u.Version })
	if r := w.record; r != nil {
		s.recordWatchers.tell(r.TeamID, r.ID, *r, func(directory.Record) bool { return true })
	}
	return nil
}

// writeAll writes them in one transaction. A conflict fails one of them, any other error all.
func (s *Store) writeAll(ctx context.Context, all []*write) {
	if len(all) == 0 {
		return
	}
	err := s.inTransaction(ctx, func(tx *sql.Tx) error {
		for _, w := range all {
			before, err := s.expect(ctx, tx, w)
			if w.err = err; errors.Is(err, directory.ErrConflict) {
				continue
			}
			if err == nil {
				err = s.replace(ctx, tx, w, before)
			}
			if err == nil && w.record != nil {
				var written directory.Record
				written, err = s.putRecord(ctx, tx, *w.record)
				w.record = &written
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, w := range all {
		if err != nil {
			w.err = s.explain(err)
		}
		close(w.done)
	}
}

func (s *Store) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing after a commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// expect returns the row that w replaces, or fails with [directory.ErrConflict].
func (s *Store) expect(ctx context.Context, tx *sql.Tx, w *write) (before row, err error) {
	var (
		revision directory.Revision
		document []byte
	)
	err = tx.StmtContext(ctx, s.put.find).QueryRowContext(ctx, w.user.TeamID, w.user.ID).Scan(&revision, &document)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return before, err
	}
	if revision != w.expected {
		return before, directory.ErrConflict
	}
	if revision == 0 {
		return before, nil
	}
	old, err := decode[directory.User](s, document)
	if err != nil {
		return before, err
	}
	return rowOf(old)
}

func (s *Store) replace(ctx context.Context, tx *sql.Tx, w *write, before row) error {
	teamID, id, next := w.user.TeamID, w.user.ID, w.next
	sameName, sameVersion, sameUpdated := before.sortName == next.sortName, before.version == next.version, before.updated == next.updated
	for _, step := range []struct {
		statement *sql.Stmt
		place     any
		lists     []string
	}{
		{s.put.leaveByName, before.sortName, without(before.lists, next.lists, sameName)},
		{s.put.enterByName, next.sortName, without(next.lists, before.lists, sameName)},
		{s.put.leaveByChange, before.version, without(before.lists, next.lists, sameVersion)},
		{s.put.enterByChange, next.version, without(next.lists, before.lists, sameVersion)},
		{s.put.leaveByUpdated, before.updated, without(before.lists, next.lists, sameUpdated)},
		{s.put.enterByUpdated, next.updated, without(next.lists, before.lists, sameUpdated)},
	} {
		if len(step.lists) == 0 {
			continue
		}
		lists, err := encode(step.lists)
		if err != nil {
			return err
		}
		if _, err := tx.StmtContext(ctx, step.statement).ExecContext(ctx, teamID, step.place, id, lists); err != nil {
			return err
		}
	}
	_, err := tx.StmtContext(ctx, s.put.store).ExecContext(ctx, teamID, id, w.expected+1,
		next.version, next.fingerprint, time.Now().UnixMicro(), next.expireAt, next.profile, next.email, next.document, next.parts)
	return err
}

// without returns the lists that are not among the others. If the user's place differs, it returns all.
func without(lists, others []string, samePlace bool) []string {
	if !samePlace {
		return lists
	}
	return slices.DeleteFunc(slices.Clone(lists), func(list string) bool {
		_, found := slices.BinarySearch(others, list)
		return found
	})
}
