// Package ui serves the directory as web pages, rendered on the server with templ.
package ui

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel/trace"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/syncs"
	"rollcall/internal/ui/live"
)

// Store is what the pages read.
type Store interface {
	Directory
	Counter
	Syncs
	History
}

// Directory has the people.
type Directory interface {
	// Users returns a page of users without their parts.
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
	// User returns [directory.ErrNotFound] if there is no such user.
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// UsersByID returns the users with those ids, removed ones too, in no particular order. It leaves out unknown ids.
	UsersByID(ctx context.Context, teamID string, ids []string) ([]directory.User, error)
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
	// TeamProfile returns the definitions of custom fields, as in Slack's team.profile.get; nil if they are unknown.
	TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error)
	// Watch yields users as they are written, removed ones too, from its first use until ctx is
	// done. It may also yield some that were written shortly before.
	Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error]
}

// History has the records of what changed.
type History interface {
	// Records returns a page of the records, the newest first.
	Records(ctx context.Context, teamID string, req directory.RecordPageRequest) (directory.RecordPage, error)
	CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (int, error)
	// WatchRecords yields records as Watch yields users.
	WatchRecords(ctx context.Context, teamID string) iter.Seq2[[]directory.Record, error]
}

// Counter counts people without reading them.
type Counter interface {
	// Count returns how many users match the filter or, if exact is false, an upper bound.
	Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error)
}

// Syncs are the full syncs' own records, newest first, and the custom emoji that they copy.
type Syncs interface {
	Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error)
	// LeasedUntil returns when the workspace's lease expires unless a running sync renews it.
	LeasedUntil(ctx context.Context, teamID string) (time.Time, error)
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

// Syncer starts full syncs.
type Syncer interface {
	// StartSync returns once a sync has been started. If one is already running, it returns syncs.ErrLeased.
	StartSync(ctx context.Context) error
}

// DeadLetters counts the messages that failed for good and that no operator has dealt with yet.
type DeadLetters interface {
	Waiting(ctx context.Context) (int, error)
}

// Options say what to serve.
type Options struct {
	Store       Store
	Syncer      Syncer      // nil: no button that starts a sync
	Schedule    Schedule    // of full syncs; nil: unknown
	DeadLetters DeadLetters // nil: no count of dead letters
	// DeadLettersCommand lists them, for an operator to run; empty if nothing does.
	DeadLettersCommand string
	Log                *slog.Logger
	Audit              *audit.Log // nil: audit lines go to Log
	// Authenticate wraps every page; nil lets everybody in.
	Authenticate func(http.Handler) http.Handler
	// Viewers restricts who sees which workspace; nil shows everybody all of them.
	Viewers Viewers
	// ImageSources are origins that images may come from, besides Slack's own.
	ImageSources []string
	Now          func() time.Time // nil for time.Now
}

type handler struct {
	Options
	contentPolicy string // the Content-Security-Policy of pages
	people        *live.Hub[directory.User]
	records       *live.Hub[directory.Record]
	caches        caches
	streams       *limiter
	exports       *limiter
}

// New returns the handler of all pages. Live streams end with ctx.
func New(ctx context.Context, o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Audit == nil {
		o.Audit = audit.New(o.Log, nil)
	}
	h := &handler{Options: o, contentPolicy: contentPolicy(o), caches: newCaches(), streams: newLimiter(maxConcurrentStreams), exports: newLimiter(maxConcurrentExports)}
	h.people = live.New(ctx, o.Store.Watch, h.renderUsers, o.Log)
	h.records = live.New(ctx, o.Store.WatchRecords, h.renderRecords, o.Log)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", h.page(h.list))
	mux.Handle("GET /users/{team}/{id}", h.personOrFile())
	mux.Handle("GET /users/{team}/{id}/events", http.HandlerFunc(h.personEvents))
	mux.Handle("GET /users/count", h.page(h.count))
	mux.Handle("GET /users.csv", export(h, h.exportedUsers, "csv", csvFile(userCells)))
	mux.Handle("GET /users.json", export(h, h.exportedUsers, "json", jsonFile(userObject)))
	mux.Handle("GET /events", http.HandlerFunc(h.events))
	mux.Handle("GET /changes", h.page(h.changes))
	mux.Handle("GET /changes/count", h.page(h.changesCount))
	mux.Handle("GET /changes.csv", export(h, h.exportedRecords, "changes_csv", csvFile(recordCells)))
	mux.Handle("GET /changes.json", export(h, h.exportedRecords, "changes_json", jsonFile(recordObject)))
	mux.Handle("GET /changes/events", http.HandlerFunc(h.recordEvents))
	mux.Handle("GET /org", h.page(h.org))
	mux.Handle("GET /org/reports", h.page(h.orgReports))
	mux.Handle("GET /status", h.page(h.status))
	mux.Handle("POST /sync", http.HandlerFunc(h.startSync))
	mux.Handle("POST /theme", http.HandlerFunc(h.chooseTheme))
	mux.Handle("GET "+assetsPath, h.assets())
	mux.HandleFunc("GET /", h.notFound)

	guarded := h.observed(h.sameOrigin(h.allowed(mux)))
	if o.Authenticate != nil {
		guarded = o.Authenticate(guarded)
	}
	return h.secure(guarded)
}

// observed logs each request and names its span, by route because paths and queries name people.
func (h *handler) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httpsnoop.CaptureMetrics(next, w, r)
		trace.SpanFromContext(r.Context()).SetName(r.Pattern)
		h.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("route", r.Pattern), slog.String("method", r.Method),
			slog.Int("status", answer.Code), slog.Duration("took", answer.Duration), slog.Int64("bytes", answer.Written))
	})
}

// contentPolicy returns the Content-Security-Policy of pages.
func contentPolicy(o Options) string {
	images := append(imageSources[:len(imageSources):len(imageSources)], o.ImageSources...)
	return "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' " + strings.Join(images, " ") +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// secure sets the headers of every answer.
func (h *handler) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", h.contentPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		header.Set("Cache-Control", "no-store") // people's data; assets say otherwise
		next.ServeHTTP(w, r)
	})
}
