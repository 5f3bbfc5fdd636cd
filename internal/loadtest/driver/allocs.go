package driver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"rollcall/internal/fakeslack"
)

// allocs are the heap allocations of one request: in net/http's server, the handler,
// Pub/Sub's client and the topic, which is in the same process.
type allocs struct{ objects, bytes float64 }

// countAllocs posts the same event repeatedly over connections that allocate
// nothing themselves: they write prepared bytes and read answers into an existing
// buffer.
func countAllocs(ctx context.Context, address, secret string, body []byte, connections, requests int) (allocs, error) {
	conns := make([]*bareConn, connections)
	for i := range conns {
		c, err := dial(ctx, address, secret, body)
		if err != nil {
			return allocs{}, err
		}
		defer c.Close() //nolint:errcheck // all answers are read
		conns[i] = c
	}
	post := func(each int) error {
		failed := make([]error, len(conns))
		var posting sync.WaitGroup
		for i, c := range conns {
			posting.Go(func() {
				for range each {
					if failed[i] == nil && ctx.Err() == nil {
						failed[i] = c.post()
					}
				}
			})
		}
		posting.Wait()
		return errors.Join(append(failed, ctx.Err())...)
	}
	each := max(1, requests/connections)
	if err := post(max(1, each/10)); err != nil { // fill pools, open connections
		return allocs{}, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := post(each)
	runtime.ReadMemStats(&after)
	n := float64(each * connections)
	return allocs{float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n}, err
}

// bareConn is an HTTP client for one request and short answers.
type bareConn struct {
	net.Conn
	answers *bufio.Reader
	request []byte
}

// dial connects and signs the request. The signature is valid for five minutes.
func dial(ctx context.Context, address, secret string, body []byte) (*bareConn, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = fakeslack.Sign(secret, time.Now(), body)
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.URL.Host)
	if err != nil {
		return nil, err
	}
	return &bareConn{conn, bufio.NewReaderSize(conn, 4<<10), raw.Bytes()}, nil
}

var errAnswer = errors.New("not accepted")

func (c *bareConn) post() error {
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	status, err := c.answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("%w: %q", errAnswer, status)
	}
	length := 0
	for {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			_, err := c.answers.Discard(length)
			return err
		}
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length = 0
			for _, d := range digits {
				length = 10*length + int(d-'0')
			}
		}
	}
}
