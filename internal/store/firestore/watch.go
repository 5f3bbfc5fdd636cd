package firestore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cloud.google.com/go/firestore"

	"rollcall/internal/directory"
)

const (
	// watchMargin is how far before a known moment a listener begins. Clocks differ, and a
	// write's written_at lies before its commit, so a write may appear after one with a later written_at.
	watchMargin = 5 * time.Second
	// maxWatched bounds what the client keeps of a listener's results: after as
	// many writes another listener takes over.
	maxWatched = 2000
)

// Watch yields the users that are written, removed ones too, from its first use
// until ctx is done. Some who were written shortly before may come as well. It
// is one snapshot listener, which bills a read for each write that it tells of.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		since := time.Now().Add(-watchMargin)
		for {
			var more bool
			if since, more = s.listen(ctx, teamID, since, yield); !more {
				return
			}
		}
	}
}

// listen yields what one listener tells, and returns where the next one begins and whether to go on.
func (s *Store) listen(ctx context.Context, teamID string, since time.Time, yield func([]directory.User, error) bool) (next time.Time, more bool) {
	// Inclusive: of two writes at one time the second may be yet to come.
	snapshots := s.users(teamID).Where("written_at", ">=", since).OrderBy("written_at", firestore.Asc).Snapshots(ctx)
	defer snapshots.Stop()
	next = since
	for seen := 0; seen < s.maxWatched; {
		snapshot, err := snapshots.Next()
		if ctx.Err() != nil {
			return next, false
		}
		if err != nil {
			yield(nil, fmt.Errorf("firestore: %w", err))
			return next, false
		}
		users := []directory.User{}
		for _, change := range snapshot.Changes {
			if change.Kind == firestore.DocumentRemoved { // its time to live ended
				continue
			}
			u, err := userOf(change.Doc)
			if err != nil {
				yield(nil, err)
				return next, false
			}
			users = append(users, u)
			// The query's own clock: a document's update time is later and finer.
			if at, ok := change.Doc.Data()["written_at"].(time.Time); ok && at.Add(-watchMargin).After(next) {
				next = at.Add(-watchMargin)
			}
		}
		seen += len(users)
		if !yield(users, nil) {
			return next, false
		}
	}
	return next, true
}
