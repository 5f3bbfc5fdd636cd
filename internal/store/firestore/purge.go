package firestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/iterator"

	"rollcall/internal/directory"
)

// maxPurged is how many documents are read, and then deleted, at a time.
const maxPurged = 500

// leaves are collections whose documents have nothing below them. For all others it
// takes a call for each document to find out.
var leaves = []string{"users", "changes", "emoji", "leases", "pages"}

// PurgeWorkspace deletes a workspace and every document below it, in bounded
// batches, and returns how many there were. The workspace goes last, so that after an
// interruption another call can continue. progress is called after each batch. It bills
// a read and a delete for each document.
func (s *Store) PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error) {
	p := purge{s, 0, progress}
	if err := p.below(ctx, s.workspace(teamID)); err != nil {
		return p.deleted, err
	}
	_, err = s.Workspace(ctx, teamID)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return p.deleted, nil
	case err != nil:
		return p.deleted, err
	}
	err = p.delete(ctx, []*firestore.DocumentRef{s.workspace(teamID)})
	return p.deleted, err
}

type purge struct {
	store    *Store
	deleted  int
	progress func(deleted int)
}

// below deletes all that is below a document.
func (p *purge) below(ctx context.Context, doc *firestore.DocumentRef) error {
	collections, err := doc.Collections(ctx).GetAll()
	if err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	for _, c := range collections {
		if err := p.collection(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (p *purge) collection(ctx context.Context, c *firestore.CollectionRef) error {
	for {
		refs, err := firstRefs(ctx, c, maxPurged)
		if err != nil || len(refs) == 0 {
			return err
		}
		for _, ref := range refs {
			if slices.Contains(leaves, c.ID) {
				break
			}
			if err := p.below(ctx, ref); err != nil {
				return err
			}
		}
		if err := p.delete(ctx, refs); err != nil {
			return err
		}
	}
}

// firstRefs returns the first documents of a collection, including missing ones that have others below them.
func firstRefs(ctx context.Context, c *firestore.CollectionRef, limit int) (refs []*firestore.DocumentRef, err error) {
	all := c.DocumentRefs(ctx)
	all.PageInfo().MaxSize = limit
	for len(refs) < limit {
		ref, err := all.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("firestore: %w", err)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func (p *purge) delete(ctx context.Context, refs []*firestore.DocumentRef) error {
	if err := p.store.deleteAll(ctx, refs); err != nil {
		return err
	}
	p.deleted += len(refs)
	p.progress(p.deleted)
	return nil
}

// deleteAll deletes documents in batches.
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
