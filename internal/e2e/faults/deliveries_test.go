package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/pubsub/push"
)

// deliveries is a proxy between Pub/Sub's push and the worker. It delivers messages as badly
// as Pub/Sub may: late, out of order, more than once.
type deliveries struct {
	server      *httptest.Server // to push to
	worker      string
	client      *http.Client
	maxAttempts int // before a message is parked
	mess        atomic.Pointer[mess]

	inFlight atomic.Int32 // at the worker
	refused  atomic.Int32 // by the worker
	broken   atomic.Int32 // without an answer from the worker
	later    sync.WaitGroup

	dice *dice

	mu      sync.Mutex
	messed  [kinds]int
	pending map[string]int // messages that Pub/Sub will deliver again, and their deliveries so far
	acked   int            // messages
}

// The faults of a delivery.
const (
	late     = iota // after a wait
	unheard         // the acknowledgement is lost, so Pub/Sub delivers it again
	lost            // it does not arrive, so Pub/Sub delivers it again
	together        // twice at the same time
	again           // again, long after the acknowledgement
	kinds
)

// mess says how many of a thousand deliveries have each fault, and bounds the waits.
type mess struct {
	perMille [kinds]int
	late     time.Duration // maximum
	again    time.Duration // maximum
}

func newDeliveries(t testing.TB, worker string, maxAttempts int32, dice *dice) *deliveries {
	t.Helper()
	d := &deliveries{worker: worker, maxAttempts: int(maxAttempts), pending: map[string]int{}, client: newClient(t), dice: dice}
	d.disturb(mess{})
	d.server = httptest.NewServer(d)
	t.Cleanup(func() {
		d.server.Close()
		d.later.Wait()
	})
	return d
}

func (d *deliveries) disturb(m mess) { d.mess.Store(&m) }

// draw chooses a delivery's fault.
func (d *deliveries) draw() (kind int, wait time.Duration) {
	m := d.mess.Load()
	roll := d.dice.roll(1000)
	for kind, n := range m.perMille {
		if roll -= n; roll >= 0 {
			continue
		}
		d.mu.Lock()
		d.messed[kind]++
		d.mu.Unlock()
		maxWait := m.late
		if kind == again {
			maxWait = m.again
		}
		return kind, time.Duration(d.dice.roll(int(maxWait) + 1))
	}
	return kinds, 0
}

func (d *deliveries) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the pump has given up
	}
	m, err := push.Decode(body)
	if err != nil {
		panic(err) // the pump's envelope is wrong
	}
	d.begin(m.ID)
	status := d.deliver(r, body)
	d.end(m.ID, push.Acked(status))
	w.WriteHeader(status)
}

// deliver makes one attempt and returns the status for Pub/Sub.
func (d *deliveries) deliver(r *http.Request, body []byte) int {
	kind, wait := d.draw()
	switch kind {
	case late:
		time.Sleep(wait)
	case lost:
		return http.StatusBadGateway
	case together:
		d.later.Go(func() { d.push(context.WithoutCancel(r.Context()), body) })
	case again:
		d.later.Go(func() {
			time.Sleep(wait)
			d.push(context.WithoutCancel(r.Context()), body)
		})
	}
	status := d.push(r.Context(), body)
	if kind == unheard {
		status = http.StatusGatewayTimeout
	}
	return status
}

func (d *deliveries) begin(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending[id]++
}

func (d *deliveries) end(id string, acked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if acked {
		d.acked++
	}
	if acked || d.pending[id] == d.maxAttempts {
		delete(d.pending, id)
	}
}

// progress returns the number of acknowledged deliveries, and of messages that
// have been delivered but are neither acknowledged nor parked.
func (d *deliveries) progress() (acked, pending int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acked, len(d.pending)
}

// push posts a message to the worker and returns the status.
func (d *deliveries) push(ctx context.Context, body []byte) int {
	d.inFlight.Add(1)
	defer d.inFlight.Add(-1)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.worker, bytes.NewReader(body))
	if err != nil {
		panic(err) // its address is wrong
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.client.Do(r)
	if err != nil {
		d.broken.Add(1)
		time.Sleep(slowDown)
		return http.StatusBadGateway
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		d.broken.Add(1)
		return http.StatusBadGateway
	}
	if answer.StatusCode != http.StatusOK {
		d.refused.Add(1)
	}
	return answer.StatusCode
}

// slowDown follows a delivery that did not reach the worker. Pub/Sub slows down when pushes fail (Google's
// page "Push subscriptions"), so that waiting messages do not use up their attempts.
const slowDown = 200 * time.Millisecond

// newClient keeps a connection open for each concurrent request.
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 40 * time.Second}
}
