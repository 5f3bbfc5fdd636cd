// Package bolt keeps the directory in one file (go.etcd.io/bbolt): the store of local mode.
package bolt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"rollcall/internal/directory"
)

// The file has a bucket for each workspace, and in it the workspace itself
// and more buckets: users by id, and those of the other files here.
var (
	workspaceKey = []byte("workspace")
	usersKey     = []byte("users")
)

// record is a stored user. The revision counts its writes.
type record struct {
	Revision directory.Revision `json:"revision"`
	User     directory.User     `json:"user"`
}

// Store is an open file. It is safe for concurrent use.
type Store struct {
	db        *bolt.DB
	watchers  watchers
	temporary bool
}

// Open opens the file at path, which it creates if need be. Only one process
// can have a file open. Removed users whose time has come are swept.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is open in another process", path)
	} else if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// Writers that come together share one sync of the file; one that comes alone hardly waits.
	db.MaxBatchDelay = 2 * time.Millisecond
	s := &Store{db: db}
	if err := s.prepare(time.Now()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// OpenTemporary opens a store that leaves nothing behind.
func OpenTemporary() (*Store, error) {
	dir, err := os.MkdirTemp("", "rollcall-")
	if err != nil {
		return nil, err
	}
	s, err := Open(filepath.Join(dir, "rollcall.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.temporary, s.db.NoSync = true, true
	return s, nil
}

// Close waits for what is under way and closes the file.
func (s *Store) Close() error {
	path := s.db.Path()
	err := s.db.Close()
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(path)))
	}
	return err
}

// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
func (s *Store) User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error) {
	if err := ctx.Err(); err != nil {
		return directory.User{}, 0, err
	}
	var r record
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		r, err = read(bucket(tx, teamID, usersKey), userID)
		return err
	})
	return r.User, r.Revision, err
}

// PutUser writes u if the stored revision is still the expected one (zero: none
// stored), and fails with [directory.ErrConflict] otherwise.
func (s *Store) PutUser(ctx context.Context, u directory.User, expected directory.Revision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.db.Batch(func(tx *bolt.Tx) error {
		b, err := createWorkspace(tx, u.TeamID)
		if err != nil {
			return err
		}
		users := b.Bucket(usersKey)
		old, err := read(users, u.ID)
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return err
		}
		if old.Revision != expected {
			return directory.ErrConflict
		}
		value, err := encode(record{expected + 1, u})
		if err != nil {
			return err
		}
		return errors.Join(
			relist(b.Bucket(listsKey), old.User, u),
			index(b.Bucket(byFingerprintKey), old.User, u),
			users.Put([]byte(u.ID), value))
	})
	if err == nil {
		s.watchers.tell(u)
	}
	return err
}

// PutWorkspace merges w into what is stored: what w leaves empty stays, and times
// only grow. A w with a name is a whole description, and may take the icon away.
func (s *Store) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		b, err := createWorkspace(tx, w.ID)
		if err != nil {
			return err
		}
		var old directory.Workspace
		if value := b.Get(workspaceKey); value != nil {
			if err := json.Unmarshal(value, &old); err != nil {
				return err
			}
		}
		if w.Name == "" {
			w.Name, w.URL, w.Icon = old.Name, old.URL, old.Icon
		}
		w.Token = cmp.Or(w.Token, old.Token)
		w.Hidden = w.Hidden || old.Hidden
		w.ConnectedAt, w.DisconnectedAt = max(w.ConnectedAt, old.ConnectedAt), max(w.DisconnectedAt, old.DisconnectedAt)
		value, err := json.Marshal(w)
		if err != nil {
			return err
		}
		return b.Put(workspaceKey, value)
	})
}

// Workspace returns a workspace that was put, or [directory.ErrNotFound].
func (s *Store) Workspace(ctx context.Context, teamID string) (directory.Workspace, error) {
	all, err := s.Workspaces(ctx)
	for _, w := range all {
		if w.ID == teamID {
			return w, nil
		}
	}
	return directory.Workspace{}, cmp.Or(err, directory.ErrNotFound)
}

// Workspaces returns all workspaces that were put, by id.
func (s *Store) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []directory.Workspace
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(id []byte, b *bolt.Bucket) error {
			var w directory.Workspace
			value := b.Get(workspaceKey)
			if value == nil {
				return nil
			}
			if err := json.Unmarshal(value, &w); err != nil {
				return fmt.Errorf("workspace %s: %w", id, err)
			}
			all = append(all, w)
			return nil
		})
	})
	return all, err
}

// prepare deletes removed users whose expire_at has passed, as Firestore's TTL
// does, and brings the lists up to date.
func (s *Store) prepare(now time.Time) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return errors.Join(sweep(b.Bucket(usersKey), now), makeLists(b))
		})
	})
}

func sweep(users *bolt.Bucket, now time.Time) error {
	var expired [][]byte
	err := users.ForEach(func(id, _ []byte) error {
		r, err := read(users, string(id))
		if err == nil && r.User.Removed && r.User.ExpireAt.Before(now) {
			expired = append(expired, bytes.Clone(id))
		}
		return err
	})
	for _, id := range expired {
		err = errors.Join(err, users.Delete(id)) // lists have no removed users
	}
	return err
}

func createWorkspace(tx *bolt.Tx, teamID string) (*bolt.Bucket, error) {
	if b := tx.Bucket([]byte(teamID)); b != nil && b.Bucket(emojiKey) != nil {
		return b, nil // the last of all
	}
	b, err := tx.CreateBucketIfNotExists([]byte(teamID))
	if err != nil {
		return nil, err
	}
	for _, key := range [][]byte{usersKey, byFingerprintKey, syncsKey, pagesKey, leaseKey, emojiKey} {
		if _, err := b.CreateBucketIfNotExists(key); err != nil {
			return nil, err
		}
	}
	return b, makeLists(b)
}

// bucket returns one of a workspace's buckets, nil if there is no such workspace.
func bucket(tx *bolt.Tx, teamID string, key []byte) *bolt.Bucket {
	if b := tx.Bucket([]byte(teamID)); b != nil {
		return b.Bucket(key)
	}
	return nil
}

func read(users *bolt.Bucket, id string) (r record, err error) {
	if users == nil {
		return r, directory.ErrNotFound
	}
	value := users.Get([]byte(id))
	if value == nil {
		return r, directory.ErrNotFound
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("user %s: %w", id, err)
	}
	return r, nil
}

// encode writes JSON that leaves Slack's object as it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
