// Package live sends a workspace's changes to browsers as they are written. All
// viewers of a workspace share one watch of the store, and each change is rendered
// once for all of them.
package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rollcall/internal/directory"
)

// Watcher reports writes.
type Watcher interface {
	// Watch yields users as they are written, removed ones too, from its first use until ctx
	// is done. It may also yield some that were written shortly before.
	Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error]
}

// Render returns the HTML that shows a user.
type Render func(context.Context, directory.User) (string, error)

const (
	// maxChanges are kept per workspace for viewers who reconnect.
	maxChanges = 1000
	// lingerTimeout is how long a watch outlives its last viewer, who may be reloading.
	lingerTimeout = time.Minute
	// rewatchInterval is the pause after a watch that failed.
	rewatchInterval = 2 * time.Second
	// readyTimeout bounds how long a page waits for the watch to begin. A watch that takes
	// longer also yields what was written in the meantime.
	readyTimeout = 50 * time.Millisecond
)

// change is one write.
type change struct {
	user directory.User
	html string
}

// Hub has a feed for each workspace that somebody looks at.
type Hub struct {
	ctx    context.Context
	store  Watcher
	render Render
	log    *slog.Logger

	mu    sync.Mutex
	feeds map[string]*feed
}

// New returns a hub whose watches and streams end with ctx.
func New(ctx context.Context, store Watcher, render Render, log *slog.Logger) *Hub {
	return &Hub{ctx: ctx, store: store, render: render, log: log, feeds: map[string]*feed{}}
}

// feed is a workspace's latest changes.
type feed struct {
	ready chan struct{} // closed when the watch has begun

	mu      sync.Mutex
	epoch   string // a new one whenever changes may have been missed
	changes []change
	next    int // how many changes the epoch has had; the last of them are in changes
	wake    chan struct{}
	viewers int
	linger  *time.Timer
}

// join returns the workspace's feed and counts a viewer in. The first one starts the watch.
func (h *Hub) join(teamID string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[teamID]
	if f == nil {
		f = &feed{ready: make(chan struct{}), epoch: rand.Text()[:8], wake: make(chan struct{})}
		h.feeds[teamID] = f
		ctx, stop := context.WithCancel(h.ctx)
		f.linger = time.AfterFunc(lingerTimeout, func() { h.end(teamID, f, stop) })
		go h.watch(ctx, teamID, f)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers++
	f.linger.Stop()
	return f
}

// leave counts a viewer out.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers--; f.viewers == 0 {
		f.linger.Reset(lingerTimeout)
	}
}

func (h *Hub) end(teamID string, f *feed, stop context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers == 0 { // nobody joined while we waited for the locks
		delete(h.feeds, teamID)
		stop()
	}
}

func (h *Hub) watch(ctx context.Context, teamID string, f *feed) {
	ready := sync.OnceFunc(func() { close(f.ready) })
	for ctx.Err() == nil {
		for users, err := range h.store.Watch(ctx, teamID) {
			if err != nil {
				h.log.WarnContext(ctx, "watch failed, starting another", "team_id", teamID, "error", err)
				break
			}
			ready()
			h.add(ctx, f, users)
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(rewatchInterval):
		}
		f.reset()
	}
}

func (h *Hub) add(ctx context.Context, f *feed, users []directory.User) {
	var changes []change
	for _, u := range users {
		html, err := h.render(ctx, u)
		if err != nil {
			h.log.ErrorContext(ctx, "change not rendered", "error", err)
			f.reset()
			return
		}
		changes = append(changes, change{u, html})
	}
	if len(changes) > 0 {
		f.append(changes)
	}
}

func (f *feed) append(changes []change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, changes...)
	if slices.ContainsFunc(changes, change.erases) {
		f.changes = erase(f.changes)
	}
	f.next += len(changes)
	if n := len(f.changes) - maxChanges; n > 0 {
		f.changes = append([]change(nil), f.changes[n:]...)
	}
	f.wakeAll()
}

// erases reports whether no older change of the person may be shown any more.
func (c change) erases() bool { return c.user.Removed || c.user.Kind == directory.Forgotten }

// erase replaces what came before a person's erasure by the erasure, so that positions
// stay valid. It returns a copy, because streams may be reading the original.
func erase(changes []change) []change {
	changes = slices.Clone(changes)
	erasures := map[string]change{}
	for i, c := range slices.Backward(changes) {
		if erasure, ok := erasures[c.user.ID]; ok {
			changes[i] = erasure
		} else if c.erases() {
			erasures[c.user.ID] = c
		}
	}
	return changes
}

// reset starts a new epoch after changes that may have been missed.
func (f *feed) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.changes, f.next = rand.Text()[:8], nil, 0
	f.wakeAll()
}

func (f *feed) wakeAll() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// after returns the changes after a position, the position that follows them, and a
// channel that is closed when there are more. A position is stale if the feed no longer
// has all changes after it.
func (f *feed) after(position string) (changes []change, now string, more <-chan struct{}, stale bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now = fmt.Sprintf("%s-%d", f.epoch, f.next)
	epoch, text, _ := strings.Cut(position, "-")
	n, err := strconv.Atoi(text)
	behind := f.next - n
	if err != nil || epoch != f.epoch || behind < 0 || behind > len(f.changes) {
		return nil, now, f.wake, true
	}
	return f.changes[len(f.changes)-behind:], now, f.wake, false
}

// Position returns the feed position to resume from after reading a page now.
func (h *Hub) Position(teamID string) string {
	f := h.join(teamID)
	defer f.leave()
	select {
	case <-f.ready:
	case <-time.After(readyTimeout):
	}
	_, now, _, _ := f.after("")
	return now
}
