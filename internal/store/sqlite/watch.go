package sqlite

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"rollcall/internal/directory"
)

// watchers are told of writes.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]bool
}

// watcher gathers what was written since it was last asked, the newest of each user.
type watcher struct {
	teamID  string
	written map[string]directory.User
	wake    chan struct{} // holds one
}

func (w *watchers) add(teamID string) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &watcher{teamID: teamID, written: map[string]directory.User{}, wake: make(chan struct{}, 1)}
	if w.all == nil {
		w.all = map[*watcher]bool{}
	}
	w.all[n] = true
	return n
}

func (w *watchers) remove(n *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, n)
}

// tell is called after each write. Writers that come together may tell in another order than they wrote.
func (w *watchers) tell(u directory.User) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.all {
		if n.teamID != u.TeamID || n.written[u.ID].Version > u.Version {
			continue
		}
		n.written[u.ID] = u
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watchers) take(n *watcher) []directory.User {
	w.mu.Lock()
	defer w.mu.Unlock()
	users := slices.SortedFunc(maps.Values(n.written), func(a, b directory.User) int {
		return directory.ByChange.Compare(directory.CursorOf(b), directory.CursorOf(a))
	})
	clear(n.written)
	return users
}

// Watch yields the users that are written, removed ones too, from its first use
// until ctx is done. Some who were written shortly before may come as well.
func (s *Store) Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		n := s.watchers.add(teamID)
		defer s.watchers.remove(n)
		if !yield(nil, nil) { // from here on nothing is missed
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-n.wake:
			}
			if !yield(s.watchers.take(n), nil) {
				return
			}
		}
	}
}
