// Package worker applies the changes that Pub/Sub pushes to the directory. It is
// the only writer of users.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
	"rollcall/internal/pubsub/push"
)

const (
	// maxBody leaves room for a user of 128 kB, the maximum, in base64 and an envelope. It bounds
	// the memory of concurrent messages.
	maxBody     = 1 << 20
	readTimeout = 10 * time.Second
)

// Store is where users and workspaces are kept.
type Store interface {
	directory.Store
	// Workspace returns a stored workspace, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
	// PutWorkspace merges w into the stored workspace.
	PutWorkspace(ctx context.Context, w directory.Workspace) error
}

// Publisher publishes a record of history to subscribers. It returns once Pub/Sub has accepted the message.
type Publisher interface {
	Publish(ctx context.Context, r directory.Record) error
}

// History says how long records are kept (0: there are none), and who publishes them (nil: nobody).
type History struct {
	TTL       time.Duration
	Publisher Publisher
}

type handler struct {
	store      Store
	history    History
	workspaces workspaces
	timeout    time.Duration
	log        *slog.Logger
}

// New returns the push endpoint. The answer 200 acknowledges the message. After any
// other Pub/Sub delivers it again, and after five deliveries parks it. The handler gives up on a message
// after timeout, which must be below the subscription's ack deadline.
func New(store Store, history History, timeout time.Duration, log *slog.Logger) http.Handler {
	h := &handler{store, history, newWorkspaces(store), timeout, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", h.receive)
	// The emulator and some proxies name the topic in the path.
	mux.HandleFunc("POST /projects/{project}/topics/{topic}", h.receive)
	return mux
}

// failure is the answer to an error, and the reason that metrics count.
type failure struct {
	status int
	reason string
}

// failures maps errors to answers, besides those of [httpbody.Error].
var failures = []struct {
	err error
	failure
}{
	{push.ErrEnvelope, failure{http.StatusBadRequest, "malformed"}},
	{directory.ErrInvalid, failure{http.StatusBadRequest, "invalid"}},
	{directory.ErrUnknownUser, failure{http.StatusConflict, "unknown_user"}},
	{errPublish, failure{http.StatusServiceUnavailable, "publish"}},
}

// failureOf returns the answer to an error. What is not in the tables comes from the store.
func failureOf(err error) failure {
	if e, ok := errors.AsType[*httpbody.Error](err); ok {
		return failure{e.Status, e.Reason}
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.failure
		}
	}
	return failure{http.StatusServiceUnavailable, "store"}
}

func (h *handler) receive(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	d := handled{status: http.StatusOK}
	d.message, d.err = readMessage(w, r)
	ctx, span := startSpan(r.Context(), d.message)
	defer span.End()
	if d.err == nil {
		d.change, d.err = directory.DecodeChange(d.message.Data)
	}
	if d.err == nil {
		ctx, cancel := context.WithTimeout(ctx, h.timeout)
		defer cancel()
		d.result, d.err = h.apply(ctx, d.change)
	}
	if d.err != nil {
		f := failureOf(d.err)
		d.status, d.result = f.status, f.reason
		span.SetStatus(codes.Error, d.result)
	}
	span.SetAttributes(attribute.String("rollcall.outcome", d.result))
	h.logMessage(ctx, d, time.Since(start))
	if d.err != nil {
		http.Error(w, http.StatusText(d.status), d.status)
	}
}

var tracer = otel.Tracer("rollcall/internal/worker")

// startSpan continues the trace of m's publisher, and links to the trace of the delivery.
func startSpan(ctx context.Context, m push.Message) (context.Context, trace.Span) {
	delivery := trace.LinkFromContext(ctx)
	return tracer.Start(m.Trace(ctx), "apply", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(delivery),
		trace.WithAttributes(semconv.MessagingMessageID(m.ID)))
}

func readMessage(w http.ResponseWriter, r *http.Request) (push.Message, error) {
	body, err := httpbody.Read(w, r, maxBody, readTimeout)
	if err != nil {
		return push.Message{}, err
	}
	return push.Decode(body)
}

func (h *handler) apply(ctx context.Context, c directory.Change) (result string, err error) {
	known, err := h.workspaces.isKnown(ctx, c.TeamID)
	switch {
	case err != nil:
		return "", err
	case !known:
		return unknownWorkspace, nil
	case c.Operation == directory.Disconnect:
		return h.workspaces.disconnect(ctx, c)
	}
	applied, err := directory.ApplyTo(ctx, h.store, c, h.history.TTL)
	if err == nil && applied.Record != nil && h.history.Publisher != nil {
		// Publish before the acknowledgement: if this fails or the process dies, the message is delivered again.
		err = h.history.Publisher.Publish(ctx, *applied.Record)
		if err != nil {
			err = fmt.Errorf("%w: %w", errPublish, err)
		}
	}
	return string(applied.Outcome), err
}

// errPublish means that a change is stored, but its record is not published yet.
var errPublish = errors.New("publish the record of the change")

// handled is a message and its outcome.
type handled struct {
	message push.Message
	change  directory.Change
	result  string // a [directory.Outcome], one of ours, or the reason of a failure
	status  int
	err     error
}

// written reports whether a document now has what the message says.
func (d handled) written() bool {
	return d.err == nil && d.result != string(directory.Unchanged) && d.result != unknownWorkspace
}

// logMessage writes a delivery's one log line: who and what, never a profile.
func (h *handler) logMessage(ctx context.Context, d handled, took time.Duration) {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("outcome", d.result),
		slog.Int("status", d.status),
		slog.Duration("took", took),
		slog.String("message_id", d.message.ID),
		slog.Int("delivery_attempt", d.message.DeliveryAttempt))
	if c := d.change; c.Operation != "" {
		attrs = append(attrs,
			slog.String("operation", string(c.Operation)),
			slog.String("team_id", c.TeamID),
			slog.String("user_id", c.UserID),
			slog.Int64("version", int64(c.Version)),
			slog.String("source", string(c.Source)),
			slog.String("event_id", c.EventID))
	}
	if published := d.message.PublishTime; d.written() && !published.IsZero() {
		attrs = append(attrs, slog.Duration("latency", time.Since(published))) // since Pub/Sub accepted it
	}
	level, text := slog.LevelInfo, "applied"
	switch {
	case d.result == unknownWorkspace:
		level, text = slog.LevelWarn, "dropped: no sync or installation knows the workspace"
	case errors.Is(d.err, directory.ErrUnknownUser):
		level, text = slog.LevelWarn, "not applied yet"
	case d.err != nil:
		level, text = slog.LevelError, "not applied"
	}
	if d.err != nil {
		attrs = append(attrs, slog.String("error", d.err.Error()))
	}
	h.log.LogAttrs(ctx, level, text, attrs...)
}
