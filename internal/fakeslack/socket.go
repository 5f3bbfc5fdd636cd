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

// ErrNotAcknowledged means that no Socket Mode client acknowledged an event after all retries.
var ErrNotAcknowledged = errors.New("no Socket Mode client acknowledged the event")

const (
	maxSocketSends     = 4 // the first and three retries
	socketWriteTimeout = 5 * time.Second
)

// sockets are the open Socket Mode connections.
type sockets struct {
	mu      sync.Mutex
	tickets map[string]bool // each allows one connection
	open    []*socket
	next    int                      // the connection for the next event
	waiting map[string]chan struct{} // closed on acknowledgement, by envelope_id
}

type socket struct {
	conn *websocket.Conn
	mu   sync.Mutex // a connection allows one writer at a time
}

func (s *socket) write(v any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(socketWriteTimeout)); err != nil {
		return err
	}
	return s.conn.WriteJSON(v)
}

// connectionsOpen returns an address for one connection.
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
	// The ticket authenticates the client, whose Origin is Slack's own.
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		w.options.Log.WarnContext(r.Context(), "Socket Mode: upgrade", "error", err) // Upgrade has answered
		return
	}
	c := &socket{conn: conn}
	defer conn.Close() //nolint:errcheck // the client has left or knows
	s.mu.Lock()        // no event goes to a client before its hello
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

// ping pings at once and then at each interval. Clients close a silent connection.
func (w *Workspace) ping(c *socket, done <-chan struct{}) {
	ticker := time.NewTicker(w.options.SocketPingInterval)
	defer ticker.Stop()
	for {
		if err := c.conn.WriteControl(websocket.PingMessage, []byte("Ping from invented Slack"), time.Now().Add(socketWriteTimeout)); err != nil {
			return // readAcks notices too
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// readAcks returns when the connection is closed.
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

// SendSocket sends e on one of the open connections and returns once a client acknowledges it. If
// none does, or none is connected, it retries after AckTimeout. After four attempts it
// fails with [ErrNotAcknowledged].
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
	for attempt := range maxSocketSends {
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
			return fmt.Errorf("send over Socket Mode: %w", ctx.Err())
		case <-timer.C:
		}
	}
	if lastErr != nil {
		return fmt.Errorf("%w: %w", ErrNotAcknowledged, lastErr)
	}
	return ErrNotAcknowledged
}

var errNotConnected = errors.New("no client is connected")

// send uses the connections in turn, as Slack spreads events over an app's connections.
func (s *sockets) send(envelope any) error {
	s.mu.Lock()
	if len(s.open) == 0 {
		s.mu.Unlock()
		return errNotConnected
	}
	c := s.open[s.next%len(s.open)]
	s.next++
	s.mu.Unlock()
	return c.write(envelope)
}

// Disconnect tells every Socket Mode client to reconnect, as Slack does from time to time, and
// closes the connections. Shutting down an http.Server does not close them.
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
