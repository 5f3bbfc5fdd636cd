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
	// watchMargin is how far before the newest known write a listener begins. Clocks
	// differ, and written_at lies before the commit, so a write can become visible
	// after another one with a later written_at.
	watchMargin = 5 * time.Second
	// maxWatched bounds the results that the client keeps in memory for a listener.
	// After this many writes beyond its first snapshot a new listener takes over.
	maxWatched = 2000
)

// Watch yields users as they are written, removed ones too, from its first use
// until ctx is done. Writes from shortly before may appear too, and some twice. It
// is one snapshot listener, and bills a read for each write.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return watch(ctx, s.users(teamID), s.maxWatched, userOf)
}

func watch[T any](ctx context.Context, c *firestore.CollectionRef, maxWatched int, read func(*firestore.DocumentSnapshot) (T, error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		since := time.Now().Add(-watchMargin)
		for {
			var more bool
			if since, more = listen(ctx, c, since, maxWatched, read, yield); !more {
				return
			}
		}
	}
}

// listen yields the writes that one listener sees. It returns where the next one
// begins, and whether to go on.
func listen[T any](ctx context.Context, c *firestore.CollectionRef, since time.Time, maxWatched int,
	read func(*firestore.DocumentSnapshot) (T, error), yield func([]T, error) bool,
) (next time.Time, more bool) {
	// Inclusive, because another write with the same time may follow.
	snapshots := c.Where("written_at", ">=", since).OrderBy("written_at", firestore.Asc).Snapshots(ctx)
	defer snapshots.Stop()
	next = since
	seen := 0
	for first := true; seen < maxWatched; first = false {
		snapshot, err := snapshots.Next()
		if ctx.Err() != nil {
			return next, false
		}
		if err != nil {
			yield(nil, fmt.Errorf("firestore: %w", err))
			return next, false
		}
		all := []T{}
		for _, change := range snapshot.Changes {
			if change.Kind == firestore.DocumentRemoved { // it expired or was erased
				continue
			}
			one, err := read(change.Doc)
			if err != nil {
				yield(nil, err)
				return next, false
			}
			all = append(all, one)
			// The field that the query uses. A document's update time is later.
			if at, ok := change.Doc.Data()["written_at"].(time.Time); ok && at.Add(-watchMargin).After(next) {
				next = at.Add(-watchMargin)
			}
		}
		// The first snapshot repeats what the listener before this one yielded. It does not count: in
		// busy times it alone exceeds maxWatched, and the next listener would begin with it too.
		if !first {
			seen += len(all)
		}
		if !yield(all, nil) {
			return next, false
		}
	}
	return next, true
}
