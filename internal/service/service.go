package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// drainWithin leaves two of the ten seconds that Cloud Run grants between
// SIGTERM and SIGKILL (Google's page "Container runtime contract").
const drainWithin = 8 * time.Second

// flushWithin lets the server write an answer that its handler has just returned from.
const flushWithin = 100 * time.Millisecond

// Main runs a command until it is done or told to stop by SIGINT or SIGTERM,
// and exits with 1 after an error.
func Main(run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// IsTerminal says whether a person watches f.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Host returns where to listen: everywhere on Cloud Run, which authenticates
// or is meant to be public, and on loopback anywhere else.
func Host() string {
	if os.Getenv("K_SERVICE") != "" {
		return ""
	}
	return "127.0.0.1"
}

// Handler adds to h what every service answers and knows: GET /health and traces.
// While d is draining, health and all else is 503.
func Handler(h http.Handler, d *Drain) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", traced(h))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	return d.wrap(mux)
}

// Serve listens on host and port and answers with h until ctx is done, then
// finishes the requests under way.
func Serve(ctx context.Context, host string, port int, h http.Handler, log *slog.Logger) error {
	listener, err := Listen(host, port)
	if err != nil {
		return err
	}
	return ServeListener(ctx, listener, h, log)
}

// Listen opens a port. Port 0 takes any that is free.
func Listen(host string, port int) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: set PORT to another, or to 0 for any that is free", port)
	}
	return listener, err
}

// ServeListener is [Serve] on an open listener.
func ServeListener(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	drain := NewDrain(ctx)
	server := &http.Server{
		Handler:           Handler(h, drain),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "draining")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	return nil
}

// Drain counts the requests under way, for a server that cannot be shut down
// gracefully itself, as that of the Functions Framework.
type Drain struct {
	stopping  context.Context
	mu        sync.Mutex
	underWay  int
	idle      chan struct{} // closed when stopping and nothing is under way
	closeIdle sync.Once
}

// NewDrain refuses new requests once stopping is done.
func NewDrain(stopping context.Context) *Drain {
	d := &Drain{stopping: stopping, idle: make(chan struct{})}
	context.AfterFunc(stopping, func() { d.add(0) })
	return d
}

func (d *Drain) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.add(1)
		defer d.add(-1)
		if d.stopping.Err() != nil {
			w.Header().Set("Connection", "close")
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (d *Drain) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay += n
	if d.underWay == 0 && d.stopping.Err() != nil {
		d.closeIdle.Do(func() { close(d.idle) })
	}
}

// Wait returns when the requests that were under way at the stop have been
// answered, or with an error when they take longer than Cloud Run would wait.
func (d *Drain) Wait() error {
	select {
	case <-d.idle:
		time.Sleep(flushWithin)
		return nil
	case <-time.After(drainWithin):
		return errors.New("drain: requests still under way")
	}
}
