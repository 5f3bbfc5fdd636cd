// Package live sends a workspace's changes to browsers as they are written. All
// viewers of a workspace share one watch of the store, and each change is rendered
// once for all of them. The page patches the row in place instead of loading itself again,
// which would cost fifty reads for each viewer of every change.
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
)

// Watch yields what is written to a workspace, from its first use until ctx is done. It may
// also yield what was written shortly before.
type Watch[T any] func(ctx context.Context, teamID string) iter.Seq2[[]T, error]

// Render returns the rows that show what was written, one for each.
type Render[T any] func(ctx context.Context, written []T) ([]Row, error)

// Row is a row of a page's table.
type Row struct {
	ID     string // of its element
	HTML   string
	UserID string // whom it shows
	Erases bool   // no older row of that user may be shown any more
}

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
type change[T any] struct {
	written T
	row     Row
}

// Hub has a feed for each workspace that somebody looks at.
type Hub[T any] struct {
	ctx    context.Context
	source Watch[T]
	render Render[T]
	log    *slog.Logger

	mu    sync.Mutex
	feeds map[string]*feed[T]
}

// New returns a hub whose watches and streams end with ctx.
func New[T any](ctx context.Context, source Watch[T], render Render[T], log *slog.Logger) *Hub[T] {
	return &Hub[T]{ctx: ctx, source: source, render: render, log: log, feeds: map[string]*feed[T]{}}
}

// feed is a workspace's latest changes.
type feed[T any] struct {
	ready chan struct{} // closed when the watch has begun

	mu      sync.Mutex
	epoch   string // a new one whenever changes may have been missed
	changes []change[T]
	next    int // how many changes the epoch has had; the last of them are in changes
	wake    chan struct{}
	viewers int
	linger  *time.Timer
}

// join returns the workspace's feed and counts a viewer in. The first one starts the watch.
func (h *Hub[T]) join(teamID string) *feed[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[teamID]
	if f == nil {
		f = &feed[T]{ready: make(chan struct{}), epoch: rand.Text()[:8], wake: make(chan struct{})}
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
func (f *feed[T]) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers--; f.viewers == 0 {
		f.linger.Reset(lingerTimeout)
	}
}

func (h *Hub[T]) end(teamID string, f *feed[T], stop context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers == 0 { // nobody joined while we waited for the locks
		delete(h.feeds, teamID)
		stop()
	}
}

func (h *Hub[T]) watch(ctx context.Context, teamID string, f *feed[T]) {
	ready := sync.OnceFunc(func() { close(f.ready) })
	for ctx.Err() == nil {
		for written, err := range h.source(ctx, teamID) {
			if err != nil {
				h.log.WarnContext(ctx, "watch failed, starting another", "team_id", teamID, "error", err)
				break
			}
			ready()
			h.add(ctx, f, written)
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

func (h *Hub[T]) add(ctx context.Context, f *feed[T], written []T) {
	if len(written) == 0 {
		return
	}
	rows, err := h.render(ctx, written)
	if err != nil {
		h.log.ErrorContext(ctx, "change not rendered", "error", err)
		f.reset()
		return
	}
	changes := make([]change[T], len(written))
	for i, w := range written {
		changes[i] = change[T]{w, rows[i]}
	}
	f.append(changes)
}

func (f *feed[T]) append(changes []change[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, changes...)
	if slices.ContainsFunc(changes, func(c change[T]) bool { return c.row.Erases }) {
		f.changes = erase(f.changes)
	}
	f.next += len(changes)
	if n := len(f.changes) - maxChanges; n > 0 {
		f.changes = append([]change[T](nil), f.changes[n:]...)
	}
	f.wakeAll()
}

// erase replaces everything that came before a person's erasure with the erasure, so that
// positions stay valid. It returns a copy, because streams may be reading the original.
func erase[T any](changes []change[T]) []change[T] {
	changes = slices.Clone(changes)
	erasures := map[string]change[T]{}
	for i, c := range slices.Backward(changes) {
		if erasure, ok := erasures[c.row.UserID]; ok {
			changes[i] = erasure
		} else if c.row.Erases {
			erasures[c.row.UserID] = c
		}
	}
	return changes
}

// reset starts a new epoch, because changes may have been missed.
func (f *feed[T]) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.changes, f.next = rand.Text()[:8], nil, 0
	f.wakeAll()
}

func (f *feed[T]) wakeAll() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// after returns the changes after a position, the position that follows them, and a
// channel that is closed when there are more. A position is stale if the feed no longer
// has all changes after it.
func (f *feed[T]) after(position string) (changes []change[T], now string, more <-chan struct{}, stale bool) {
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
func (h *Hub[T]) Position(teamID string) string {
	f := h.join(teamID)
	defer f.leave()
	select {
	case <-f.ready:
	case <-time.After(readyTimeout):
	}
	_, now, _, _ := f.after("")
	return now
}
