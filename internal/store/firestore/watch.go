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
	// watchFrom is how far back a watch begins, for clocks that differ.
	watchFrom = 5 * time.Second
	// watchAtMost bounds what the client keeps of a listener's results: after as
	// many writes another listener takes over.
	watchAtMost = 2000
)

// Watch yields the users that are written, removed ones too, from its first use
// until ctx is done. Some who were written shortly before may come as well. It
// is one snapshot listener, which bills a read for each write that it tells of.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		since := time.Now().Add(-watchFrom)
		for {
			var more bool
			if since, more = s.listen(ctx, teamID, since, yield); !more {
				return
			}
		}
	}
}

// listen yields what one listener tells, and returns when the last was written and whether to go on.
func (s *Store) listen(ctx context.Context, teamID string, since time.Time, yield func([]directory.User, error) bool) (time.Time, bool) {
	// Inclusive: of two writes at one time the second may be yet to come.
	snapshots := s.users(teamID).Where("written_at", ">=", since).OrderBy("written_at", firestore.Asc).Snapshots(ctx)
	defer snapshots.Stop()
	for seen := 0; seen < watchAtMost; {
		snapshot, err := snapshots.Next()
		if ctx.Err() != nil {
			return since, false
		}
		if err != nil {
			yield(nil, fmt.Errorf("firestore: %w", err))
			return since, false
		}
		users := []directory.User{}
		for _, change := range snapshot.Changes {
			if change.Kind == firestore.DocumentRemoved { // its time to live ended
				continue
			}
			u, err := decode(change.Doc)
			if err != nil {
				yield(nil, err)
				return since, false
			}
			users = append(users, u)
			if change.Doc.UpdateTime.After(since) {
				since = change.Doc.UpdateTime
			}
		}
		seen += len(users)
		if !yield(users, nil) {
			return since, false
		}
	}
	return since, true
}
