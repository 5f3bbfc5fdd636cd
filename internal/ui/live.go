package ui

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

// Watcher tells of writes.
type Watcher interface {
	// Watch yields the users that are written, removed ones too, from its first
	// use until ctx is done. Some who were written shortly before may come as well.
	Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error]
}

const (
	// rememberedChanges are kept for viewers whose connection was cut.
	rememberedChanges = 1000
	// lingerFor is how long a workspace is watched for nobody: viewers come back.
	lingerFor = time.Minute
	// watchAgainAfter is the pause after a watch that failed.
	watchAgainAfter = 2 * time.Second
	// readyWithin bounds how long a page waits for the watch to begin. Where that
	// takes longer the store tells of the moments before as well.
	readyWithin = 50 * time.Millisecond
)

// change is one write, rendered once for all viewers.
type change struct {
	user directory.User
	html string
}

// hub shares one watch of each workspace among all viewers.
type hub struct {
	ctx    context.Context
	store  Watcher
	render func(context.Context, directory.User) (string, error)
	log    *slog.Logger

	mu    sync.Mutex
	feeds map[string]*feed
}

func newHub(ctx context.Context, store Watcher, render func(context.Context, directory.User) (string, error), log *slog.Logger) *hub {
	return &hub{ctx: ctx, store: store, render: render, log: log, feeds: map[string]*feed{}}
}

// feed is a workspace's latest changes. Its epoch changes when some may have been missed.
type feed struct {
	ready chan struct{} // closed when the watch has begun

	mu      sync.Mutex
	epoch   string
	changes []change // the last of next
	next    int      // number of the change to come
	wake    chan struct{}
	viewers int
	linger  *time.Timer
}

// feed returns the workspace's feed, begun if need be, and counts a viewer in.
func (h *hub) feed(teamID string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[teamID]
	if f == nil {
		f = &feed{ready: make(chan struct{}), epoch: rand.Text()[:8], wake: make(chan struct{})}
		h.feeds[teamID] = f
		ctx, stop := context.WithCancel(h.ctx)
		f.linger = time.AfterFunc(lingerFor, func() { h.end(teamID, f, stop) })
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
		f.linger.Reset(lingerFor)
	}
}

func (h *hub) end(teamID string, f *feed, stop context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers == 0 { // nobody came while we waited for the locks
		delete(h.feeds, teamID)
		stop()
	}
}

func (h *hub) watch(ctx context.Context, teamID string, f *feed) {
	begun := sync.OnceFunc(func() { close(f.ready) })
	for ctx.Err() == nil {
		for users, err := range h.store.Watch(ctx, teamID) {
			if err != nil {
				h.log.WarnContext(ctx, "watch ended, beginning anew", "team_id", teamID, "error", err)
				break
			}
			begun()
			h.add(ctx, f, users)
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchAgainAfter):
		}
		f.lose()
	}
}

func (h *hub) add(ctx context.Context, f *feed, users []directory.User) {
	var changes []change
	for _, u := range users {
		html, err := h.render(ctx, u)
		if err != nil {
			h.log.ErrorContext(ctx, "row not rendered", "error", err)
			f.lose()
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
		f.changes = erased(f.changes)
	}
	f.next += len(changes)
	if n := len(f.changes) - rememberedChanges; n > 0 {
		f.changes = append([]change(nil), f.changes[n:]...)
	}
	f.tell()
}

// erases says that nothing older of the person may be shown any more.
func (c change) erases() bool { return c.user.Removed || c.user.Kind == directory.Forgotten }

// erased returns the changes with what came before a person's erasure replaced by
// it, so that positions stay. It copies them: viewers may be reading.
func erased(changes []change) []change {
	changes = slices.Clone(changes)
	later := map[string]change{}
	for i, c := range slices.Backward(changes) {
		if erasure, ok := later[c.user.ID]; ok {
			changes[i] = erasure
		} else if c.erases() {
			later[c.user.ID] = c
		}
	}
	return changes
}

// lose begins a new epoch: changes may have been missed.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.changes, f.next = rand.Text()[:8], nil, 0
	f.tell()
}

// tell wakes all viewers.
func (f *feed) tell() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// after returns the changes after a position, the position after them, and what
// is closed when there are more. It is stale where some are not remembered.
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

// position is the place in the feed before which a page that is read now knows everything.
func (h *hub) position(teamID string) string {
	f := h.feed(teamID)
	defer f.leave()
	select {
	case <-f.ready:
	case <-time.After(readyWithin):
	}
	_, now, _, _ := f.after("")
	return now
}
