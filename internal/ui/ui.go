// Package ui serves the directory's pages, rendered on the server with templ.
package ui

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/felixge/httpsnoop"
	"github.com/klauspost/compress/gzhttp"
	"go.opentelemetry.io/otel/trace"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// Store is all that the pages show.
type Store interface {
	Directory
	Counter
	Watcher
	Records
}

// Directory is where the people are read.
type Directory interface {
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
	// User returns [directory.ErrNotFound] if there is no such user.
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
}

// Syncer starts a full sync. It returns once that is under way, or with
// syncs.ErrLeased if one already is.
type Syncer interface {
	StartSync(ctx context.Context) error
}

// DeadLetters counts the messages that nobody could handle and nobody has looked at.
type DeadLetters interface {
	Waiting(ctx context.Context) (int, error)
}

// Options say what to serve.
type Options struct {
	Store       Store
	Syncer      Syncer      // nil: full syncs cannot be started from here
	DeadLetters DeadLetters // nil: nobody counts them
	Log         *slog.Logger
	Audit       *audit.Log // told who looked at whom; nil for one that writes to Log
	// Authenticate stands before every page; nil lets everybody in.
	Authenticate func(http.Handler) http.Handler
	// Viewers says who sees which workspace; nil: everybody who is let in sees all of them.
	Viewers Viewers
	// ImageSources are origins, besides Slack's own, that images may come from.
	ImageSources []string
	Now          func() time.Time // nil for time.Now
}

type handler struct {
	Options
	hub     *hub
	caches  caches
	streams *turns
	exports *turns
}

// New returns the handler of all pages. Live pages end with ctx.
func New(ctx context.Context, o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Audit == nil {
		o.Audit = audit.New(o.Log, nil)
	}
	h := &handler{Options: o, caches: newCaches(), streams: newTurns(maxStreams), exports: newTurns(maxExports)}
	h.hub = newHub(ctx, o.Store, h.renderChange, o.Log)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", h.page(h.table))
	mux.Handle("GET /users/{team}/{id}", h.page(h.person))
	mux.Handle("GET /users/count", h.page(h.count))
	mux.Handle("GET /users.csv", h.export("csv", "text/csv; charset=utf-8", writeCSV))
	mux.Handle("GET /users.json", h.export("json", "application/json", writeJSON))
	mux.Handle("GET /events", http.HandlerFunc(h.events))
	mux.Handle("GET /status", h.page(h.status))
	mux.Handle("POST /sync", http.HandlerFunc(h.startSync))
	mux.Handle("GET "+assetsPath, gzhttp.GzipHandler(assets()))
	mux.Handle("GET /", h.page(func(*http.Request) (templ.Component, error) { return nil, directory.ErrNotFound }))

	guarded := h.observed(sameOrigin(mux))
	if o.Authenticate != nil {
		guarded = o.Authenticate(guarded)
	}
	return h.secure(guarded)
}

// observed writes the one line of a request, and names its span: by route, since paths and queries name people.
func (h *handler) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httpsnoop.CaptureMetrics(next, w, r)
		trace.SpanFromContext(r.Context()).SetName(r.Pattern)
		h.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("route", r.Pattern), slog.String("method", r.Method),
			slog.Int("status", answer.Code), slog.Duration("took", answer.Duration), slog.Int64("bytes", answer.Written))
	})
}

// imageSources are where Slack keeps avatars, its own and Gravatar's with the default behind it, and custom emoji.
var imageSources = []string{"https://*.slack-edge.com", "https://*.gravatar.com", "https://*.wp.com"}

// secure sets the headers that every answer has. Pico's icons are data: images.
func (h *handler) secure(next http.Handler) http.Handler {
	images := append(imageSources[:len(imageSources):len(imageSources)], h.ImageSources...)
	csp := "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data: " + strings.Join(images, " ") +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", csp)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		header.Set("Cache-Control", "no-store") // people's data; assets say otherwise
		next.ServeHTTP(w, r)
	})
}
