// Package function serves a handler through the Functions Framework.
package function

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"rollcall/internal/service"
)

// Serve registers h as the HTTP function called name, which a program can do once, and serves it
// until ctx is done. Then it finishes the requests in flight: the framework has no way to stop its
// server, but every request knows its server.
//
// That server has no timeout for headers or idle connections. Use it only for functions that
// nobody but Google's front end reaches.
//
// h is an HTTP function and not a CloudEvent function, because the framework drops the delivery attempt
// when it turns a push into a CloudEvent.
func Serve(ctx context.Context, name, host string, port int, h http.Handler, log *slog.Logger) error {
	h = service.Handler(ctx, h)
	var server atomic.Pointer[http.Server]
	functions.HTTP(name, func(w http.ResponseWriter, r *http.Request) {
		server.Store(r.Context().Value(http.ServerContextKey).(*http.Server))
		h.ServeHTTP(w, r)
	})
	// FUNCTION_TARGET serves the function at the root. With K_SERVICE set, the framework prints two empty lines for each request.
	if err := errors.Join(os.Setenv("FUNCTION_TARGET", name), os.Unsetenv("K_SERVICE")); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- funcframework.StartHostPort(host, strconv.Itoa(port)) }()
	log.InfoContext(ctx, "listening", "address", net.JoinHostPort(host, strconv.Itoa(port)))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if s := server.Load(); s != nil {
		return service.Drain(ctx, s, log)
	}
	return nil // no request ever came
}
