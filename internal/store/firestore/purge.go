package firestore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/iterator"
	"google.golang.org/protobuf/proto"

	"rollcall/internal/directory"
)

// maxPurged is how many documents are read, and then deleted, at a time.
const maxPurged = 500

// PurgeWorkspace deletes a workspace and every document below it, in bounded
// batches, and returns how many there were. Broken off it has deleted some of
// them, and the workspace last: calling it again goes on. progress is told after
// each batch. It bills a read and a delete for each document.
func (s *Store) PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error) {
	below, err := s.below(s.workspace(teamID))
	if err != nil {
		return 0, err
	}
	for {
		snapshots, err := below.Limit(maxPurged).Documents(ctx).GetAll()
		if err != nil {
			return deleted, fmt.Errorf("firestore: %w", err)
		}
		refs := make([]*firestore.DocumentRef, len(snapshots))
		for i, snapshot := range snapshots {
			refs[i] = snapshot.Ref
		}
		if len(refs) == 0 {
			break
		}
		if err := s.deleteAll(ctx, refs); err != nil {
			return deleted, err
		}
		deleted += len(refs)
		progress(deleted)
	}
	_, err = s.Workspace(ctx, teamID)
	if errors.Is(err, directory.ErrNotFound) {
		return deleted, nil
	} else if err != nil {
		return deleted, err
	}
	if _, err := s.workspace(teamID).Delete(ctx); err != nil {
		return deleted, fmt.Errorf("firestore: %w", err)
	}
	return deleted + 1, nil
}

// below returns the names of all documents below one, whatever collections they are
// in. The client has no method for such a query, which Google's Node.js client makes for
// its recursiveDelete: no kind, all descendants.
func (s *Store) below(doc *firestore.DocumentRef) (firestore.Query, error) {
	request, err := proto.Marshal(&firestorepb.RunQueryRequest{
		Parent: doc.Path,
		QueryType: &firestorepb.RunQueryRequest_StructuredQuery{StructuredQuery: &firestorepb.StructuredQuery{
			From:   []*firestorepb.StructuredQuery_CollectionSelector{{AllDescendants: true}},
			Select: &firestorepb.StructuredQuery_Projection{Fields: []*firestorepb.StructuredQuery_FieldReference{{FieldPath: firestore.DocumentID}}},
		}},
	})
	if err != nil {
		return firestore.Query{}, fmt.Errorf("encode query: %w", err)
	}
	q, err := doc.Collection("users").Deserialize(request)
	if err != nil {
		return firestore.Query{}, fmt.Errorf("firestore: %w", err)
	}
	return q, nil
}

// deleteAll deletes documents, as many at once as Firestore likes.
func (s *Store) deleteAll(ctx context.Context, refs []*firestore.DocumentRef) error {
	writer := s.client.BulkWriter(ctx)
	var jobs []*firestore.BulkWriterJob
	for _, ref := range refs {
		job, err := writer.Delete(ref)
		if err != nil {
			return fmt.Errorf("firestore: %w", err)
		}
		jobs = append(jobs, job)
	}
	writer.End()
	for _, job := range jobs {
		if _, err := job.Results(); err != nil {
			return fmt.Errorf("firestore: %w", err)
		}
	}
	return nil
}

// Forgotten yields the ids of all who are forgotten, removed or not. It bills a read for each.
func (s *Store) Forgotten(ctx context.Context, teamID string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		documents := s.users(teamID).Where("kind", "==", string(directory.Forgotten)).Select().Documents(ctx)
		defer documents.Stop()
		for {
			snapshot, err := documents.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield("", fmt.Errorf("firestore: %w", err))
				return
			}
			if !yield(snapshot.Ref.ID, nil) {
				return
			}
		}
	}
}
