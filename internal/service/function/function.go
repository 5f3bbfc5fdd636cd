// Package function makes a function of the Functions Framework a handler like any other.
package function

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"rollcall/internal/service"
)

// Handler registers h as the function of that name, once in a program, and
// returns it as the framework serves it. The framework hands that to nobody but
// a server of its own, which has no limits and cannot be told to stop. So that
// server is started where nobody comes by, asked for its handler, and closed.
//
// It is registered as an HTTP function, because what the framework makes of a
// push for a CloudEvent function lacks the delivery attempt.
func Handler(ctx context.Context, name string, h http.Handler) (http.Handler, error) {
	first, server := sync.Once{}, make(chan *http.Server, 1)
	functions.HTTP(name, func(w http.ResponseWriter, r *http.Request) {
		ours := false
		first.Do(func() {
			s, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
			if ours = ok; ok {
				server <- s
			}
		})
		if !ours {
			h.ServeHTTP(w, r)
		}
	})
	if err := os.Setenv("FUNCTION_TARGET", name); err != nil { // serve it at the root
		return nil, err
	}
	listener, err := service.Listen("127.0.0.1", 0)
	if err != nil {
		return nil, err
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- funcframework.StartHostPort("127.0.0.1", strconv.Itoa(address.Port)) }()
	// The whole start waits for this: so without a sleep, of which the shortest is a
	// millisecond, and without an HTTP client, which takes longer to make than to ask.
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address.String())
		if err == nil {
			defer conn.Close() //nolint:errcheck // its answer is not waited for
			if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
				return nil, fmt.Errorf("functions framework: %w", err)
			}
			break
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("functions framework: %w", err)
		case <-ctx.Done():
			return nil, ctx.Err()
		default: // it does not listen yet
			runtime.Gosched()
		}
	}
	select {
	case s := <-server:
		return s.Handler, s.Close()
	case err := <-ended:
		return nil, fmt.Errorf("functions framework: %w", err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
