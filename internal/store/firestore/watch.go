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
	// watchMargin is how far before the newest known write a listener begins. Clocks
	// differ, and written_at lies before the commit, so a write can become visible
	// after another one with a later written_at.
	watchMargin = 5 * time.Second
	// maxWatched bounds the results that the client keeps in memory for a listener.
	// After this many writes a new listener takes over.
	maxWatched = 2000
	// maxListenFailures in a row end a watch. listenInterval is how much longer each makes it wait.
	maxListenFailures = 10
	listenInterval    = 200 * time.Millisecond
)

// Watch yields users as they are written, removed ones too, from its first use
// until ctx is done. Writes from shortly before may appear too, and some twice. It
// is one snapshot listener, and bills a read for each write.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return watch(ctx, s.users(teamID), s.maxWatched, userOf)
}

func watch[T any](ctx context.Context, c *firestore.CollectionRef, maxWatched int, read func(*firestore.DocumentSnapshot) (T, error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		l := listener[T]{since: time.Now().Add(-watchMargin), maxWatched: maxWatched, read: read, yield: yield}
		for {
			err := l.listen(ctx, c)
			switch {
			case l.done || ctx.Err() != nil:
				return
			case err == nil: // a new listener takes over
			case !mayPass(err) || l.failures == maxListenFailures:
				yield(nil, fmt.Errorf("firestore: %w", err))
				return
			default:
				l.failures++
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(l.failures) * listenInterval):
				}
			}
		}
	}
}

// mayPass tells the codes with which Firestore ends a listener that another one can
// take over from; Canceled is Firestore's word, too, while our context lives. The client
// retries a broken stream by itself, but not a listener that Firestore has removed.
func mayPass(err error) bool {
	switch status.Code(err) {
	case codes.Canceled, codes.Unknown, codes.Internal, codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded:
		return true
	}
	return false
}

// listener is a watch's place between one snapshot listener and the next.
type listener[T any] struct {
	since      time.Time // where the next one begins
	failures   int       // since the last snapshot
	done       bool      // the consumer has seen enough, or an error
	maxWatched int
	read       func(*firestore.DocumentSnapshot) (T, error)
	yield      func([]T, error) bool
}

// listen yields the writes that one snapshot listener sees, until maxWatched.
func (l *listener[T]) listen(ctx context.Context, c *firestore.CollectionRef) error {
	// Inclusive, because another write with the same time may follow.
	snapshots := c.Where("written_at", ">=", l.since).OrderBy("written_at", firestore.Asc).Snapshots(ctx)
	defer snapshots.Stop()
	for seen := 0; seen < l.maxWatched; {
		snapshot, err := snapshots.Next()
		if err != nil {
			return err
		}
		l.failures = 0
		all := []T{}
		for _, change := range snapshot.Changes {
			if change.Kind == firestore.DocumentRemoved { // it expired or was erased
				continue
			}
			one, err := l.read(change.Doc)
			if err != nil {
				l.done = true
				l.yield(nil, err)
				return nil
			}
			all = append(all, one)
			// The field that the query uses. A document's update time is later.
			if at, ok := change.Doc.Data()["written_at"].(time.Time); ok && at.Add(-watchMargin).After(l.since) {
				l.since = at.Add(-watchMargin)
			}
		}
		seen += len(all)
		if l.done = !l.yield(all, nil); l.done {
			return nil
		}
	}
	return nil
}
