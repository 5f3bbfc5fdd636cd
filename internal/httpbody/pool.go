package httpbody

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxPool bounds the bytes of all bodies in a pool.
	maxPool = 4 << 20
	// minWeight is the least that a body counts for. At most 64 bodies are read at once, so some of
	// the 80 requests that Cloud Run sends an instance are always free. Slack's events are smaller. A
	// larger body does not wait for room, because it would keep out many small ones meanwhile.
	minWeight = 64 << 10
	// bodyTimeout is for one body, crowdedTimeout for one while others wait. Slack sends a whole request at once.
	bodyTimeout, crowdedTimeout = 2 * time.Second, 25 * time.Millisecond
	// admissionTimeout is how long a body waits for room.
	admissionTimeout = time.Second
)

// Pool reads bodies from strangers. It reserves room for a whole body before it reads any of it.
// While a request waits for room, all bodies must arrive fast: clients that hold back their
// bodies lose their places to those that send them, as Slack does.
type Pool struct {
	maxBody int64
	room    *semaphore.Weighted // first come, first served

	mu      sync.Mutex
	waiting int
	reading map[*http.ResponseController]time.Time // since when
}

// NewPool returns a pool for bodies of at most maxBody bytes each.
func NewPool(maxBody int64) *Pool {
	return &Pool{maxBody: maxBody, room: semaphore.NewWeighted(maxPool), reading: map[*http.ResponseController]time.Time{}}
}

// Room is what a body takes up in its pool.
type Room struct {
	of     *semaphore.Weighted
	weight int64
}

// Release gives the room back.
func (r Room) Release() { r.of.Release(r.weight) }

// Read returns the body of r. The caller releases its room once it knows who sent the body.
// After an error, which is an [*Error], there is no room to release.
func (p *Pool) Read(w http.ResponseWriter, r *http.Request) ([]byte, Room, error) {
	if r.ContentLength > p.maxBody {
		return nil, Room{}, ErrTooLarge
	}
	weight := max(r.ContentLength, minWeight)
	if r.ContentLength < 0 { // chunked: it may grow to any size
		weight = p.maxBody
	}
	if err := p.admit(r.Context(), weight); err != nil {
		return nil, Room{}, err
	}
	room, c := Room{p.room, weight}, http.NewResponseController(w)
	p.begin(c)
	body, err := readAll(w, r, p.maxBody, p.maxBody)
	p.end(c)
	if err != nil {
		room.Release()
		return nil, Room{}, err
	}
	clearDeadline(c)
	return body, room, nil
}

func (p *Pool) admit(ctx context.Context, weight int64) error {
	if p.room.TryAcquire(weight) { // fails while others wait
		return nil
	}
	if weight > minWeight {
		return ErrBusy
	}
	p.mu.Lock()
	if p.waiting++; p.waiting == 1 {
		for c, since := range p.reading {
			c.SetReadDeadline(since.Add(crowdedTimeout)) //nolint:errcheck // test recorders have no deadlines
		}
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	err := p.room.Acquire(ctx, weight)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
	if err != nil {
		return ErrBusy
	}
	return nil
}

func (p *Pool) begin(c *http.ResponseController) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, timeout := time.Now(), bodyTimeout
	if p.waiting > 0 {
		timeout = crowdedTimeout
	}
	p.reading[c] = now
	c.SetReadDeadline(now.Add(timeout)) //nolint:errcheck // test recorders have no deadlines
}

// end stops changing the deadline of the connection, whose next reads are not the body's.
func (p *Pool) end(c *http.ResponseController) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.reading, c)
}
