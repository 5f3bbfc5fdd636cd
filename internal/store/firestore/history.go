package firestore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
)

const (
	// commitTimeout ends a commit that takes long. The written_at of a record is when
	// Firestore began to work on the commit, so this bounds how late the record becomes
	// visible after that.
	commitTimeout = 10 * time.Second
	// feedHorizon is how far the feed stays behind the present. It is longer than
	// commitTimeout, so that a record never appears behind a reader who has gone past its time.
	feedHorizon = commitTimeout + 5*time.Second
	// maxErased is how many records are read, and then deleted, at a time.
	maxErased = 500
)

func (s *Store) changes(teamID string) *firestore.CollectionRef {
	return s.workspace(teamID).Collection("changes")
}

// Record returns a record of history, or [directory.ErrNotFound]. It bills a read.
func (s *Store) Record(ctx context.Context, teamID, id string) (directory.Record, error) {
	snapshot, err := s.changes(teamID).Doc(id).Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound:
		return directory.Record{}, directory.ErrNotFound
	case err != nil:
		return directory.Record{}, fmt.Errorf("firestore: %w", err)
	}
	return recordOf(snapshot)
}

// EraseRecords deletes the history of a user, except that the user was forgotten. After
// an error part of it is gone; call it again to continue. It bills a read and a delete
// for each record, and a read if there is none.
func (s *Store) EraseRecords(ctx context.Context, teamID, userID string) error {
	others := make([]string, 0, len(directory.RecordTypes))
	for _, t := range directory.RecordTypes {
		if t != directory.UserForgotten {
			others = append(others, string(t))
		}
	}
	// Ordered as the lists are, or it would need an index of its own.
	q := s.changes(teamID).Where("type", "in", others).Where("user_id", "==", userID).
		OrderBy("written_at", firestore.Asc).OrderBy(firestore.DocumentID, firestore.Asc).Limit(maxErased).Select()
	for {
		snapshots, err := q.Documents(ctx).GetAll()
		if err != nil {
			return fmt.Errorf("firestore: %w", err)
		}
		var refs []*firestore.DocumentRef
		for _, snapshot := range snapshots {
			refs = append(refs, snapshot.Ref)
		}
		if err := s.deleteAll(ctx, refs); err != nil {
			return err
		}
		if len(refs) < maxErased {
			return nil
		}
	}
}

// selected returns a query for the records that match f.
func (s *Store) selected(teamID string, f directory.RecordFilter) firestore.Query {
	q := s.changes(teamID).Query
	if len(f.Types) > 0 {
		types := make([]string, len(f.Types))
		for i, t := range f.Types {
			types[i] = string(t)
		}
		q = q.Where("type", "in", types)
	}
	if f.UserID != "" {
		q = q.Where("user_id", "==", f.UserID)
	}
	if !f.Oldest.IsZero() {
		q = q.Where("written_at", ">=", f.Oldest)
	}
	if !f.Latest.IsZero() {
		q = q.Where("written_at", "<", f.Latest)
	}
	return q
}

// records returns the first records beyond a cursor, and the time on Firestore's clock at which they were read.
func records(ctx context.Context, q firestore.Query, from *directory.RecordCursor, direction firestore.Direction, limit int) (all []directory.Record, at time.Time, err error) {
	q = q.OrderBy("written_at", direction).OrderBy(firestore.DocumentID, direction).Limit(limit)
	if from != nil {
		q = q.StartAfter(from.WrittenAt, from.ID)
	}
	snapshots, err := q.Documents(ctx).GetAll()
	if err != nil {
		return nil, at, fmt.Errorf("firestore: %w", err)
	}
	for _, snapshot := range snapshots {
		r, err := recordOf(snapshot)
		if err != nil {
			return nil, at, err
		}
		all, at = append(all, r), snapshot.ReadTime
	}
	return all, at, nil
}

// Records returns a page of the history, the newest record first. It bills a read for
// each record and one more.
func (s *Store) Records(ctx context.Context, teamID string, req directory.RecordPageRequest) (directory.RecordPage, error) {
	from, direction := req.After, firestore.Desc
	if req.Before != nil {
		from, direction = req.Before, firestore.Asc
	}
	rows, _, err := records(ctx, s.selected(teamID, req.Filter), from, direction, req.Limit+1)
	return directory.NewRecordPage(req, rows), err
}

// CountRecords returns how many records match the filter. It bills one read per
// 1,000 of them, at least one.
func (s *Store) CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (int, error) {
	return count(ctx, s.selected(teamID, f).OrderBy("written_at", firestore.Asc))
}

// Feed returns the records after a cursor, the oldest first, that were written more
// than [feedHorizon] before the read by Firestore's clock. It bills a read for each
// record and one more, and for those that are still too young.
func (s *Store) Feed(ctx context.Context, teamID string, req directory.FeedRequest) (directory.Feed, error) {
	var from *directory.RecordCursor
	if req.After != (directory.RecordCursor{}) {
		from = &req.After
	}
	rows, readAt, err := records(ctx, s.selected(teamID, req.Filter), from, firestore.Asc, req.Limit+1)
	if err != nil {
		return directory.Feed{}, err
	}
	return directory.NewFeed(req, rows, readAt.Add(-s.horizon)), nil
}

// WatchRecords yields records as they are written, from its first use until ctx is
// done. Records from shortly before may appear too, and some twice. It is one snapshot
// listener, and bills a read for each record.
func (s *Store) WatchRecords(ctx context.Context, teamID string) iter.Seq2[[]directory.Record, error] {
	return watch(ctx, s.changes(teamID), s.maxWatched, recordOf)
}

func recordOf(snapshot *firestore.DocumentSnapshot) (r directory.Record, err error) {
	if err := decode(snapshot.Data(), &r); err != nil {
		return directory.Record{}, fmt.Errorf("record %s: %w", snapshot.Ref.ID, err)
	}
	r.At, r.WrittenAt, r.ExpireAt = r.At.UTC(), r.WrittenAt.UTC(), r.ExpireAt.UTC()
	return r, nil
}

// recordDocument returns the fields of a record's document.
func (s *Store) recordDocument(r directory.Record) map[string]any {
	d := encode(r)
	d["written_at"] = s.now()
	return d
}
