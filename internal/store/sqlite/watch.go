package sqlite

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"rollcall/internal/directory"
)

// watchers are notified of writes.
type watchers[T any] struct {
	mu  sync.Mutex
	all map[*watcher[T]]bool
}

// watcher gathers what was written since it was last asked, the newest of each id.
type watcher[T any] struct {
	teamID  string
	written map[string]T
	wake    chan struct{} // holds one
}

func (w *watchers[T]) add(teamID string) *watcher[T] {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &watcher[T]{teamID: teamID, written: map[string]T{}, wake: make(chan struct{}, 1)}
	if w.all == nil {
		w.all = map[*watcher[T]]bool{}
	}
	w.all[n] = true
	return n
}

func (w *watchers[T]) remove(n *watcher[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, n)
}

// tell is called after each write. Concurrent writers may call it in another order
// than they wrote: replaces reports whether v is newer than what was told before.
func (w *watchers[T]) tell(teamID, id string, v T, replaces func(before T) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.all {
		if n.teamID != teamID {
			continue
		}
		if before, ok := n.written[id]; ok && !replaces(before) {
			continue
		}
		n.written[id] = v
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watchers[T]) take(n *watcher[T], order func(a, b T) int) []T {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.SortedFunc(maps.Values(n.written), order)
	clear(n.written)
	return all
}

// Watch yields users as they are written, removed ones too, from its first use until
// ctx is done.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return watch(ctx, &s.userWatchers, teamID, func(a, b directory.User) int {
		return directory.ByChange.Compare(directory.CursorOf(b), directory.CursorOf(a))
	})
}

func watch[T any](ctx context.Context, w *watchers[T], teamID string, order func(a, b T) int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		n := w.add(teamID)
		defer w.remove(n)
		if !yield(nil, nil) { // from here on nothing is missed
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-n.wake:
			}
			if !yield(w.take(n, order), nil) {
				return
			}
		}
	}
}
