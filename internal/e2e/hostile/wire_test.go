package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// message is a request on the wire. It is well-formed until it is edited.
type message struct {
	method, target, proto string
	lines                 []string // of the header
	body                  string
	half                  bool // the client closes its side before the end of the body
}

type edit func(*message)

// newMessage returns a request with Content-Length and Connection: close, so that all answers can be read.
func newMessage(method, target, body string, lines ...string) *message {
	m := &message{method: method, target: target, proto: "HTTP/1.1", body: body}
	m.lines = append([]string{"Host: rollcall.example", "Connection: close"}, lines...)
	if body != "" || method == http.MethodPost {
		m.lines = append(m.lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return m
}

func (m *message) edited(edits []edit) *message {
	for _, e := range edits {
		e(m)
	}
	return m
}

func (m *message) wire() string {
	if m.method == "" {
		return m.body // raw
	}
	return m.method + " " + m.target + " " + m.proto + "\r\n" + strings.Join(append(m.lines, ""), "\r\n") + "\r\n" + m.body
}

// raw is a message without any additions.
func raw(format string, args ...any) *message { return &message{body: fmt.Sprintf(format, args...)} }

func with(lines ...string) edit { return func(m *message) { m.lines = append(m.lines, lines...) } }

func has(name string) func(string) bool {
	return func(line string) bool { return strings.HasPrefix(line, name+":") }
}

func without(name string) edit {
	return func(m *message) { m.lines = slices.DeleteFunc(m.lines, has(name)) }
}

// set replaces a header's value.
func set(name, value string) edit {
	return func(m *message) { without(name)(m); with(name + ": " + value)(m) }
}

// change applies f to a header's value.
func change(name string, f func(string) string) edit {
	return func(m *message) {
		for i, line := range m.lines {
			if has(name)(line) {
				m.lines[i] = name + ": " + f(strings.TrimSpace(line[len(name)+1:]))
			}
		}
	}
}

// rename changes a header's name.
func rename(name, to string) edit {
	return func(m *message) {
		for i, line := range m.lines {
			if has(name)(line) {
				m.lines[i] = to + line[len(name):]
			}
		}
	}
}

func method(s string) edit { return func(m *message) { m.method = s } }
func target(s string) edit { return func(m *message) { m.target = s } }
func proto(s string) edit  { return func(m *message) { m.proto = s } }
func body(s string) edit   { return func(m *message) { m.body = s } }
func half(m *message)      { m.half = true }

// chunked sends the body in chunks of that size, and a trailer.
func chunked(size int, trailer string) edit {
	return func(m *message) {
		set("Transfer-Encoding", "chunked")(m)
		without("Content-Length")(m)
		var b strings.Builder
		for piece := range slices.Chunk([]byte(m.body), size) {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		}
		m.body = b.String() + "0\r\n" + trailer + "\r\n"
	}
}

// chunks sends a text as a chunked body.
func chunks(s string) edit {
	return func(m *message) { chunked(1, "")(m); m.body = s }
}

// answer is the server's answer.
type answer struct {
	status int
	header http.Header
	body   string
}

const timeout = 10 * time.Second

// exchange sends m and returns all answers until the server closes the connection.
// It returns only the beginning of a stream.
func exchange(t *testing.T, conn net.Conn, m *message, stream bool) (all []answer) {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		t.Fatal(err)
	}
	go func() { // the server may answer and close before it has read everything
		io.WriteString(conn, m.wire()) //nolint:errcheck // see above
		if tcp, ok := conn.(*net.TCPConn); ok && m.half {
			tcp.CloseWrite() //nolint:errcheck // see above
		}
	}()
	reader := bufio.NewReader(conn)
	asked := &http.Request{Method: m.method}
	for {
		_, err := reader.Peek(1)
		// A server that answers before it has read everything may reset the connection.
		if errors.Is(err, io.EOF) || len(all) > 0 && errors.Is(err, syscall.ECONNRESET) {
			return all
		} else if err != nil {
			t.Fatalf("answer %d: %v", len(all)+1, err)
		}
		response, err := http.ReadResponse(reader, asked)
		if err != nil {
			t.Fatalf("answer %d: %v", len(all)+1, err)
		}
		if response.StatusCode == http.StatusContinue {
			continue
		}
		a := answer{status: response.StatusCode, header: response.Header}
		if stream {
			b := make([]byte, 4096)
			n, err := response.Body.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			a.body = string(b[:n])
			return append(all, a)
		}
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatalf("body of answer %d: %v", len(all)+1, err)
		}
		a.body = string(b)
		all, asked = append(all, a), nil
	}
}
