package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"rollcall/internal/terminal"
)

// drainTimeout leaves two of the ten seconds that Cloud Run grants between
// SIGTERM and SIGKILL (Google's page "Container runtime contract").
const drainTimeout = 8 * time.Second

// Main runs a command until it is done or told to stop by SIGINT or SIGTERM,
// and exits with status 1 after an error, 2 after a [UsageError]. A second signal ends it at once.
func Main(run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx)
	stop()
	if err == nil || errors.Is(err, errDone) {
		return
	}
	fmt.Fprintln(terminal.NewWriter(os.Stderr), err) // it may quote Slack
	if _, usage := errors.AsType[UsageError](err); usage {
		os.Exit(2)
	}
	os.Exit(1)
}

// Host returns the address to listen on: all interfaces on Cloud Run, where callers are
// authenticated or the service is public, and loopback anywhere else.
func Host() string {
	if os.Getenv("K_SERVICE") != "" {
		return ""
	}
	return "127.0.0.1"
}

// common headers go into every answer. Browsers ignore Strict-Transport-Security without TLS and for IP addresses.
var common = http.Header{
	"Strict-Transport-Security": {"max-age=63072000"},
	"X-Robots-Tag":              {"noindex, nofollow"},
}

// Handler adds GET /health and the common headers to h. Once stopping is done, every
// answer is 503.
func Handler(stopping context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), common)
		if stopping.Err() != nil {
			w.Header().Set("Connection", "close")
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
			return
		}
		if len(r.TransferEncoding) > 0 {
			// It may have come with a Content-Length. Then RFC 9112, 6.1, requires closing the connection.
			w.Header().Set("Connection", "close")
		}
		if r.URL.Path == "/health" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			fmt.Fprintln(w, "ok")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Serve listens on host and port and answers with h until ctx is done, then
// finishes the requests in flight.
func Serve(ctx context.Context, host string, port int, h http.Handler, log *slog.Logger) error {
	listener, err := Listen(host, port)
	if err != nil {
		return err
	}
	return ServeListener(ctx, listener, h, log)
}

// Listen opens a port. Port 0 means any free one.
func Listen(host string, port int) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: set PORT to another one, or to 0 for any free port", port)
	}
	return listener, err
}

// ServeListener is [Serve] on an open listener.
func ServeListener(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           Handler(ctx, h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		// h refuses "OPTIONS *", as any other path that it does not know.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return Drain(ctx, server, log)
	}
}

// Drain stops a server once its requests in flight are finished, or after drainTimeout.
func Drain(ctx context.Context, server *http.Server, log *slog.Logger) error {
	log.InfoContext(ctx, "draining")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	return nil
}
