// Package webhook receives Slack's Events API and publishes what it tells about users.
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/slack"
)

const (
	// maxBody bounds a request's body. Slack's events are a few KiB.
	maxBody = 1 << 20
	// publishWithin leaves time to answer within 2.5 s: Slack gives up after 3 s and sends the event again.
	publishWithin = 2200 * time.Millisecond
)

// Publisher hands a change on. It returns nil only once the change is in safe hands.
type Publisher interface {
	Publish(context.Context, directory.Change) error
}

// Verifier tells requests of Slack from others.
type Verifier interface {
	CheckHeader(http.Header) error
	Verify(header http.Header, body []byte) error
}

type handler struct {
	verifier  Verifier
	publisher Publisher
	log       *slog.Logger
}

// New returns the handler of POST /slack/events. It answers 200 once an event
// about a user has been published and for everything that is none of Rollcall's
// business, so that Slack neither repeats it nor disables the subscription.
func New(verifier Verifier, publisher Publisher, log *slog.Logger) http.Handler {
	h := &handler{verifier, publisher, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack/events", h.events)
	return mux
}

// statuses is the one table from errors to answers. What is not in it is Pub/Sub's trouble: 503.
var statuses = []struct {
	err    error
	status int
}{
	{slack.ErrSignature, http.StatusUnauthorized},
	{errTooLarge, http.StatusRequestEntityTooLarge},
	{errBody, http.StatusBadRequest},
	{slack.ErrNotJSON, http.StatusBadRequest},
	{slack.ErrMalformed, http.StatusBadRequest},
}

var (
	errTooLarge = errors.New("body is too large")
	errBody     = errors.New("body could not be read")
)

func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	req, err := h.receive(w, r, start)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		for _, s := range statuses {
			if errors.Is(err, s.err) {
				status = s.status
				break
			}
		}
	}
	h.logRequest(r, req, status, err, time.Since(start))
	if err != nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	io.WriteString(w, req.Challenge) //nolint:errcheck // Slack has hung up: there is nobody to tell
}

// receive does all but answer. The request is read and parsed only as far as its signature allows.
func (h *handler) receive(w http.ResponseWriter, r *http.Request, start time.Time) (slack.Request, error) {
	if err := h.verifier.CheckHeader(r.Header); err != nil {
		return slack.Request{}, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return slack.Request{}, errTooLarge
	} else if err != nil {
		return slack.Request{}, errBody
	}
	if err := h.verifier.Verify(r.Header, body); err != nil {
		return slack.Request{}, err
	}
	req, err := slack.DecodeRequest(body)
	if err != nil || req.Change == nil {
		return req, err
	}
	ctx, cancel := context.WithDeadline(r.Context(), start.Add(publishWithin))
	defer cancel()
	return req, h.publisher.Publish(ctx, *req.Change)
}

// logRequest writes the one line of a request: who and what, never a profile.
func (h *handler) logRequest(r *http.Request, req slack.Request, status int, err error, took time.Duration) {
	level, message := slog.LevelInfo, "event"
	attrs := []slog.Attr{slog.Int("status", status), slog.Duration("took", took)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("type", req.Type)
	add("team_id", req.TeamID)
	add("event_id", req.EventID)
	if req.Change != nil {
		add("user_id", req.Change.UserID())
	}
	if status != http.StatusUnauthorized {
		add("retry_num", r.Header.Get("X-Slack-Retry-Num"))
		add("retry_reason", r.Header.Get("X-Slack-Retry-Reason"))
	}
	switch {
	case status >= 500:
		level, message = slog.LevelError, "event not published"
	case err != nil:
		level, message = slog.LevelWarn, "request refused"
	case req.RateLimited:
		level, message = slog.LevelWarn, "app_rate_limited: Slack is dropping events"
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	h.log.LogAttrs(r.Context(), level, message, attrs...)
}
