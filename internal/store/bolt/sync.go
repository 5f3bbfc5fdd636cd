package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// Further buckets of a workspace: what full syncs compare, and their own records.
var (
	byFingerprintKey = []byte("by_fingerprint")
	syncsKey         = []byte("syncs")
	pagesKey         = []byte("sync_pages") // a bucket for each sync
	leaseKey         = []byte("lease")
)

// fingerprintKey orders by fingerprint and then by id.
func fingerprintKey(fp int64, id string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(fp+directory.FingerprintLimit)), id...)
}

// index keeps u among the fingerprints instead of old.
func index(b *bolt.Bucket, old, u directory.User) error {
	if old.Fingerprint != 0 {
		if err := b.Delete(fingerprintKey(old.Fingerprint, old.ID)); err != nil {
			return err
		}
	}
	if u.Fingerprint == 0 {
		return nil // removed
	}
	value, err := encode(directory.StoredOf(u, time.Now()))
	if err != nil {
		return err
	}
	return b.Put(fingerprintKey(u.Fingerprint, u.ID), value)
}

// inRange calls visit for all in the range.
func (s *Store) inRange(ctx context.Context, teamID string, r directory.FingerprintRange, visit func(fp int64, value []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(func(tx *bolt.Tx) error {
		b := bucket(tx, teamID, byFingerprintKey)
		if b == nil {
			return nil
		}
		end := fingerprintKey(r.To, "")
		c := b.Cursor()
		for key, value := c.Seek(fingerprintKey(r.From, "")); key != nil && bytes.Compare(key, end) < 0; key, value = c.Next() {
			if err := visit(int64(binary.BigEndian.Uint64(key))-directory.FingerprintLimit, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// SumFingerprints returns how many fingerprints the range holds and their exact sum.
func (s *Store) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	err = s.inRange(ctx, teamID, r, func(fp int64, _ []byte) error {
		count++
		sum += fp
		return nil
	})
	return count, sum, err
}

// Fingerprints returns all who are in the range.
func (s *Store) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (all []directory.Stored, err error) {
	err = s.inRange(ctx, teamID, r, func(_ int64, value []byte) error {
		all = append(all, directory.Stored{})
		return json.Unmarshal(value, &all[len(all)-1])
	})
	return all, err
}

// update changes one of a workspace's buckets.
func (s *Store) update(ctx context.Context, teamID string, key []byte, change func(*bolt.Bucket) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		w, err := createWorkspace(tx, teamID)
		if err != nil {
			return err
		}
		return change(w.Bucket(key))
	})
}

func put(b *bolt.Bucket, key string, v any) error {
	value, err := encode(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), value)
}

// PutSync writes sync.
func (s *Store) PutSync(ctx context.Context, sync syncs.Sync) error {
	return s.update(ctx, sync.TeamID, syncsKey, func(b *bolt.Bucket) error { return put(b, sync.ID, sync) })
}

// Syncs returns the newest full syncs of a workspace, the newest first.
func (s *Store) Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []syncs.Sync
	err := s.db.View(func(tx *bolt.Tx) error {
		b := bucket(tx, teamID, syncsKey)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for key, value := c.Last(); key != nil && len(all) < limit; key, value = c.Prev() {
			all = append(all, syncs.Sync{})
			if err := json.Unmarshal(value, &all[len(all)-1]); err != nil {
				return fmt.Errorf("sync %s: %w", key, err)
			}
		}
		return nil
	})
	return all, err
}

// PutSyncPage writes a checkpoint.
func (s *Store) PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error {
	return s.update(ctx, teamID, pagesKey, func(b *bolt.Bucket) error {
		pages, err := b.CreateBucketIfNotExists([]byte(syncID))
		if err != nil {
			return err
		}
		return put(pages, fmt.Sprintf("%06d", p.Number), p)
	})
}

// SyncPages returns the checkpoints of a full sync in the order of their numbers.
func (s *Store) SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []syncs.Page
	err := s.db.View(func(tx *bolt.Tx) error {
		b := bucket(tx, teamID, pagesKey)
		if b == nil {
			return nil
		}
		if b = b.Bucket([]byte(syncID)); b == nil {
			return nil
		}
		return b.ForEach(func(_, value []byte) error {
			all = append(all, syncs.Page{})
			return json.Unmarshal(value, &all[len(all)-1])
		})
	})
	return all, err
}

// DeleteSyncPages deletes the checkpoints of a full sync.
func (s *Store) DeleteSyncPages(ctx context.Context, teamID, syncID string) error {
	return s.update(ctx, teamID, pagesKey, func(b *bolt.Bucket) error {
		if b.Bucket([]byte(syncID)) == nil {
			return nil
		}
		return b.DeleteBucket([]byte(syncID))
	})
}

type lease struct {
	Holder  string    `json:"holder"`
	Expires time.Time `json:"expires"`
}

// Lease gives the workspace's full sync to holder until a time, or fails with
// [syncs.ErrLeased] while somebody else has it. A holder extends its own.
func (s *Store) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	return s.withLease(ctx, teamID, func(b *bolt.Bucket, l lease) error {
		if l.Holder != "" && l.Holder != holder && l.Expires.After(time.Now()) {
			return syncs.ErrLeased
		}
		return put(b, string(leaseKey), lease{holder, until})
	})
}

// LeasedUntil returns when the lease ends or has ended; the zero time if there is none.
func (s *Store) LeasedUntil(ctx context.Context, teamID string) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	var l lease
	err := s.db.View(func(tx *bolt.Tx) error {
		if b := bucket(tx, teamID, leaseKey); b != nil && b.Get(leaseKey) != nil {
			return json.Unmarshal(b.Get(leaseKey), &l)
		}
		return nil
	})
	return l.Expires, err
}

// Release ends holder's lease, if it still has it.
func (s *Store) Release(ctx context.Context, teamID, holder string) error {
	return s.withLease(ctx, teamID, func(b *bolt.Bucket, l lease) error {
		if l.Holder != holder {
			return nil
		}
		return b.Delete(leaseKey)
	})
}

func (s *Store) withLease(ctx context.Context, teamID string, do func(*bolt.Bucket, lease) error) error {
	return s.update(ctx, teamID, leaseKey, func(b *bolt.Bucket) error {
		var l lease
		if value := b.Get(leaseKey); value != nil {
			if err := json.Unmarshal(value, &l); err != nil {
				return err
			}
		}
		return do(b, l)
	})
}
