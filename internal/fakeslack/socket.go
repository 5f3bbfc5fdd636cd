package fakeslack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

// ErrNotAcknowledged says that no Socket Mode client acknowledged an event,
// however often it was sent.
var ErrNotAcknowledged = errors.New("no Socket Mode client acknowledged the event")

const (
	socketSends        = 4 // the first and three repeats
	socketWriteTimeout = 5 * time.Second
)

// sockets are the open Socket Mode connections.
type sockets struct {
	mu      sync.Mutex
	tickets map[string]bool // of connections that may be opened
	open    []*socket
	next    int                      // whose turn the next event is
	waiting map[string]chan struct{} // for an acknowledgement, by envelope_id
}

type socket struct {
	conn *websocket.Conn
	mu   sync.Mutex // a connection takes one writer at a time
}

func (s *socket) write(v any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(socketWriteTimeout)); err != nil {
		return err
	}
	return s.conn.WriteJSON(v)
}

// connectionsOpen gives out an address that can be connected to once.
func (w *Workspace) connectionsOpen(r *http.Request) (map[string]any, error) {
	ticket := rand.Text()
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	if w.sockets.tickets == nil {
		w.sockets.tickets = map[string]bool{}
	}
	w.sockets.tickets[ticket] = true
	scheme := "ws://"
	if r.TLS != nil {
		scheme = "wss://"
	}
	return map[string]any{"url": scheme + r.Host + "/socket?ticket=" + ticket + "&app_id=" + appID}, nil
}

func (w *Workspace) serveSocket(rw http.ResponseWriter, r *http.Request) {
	s := &w.sockets
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	ok := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !ok {
		http.Error(rw, "invalid ticket", http.StatusForbidden)
		return
	}
	// The ticket is the guard: clients send Slack's own origin.
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		w.options.Log.WarnContext(r.Context(), "Socket Mode: upgrade", "error", err) // Upgrade has answered
		return
	}
	c := &socket{conn: conn}
	defer conn.Close() //nolint:errcheck // its other side has gone, or has been told
	s.mu.Lock()        // who has got the hello can be sent to, and nobody before
	err = c.write(w.hello())
	if err == nil {
		s.open = append(s.open, c)
	}
	s.mu.Unlock()
	if err != nil {
		w.options.Log.DebugContext(r.Context(), "Socket Mode: hello", "error", err)
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open = slices.DeleteFunc(s.open, func(o *socket) bool { return o == c })
	}()

	done := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() { w.ping(c, done) })
	defer pinging.Wait()
	defer close(done)
	w.readAcks(c)
}

func (w *Workspace) hello() map[string]any {
	return map[string]any{
		"type": "hello", "num_connections": 1,
		"debug_info":      map[string]any{"host": "applink-invented", "build_number": 1, "approximate_connection_time": 18060},
		"connection_info": map[string]any{"app_id": appID},
	}
}

// ping at once and then every so often: clients take a silent connection for a dead one.
func (w *Workspace) ping(c *socket, done <-chan struct{}) {
	ticker := time.NewTicker(w.options.SocketPing)
	defer ticker.Stop()
	for {
		if err := c.conn.WriteControl(websocket.PingMessage, []byte("Ping from invented Slack"), time.Now().Add(socketWriteTimeout)); err != nil {
			return // readAcks will notice as well
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// readAcks returns when the connection is gone.
func (w *Workspace) readAcks(c *socket) {
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if err := json.Unmarshal(message, &ack); err != nil {
			w.options.Log.Warn("Socket Mode: message is not JSON")
			continue
		}
		s := &w.sockets
		s.mu.Lock()
		if acked, ok := s.waiting[ack.EnvelopeID]; ok {
			delete(s.waiting, ack.EnvelopeID)
			close(acked)
		}
		s.mu.Unlock()
	}
}

// SendSocket sends e on one of the open connections and returns once it is
// acknowledged. Unacknowledged, or while nobody is connected, it sends e again each
// AckTimeout, four times in all, and then fails with [ErrNotAcknowledged].
func (w *Workspace) SendSocket(ctx context.Context, e Event) error {
	id := uuid.NewString()
	acked := make(chan struct{})
	s := &w.sockets
	s.mu.Lock()
	if s.waiting == nil {
		s.waiting = map[string]chan struct{}{}
	}
	s.waiting[id] = acked
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}()

	var lastErr error
	for attempt := range socketSends {
		reason := ""
		if attempt > 0 {
			reason = "timeout"
		}
		if lastErr = s.send(map[string]any{
			"type": "events_api", "envelope_id": id, "payload": e.Envelope,
			"accepts_response_payload": false, "retry_attempt": attempt, "retry_reason": reason,
		}); lastErr != nil {
			w.options.Log.DebugContext(ctx, "Socket Mode: send", "error", lastErr)
		}
		timer := time.NewTimer(w.options.AckTimeout)
		select {
		case <-acked:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("send by Socket Mode: %w", ctx.Err())
		case <-timer.C:
		}
	}
	if lastErr != nil {
		return fmt.Errorf("%w: %w", ErrNotAcknowledged, lastErr)
	}
	return ErrNotAcknowledged
}

var errNobodyConnected = errors.New("nobody is connected")

// send takes the connections in turn, as Slack spreads events over an app's connections.
func (s *sockets) send(envelope any) error {
	s.mu.Lock()
	if len(s.open) == 0 {
		s.mu.Unlock()
		return errNobodyConnected
	}
	c := s.open[s.next%len(s.open)]
	s.next++
	s.mu.Unlock()
	return c.write(envelope)
}

// Disconnect tells every Socket Mode client to connect anew, as Slack does now
// and then, and closes the connections. A server that shuts down leaves them open.
func (w *Workspace) Disconnect() {
	w.sockets.mu.Lock()
	open := slices.Clone(w.sockets.open)
	w.sockets.mu.Unlock()
	for _, c := range open {
		err := c.write(map[string]any{"type": "disconnect", "reason": "warning", "debug_info": map[string]any{"host": "applink-invented"}})
		if err = errors.Join(err, c.conn.Close()); err != nil {
			w.options.Log.Debug("Socket Mode: disconnect", "error", err)
		}
	}
}
