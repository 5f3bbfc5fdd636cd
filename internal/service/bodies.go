package service

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxUnsigned is how many bytes of bodies may be on their way at once that nobody has vouched for.
	maxUnsigned = 4 << 20
	// smallBody is what each counts at least: no more than 64 come at once, so that of the 80 requests that
	// Cloud Run gives an instance some are always left. Slack's events are below it; what is not
	// does not wait for room, because one large body would keep 15 small ones out meanwhile.
	smallBody = 64 << 10
	// bodyTimeout is for one body, crowdedTimeout for one while others wait. Slack sends all of a request at once.
	bodyTimeout, crowdedTimeout = 2 * time.Second, 25 * time.Millisecond
	// admissionTimeout is how long a body waits for its turn.
	admissionTimeout = time.Second
)

// ErrBusy says that too many bodies were on their way.
var ErrBusy = errors.New("too many bodies at once")

// Bodies reads the bodies of strangers. It takes no memory before there is room for the whole of
// a body within a limit for all, and as long as somebody waits for room nobody may be slow: whoever
// holds back their bodies yields to those who send theirs, which Slack does.
type Bodies struct {
	maxBody int64
	room    *semaphore.Weighted // first come, first served

	mu      sync.Mutex
	waiting int
	reading map[*http.ResponseController]time.Time // since when
}

// NewBodies returns a reader of bodies of up to that many bytes each.
func NewBodies(maxBody int64) *Bodies {
	return &Bodies{maxBody: maxBody, room: semaphore.NewWeighted(maxUnsigned), reading: map[*http.ResponseController]time.Time{}}
}

// Room is what a body takes up.
type Room struct {
	of     *semaphore.Weighted
	weight int64
}

// Leave gives the room back.
func (r Room) Leave() { r.of.Release(r.weight) }

// Read returns the body of r, and the room that it takes up until it is known whose it is. An error is
// [ErrTooLarge], [ErrBusy], [ErrSlow] or [ErrBody], and there is no room to leave.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request) ([]byte, Room, error) {
	if r.ContentLength > b.maxBody {
		return nil, Room{}, ErrTooLarge
	}
	weight := max(r.ContentLength, smallBody)
	if r.ContentLength < 0 { // it may become as large as any
		weight = b.maxBody
	}
	if err := b.admit(r.Context(), weight); err != nil {
		return nil, Room{}, err
	}
	room, c := Room{b.room, weight}, http.NewResponseController(w)
	b.begin(c)
	body, err := readAll(w, r, b.maxBody, b.maxBody)
	b.end(c)
	if err != nil {
		room.Leave()
		return nil, Room{}, err
	}
	clearDeadline(c)
	return body, room, nil
}

func (b *Bodies) admit(ctx context.Context, weight int64) error {
	if b.room.TryAcquire(weight) { // not while others wait
		return nil
	}
	if weight > smallBody {
		return ErrBusy
	}
	b.mu.Lock()
	if b.waiting++; b.waiting == 1 {
		for c, since := range b.reading {
			c.SetReadDeadline(since.Add(crowdedTimeout)) //nolint:errcheck // recorders of tests have no deadlines
		}
	}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	err := b.room.Acquire(ctx, weight)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
	if err != nil {
		return ErrBusy
	}
	return nil
}

func (b *Bodies) begin(c *http.ResponseController) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, within := time.Now(), bodyTimeout
	if b.waiting > 0 {
		within = crowdedTimeout
	}
	b.reading[c] = now
	c.SetReadDeadline(now.Add(within)) //nolint:errcheck // recorders of tests have no deadlines
}

// end must come before anything else is read from the connection, to which the deadlines belong.
func (b *Bodies) end(c *http.ResponseController) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reading, c)
}
