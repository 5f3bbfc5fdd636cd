package hostile

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/directory"
)

// pipes is a listener of in-process connections, which use the bubble's time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// trusting is a publisher that accepts everything.
type trusting struct{}

func (trusting) Publish(context.Context, directory.Change) error { return nil }

// pace is the interval between bytes. No timeout is a multiple of it, so it is certain which
// byte is the last before a timeout.
const pace = 700 * time.Millisecond

// slow is a slow client and the outcome. Times are exact, because they are the
// bubble's.
type slow struct {
	name, service string
	send          func(*testing.T, *world) *message
	at            part          // the rest comes byte by byte
	unread        bool          // the client does not read the answer
	status        int           // 0: the connection ends without an answer
	answered      time.Duration // since the start
	ended         time.Duration
}

// part returns how many bytes of a message come at once.
type part func(wire string) int

func none(string) int         { return 0 }
func some(string) int         { return 60 }
func all(wire string) int     { return len(wire) }
func header(wire string) int  { return strings.Index(wire, "\r\n\r\n") + 4 }
func request(wire string) int { return header(wire) + some(wire) } // with some of the next one

// TestSlow: no client holds a connection for longer than the limits of production.
func TestSlow(t *testing.T) {
	for _, s := range slowClients() {
		t.Run(s.service+"/"+s.name, func(t *testing.T) { synctest.Test(t, s.test) })
	}
}

func (s slow) test(t *testing.T) {
	w := newWorldWith(t, trusting{}, openSQLite)
	listeners := map[string]*pipes{}
	w.serve(t, func() net.Listener {
		p := newPipes()
		listeners[services[len(listeners)]] = p
		return p
	})
	conn := listeners[s.service].dial()
	m := s.send(t, w)
	start := time.Now()
	var writing sync.WaitGroup
	defer func() { conn.Close(); writing.Wait() }()
	writing.Go(func() {
		wire := m.wire()
		n := s.at(wire)
		_, err := io.WriteString(conn, wire[:n])
		for ; n < len(wire) && err == nil; n++ {
			time.Sleep(pace)
			_, err = io.WriteString(conn, wire[n:n+1])
		}
	})
	if s.unread {
		writing.Wait()
		for err := error(nil); err == nil; { // until the server closes the connection
			_, err = io.WriteString(conn, "x")
		}
	}
	reader := bufio.NewReader(conn)
	if s.status != 0 {
		response, err := http.ReadResponse(reader, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); response.StatusCode != s.status || took != s.answered {
			t.Errorf("status %d after %v, want %d after %v", response.StatusCode, took, s.status, s.answered)
		}
	}
	if more, err := io.ReadAll(reader); err != nil || len(more) > 0 {
		t.Errorf("then %q, error %v", more, err)
	}
	if took := time.Since(start); took != s.ended {
		t.Errorf("ended after %v, want %v", took, s.ended)
	}
	w.atWork(t, s.service, listeners[s.service].dial)
	w.checkLog(t)
}

func slowClients() (clients []slow) {
	const head, read, write, stream, idle = 5 * time.Second, 15 * time.Second, 30 * time.Second, 10 * time.Second, 120 * time.Second
	keep := without("Connection")
	health := newMessage("GET", "/health", "", "X-Long: "+strings.Repeat("x", 1000)).edited([]edit{keep})
	just := func(m *message) func(*testing.T, *world) *message {
		return func(*testing.T, *world) *message { return m }
	}
	page := func(target string) func(*testing.T, *world) *message {
		return func(t *testing.T, w *world) *message { return w.get(t, target, keep) }
	}
	for _, service := range []string{"webhook", "ui"} { // the worker has no such limits, see [workerRoutes]
		clients = append(clients,
			slow{name: "says nothing", service: service, send: just(raw("")), at: none, ended: head},
			slow{name: "first line by the byte", service: service, send: just(health), at: none, status: 400, answered: head, ended: head},
			slow{name: "header by the byte", service: service, send: just(health), at: some, ended: head},
			slow{name: "idle", service: service, send: just(health), at: all, status: 200, ended: idle},
			slow{name: "next header by the byte", service: service, send: just(raw("%s%s", health.wire(), health.wire())), at: request, status: 200, ended: head},
			slow{name: "answer unread", service: service, send: just(health), at: all, unread: true, ended: write})
	}
	return append(clients,
		slow{name: "body by the byte", service: "webhook", send: func(*testing.T, *world) *message { return post(joined, keep) },
			at: header, status: 408, answered: 2 * time.Second, ended: 2 * time.Second},
		slow{name: "chunks by the byte", service: "webhook", send: func(*testing.T, *world) *message { return post(joined, keep, chunked(100, "")) },
			at: header, status: 408, answered: 2 * time.Second, ended: 2 * time.Second},
		slow{name: "body by the byte, unsigned", service: "webhook", send: func(*testing.T, *world) *message { return post(joined, keep, without(signature)) },
			at: header, status: 401, answered: read, ended: read},
		slow{name: "body by the byte", service: "worker", send: just(deliver(somebody("U1")).edited([]edit{keep})),
			at: header, status: 408, answered: 10 * time.Second, ended: 10 * time.Second},
		slow{name: "form by the byte", service: "ui", send: func(t *testing.T, w *world) *message {
			return newMessage("POST", "/sync", "team="+team, w.token(t), "Sec-Fetch-Site: same-origin").edited([]edit{keep})
		}, at: header, status: 408, answered: 5 * time.Second, ended: 5 * time.Second},
		slow{name: "a GET with a body by the byte", service: "ui", send: func(t *testing.T, w *world) *message {
			return newMessage("GET", "/", strings.Repeat("x", 100), w.token(t)).edited([]edit{keep})
		}, at: header, status: 200, answered: read, ended: read},
		slow{name: "page unread", service: "ui", send: page("/"), at: all, unread: true, ended: write},
		slow{name: "export unread", service: "ui", send: page("/users.csv"), at: all, unread: true, ended: stream},
		slow{name: "events unread", service: "ui", send: page("/events"), at: all, unread: true, ended: stream})
}
