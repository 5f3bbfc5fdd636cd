package firestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

func (s *Store) inRange(teamID string, r directory.FingerprintRange) firestore.Query {
	return s.users(teamID).Where("fingerprint", ">=", r.From).Where("fingerprint", "<", r.To)
}

// SumFingerprints returns the count and the exact sum of the fingerprints in the
// range. It bills one read per 1,000 of them, at least one (Firestore's page
// "Summarize data with aggregation queries").
func (s *Store) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	q := s.inRange(teamID, r)
	result, err := q.NewAggregationQuery().WithCount("count").WithSum("fingerprint", "sum").Get(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("firestore: %w", err)
	}
	values := [2]int64{}
	for i, alias := range []string{"count", "sum"} {
		v, ok := result[alias].(*firestorepb.Value)
		if !ok {
			return 0, 0, fmt.Errorf("firestore: no %s in the answer", alias)
		}
		// A sum beyond 64 bits is returned as a float, which is not exact.
		if _, ok := v.GetValueType().(*firestorepb.Value_IntegerValue); !ok {
			return 0, 0, fmt.Errorf("firestore: the %s of fingerprints is not an integer", alias)
		}
		values[i] = v.GetIntegerValue()
	}
	return values[0], values[1], nil
}

// comparedFields are what [directory.StoredOf] needs.
var comparedFields = []string{
	"fingerprint", "kind", "version", "source", "slack_version", "updated",
	"parts.told.version", "parts.told.updated", "parts.listed.version", "parts.listed.updated", "parts.listed.in_list",
}

// Fingerprints returns the users in the range. It bills a read for each, at least one.
func (s *Store) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error) {
	snapshots, err := s.inRange(teamID, r).Select(comparedFields...).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	all := make([]directory.Stored, len(snapshots))
	for i, snapshot := range snapshots {
		u, err := userOf(snapshot)
		if err != nil {
			return nil, err
		}
		u.ID = snapshot.Ref.ID
		all[i] = directory.StoredOf(u, snapshot.UpdateTime)
	}
	return all, nil
}

func (s *Store) syncs(teamID string) *firestore.CollectionRef {
	return s.workspace(teamID).Collection("syncs")
}

// PutSync writes sync.
func (s *Store) PutSync(ctx context.Context, sync syncs.Sync) error {
	if _, err := s.syncs(sync.TeamID).Doc(sync.ID).Set(ctx, encode(sync)); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// Syncs returns the newest full syncs of a workspace, the newest first.
func (s *Store) Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	snapshots, err := s.syncs(teamID).OrderBy("id", firestore.Desc).Limit(limit).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	all := make([]syncs.Sync, len(snapshots))
	for i, snapshot := range snapshots {
		if err := decode(snapshot.Data(), &all[i]); err != nil {
			return nil, fmt.Errorf("sync %s: %w", snapshot.Ref.ID, err)
		}
	}
	return all, nil
}

func (s *Store) pages(teamID, syncID string) *firestore.CollectionRef {
	return s.syncs(teamID).Doc(syncID).Collection("pages")
}

// PutSyncPage writes a checkpoint.
func (s *Store) PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error {
	if _, err := s.pages(teamID, syncID).Doc(fmt.Sprintf("%06d", p.Number)).Set(ctx, encode(p)); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// SyncPages returns the checkpoints of a full sync in the order of their numbers.
func (s *Store) SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error) {
	snapshots, err := s.pages(teamID, syncID).OrderBy("number", firestore.Asc).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	all := make([]syncs.Page, len(snapshots))
	for i, snapshot := range snapshots {
		if err := decode(snapshot.Data(), &all[i]); err != nil {
			return nil, fmt.Errorf("page %s of sync %s: %w", snapshot.Ref.ID, syncID, err)
		}
	}
	return all, nil
}

// DeleteSyncPages deletes the checkpoints of a full sync.
func (s *Store) DeleteSyncPages(ctx context.Context, teamID, syncID string) error {
	refs, err := s.pages(teamID, syncID).DocumentRefs(ctx).GetAll()
	if err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return s.deleteAll(ctx, refs)
}

type lease struct {
	Holder  string    `firestore:"holder"`
	Expires time.Time `firestore:"expires"`
}

func (s *Store) lease(teamID string) *firestore.DocumentRef {
	return s.workspace(teamID).Collection("leases").Doc("fullsync")
}

// Lease gives the workspace's full sync to holder until a time, or fails with
// [syncs.ErrLeased] while somebody else has it. A holder extends its own.
func (s *Store) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	err := s.withLease(ctx, teamID, func(tx *firestore.Transaction, ref *firestore.DocumentRef, l lease) error {
		if l.Holder != "" && l.Holder != holder && l.Expires.After(time.Now()) {
			return syncs.ErrLeased
		}
		return tx.Set(ref, lease{holder, until})
	})
	if err != nil && !errors.Is(err, syncs.ErrLeased) {
		return fmt.Errorf("firestore: %w", err)
	}
	return err
}

// LeasedUntil returns when the lease ends or has ended; the zero time if there is none.
func (s *Store) LeasedUntil(ctx context.Context, teamID string) (time.Time, error) {
	snapshot, err := s.lease(teamID).Get(ctx)
	if status.Code(err) == codes.NotFound {
		return time.Time{}, nil
	}
	var l lease
	if err == nil {
		err = snapshot.DataTo(&l)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("firestore: %w", err)
	}
	return l.Expires, nil
}

// Release ends holder's lease, if it still has it.
func (s *Store) Release(ctx context.Context, teamID, holder string) error {
	err := s.withLease(ctx, teamID, func(tx *firestore.Transaction, ref *firestore.DocumentRef, l lease) error {
		if l.Holder != holder {
			return nil
		}
		return tx.Delete(ref)
	})
	if err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

func (s *Store) withLease(ctx context.Context, teamID string, do func(*firestore.Transaction, *firestore.DocumentRef, lease) error) error {
	return s.client.RunTransaction(ctx, func(_ context.Context, tx *firestore.Transaction) error {
		ref := s.lease(teamID)
		var l lease
		snapshot, err := tx.Get(ref)
		switch {
		case status.Code(err) == codes.NotFound:
		case err != nil:
			return err
		default:
			if err := snapshot.DataTo(&l); err != nil {
				return err
			}
		}
		return do(tx, ref, l)
	})
}
