// Package webhook receives Slack's Events API at POST /slack/events and publishes
// changes of people to Pub/Sub.
//
//	request                                                        answer
//	signature or timestamp missing, wrong, given twice, or more    401, nothing parsed
//	than 5 minutes off
//	body over 1 MiB                                                413, unread if its length says so
//	body that takes longer than 2 s, or than 25 ms while others    408
//	wait for room
//	no room in the 4 MiB for bodies with an unchecked signature:   503
//	at once for a body over 64 KiB, after 1 s for others
//	method other than POST                                         405
//	not JSON, or an object with a name twice; an event about a     400
//	person without user.id or time, or from the future
//	url_verification                                               200 with the challenge
//	team_join, user_change, app_uninstalled, tokens_revoked        200 once Pub/Sub has accepted the message
//	(of the bot)
//	one of these without a workspace, or for another app if        200, and a warning in the log
//	SLACK_APP_ID is set
//	app_rate_limited                                               200, and a warning in the log
//	anything else                                                  200
//	Pub/Sub refuses or is slow                                     503 within 2.5 s: Slack sends the event again
//
// The answer waits for Pub/Sub, so that no event is acknowledged and then lost. What
// Rollcall has no use for is answered 200: after an error Slack would send it again, and
// eventually disable the subscription.
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
	"rollcall/internal/service"
	"rollcall/internal/slack"
)

const (
	// maxBody bounds a request's body. Slack's events are a few KiB.
	maxBody = 1 << 20
	// publishTimeout leaves time to answer within 2.5 s: Slack gives up after 3 s and sends the event again.
	publishTimeout = 2200 * time.Millisecond
	// maxLoggedValue bounds a value that the request chooses, in a log line.
	maxLoggedValue = 100
)

// Publisher publishes a change. It returns nil only once the change cannot be lost.
type Publisher interface {
	Publish(context.Context, directory.Change) error
}

// Verifier recognises Slack's requests.
type Verifier interface {
	// Header refuses a request that is invalid whatever its body. It returns the signature to check the body with.
	Header(http.Header) (slack.Signature, error)
}

type handler struct {
	verifier  Verifier
	publisher Publisher
	appID     string
	bodies    *httpbody.Pool
	log       *slog.Logger
}

// New returns the handler of POST /slack/events. It ignores events for other
// apps than appID, unless appID is empty.
func New(verifier Verifier, publisher Publisher, appID string, log *slog.Logger) http.Handler {
	h := &handler{verifier, publisher, appID, httpbody.NewPool(maxBody), log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack/events", h.events)
	return mux
}

// refusal is the answer to an error, and the reason that metrics count.
type refusal struct {
	status int
	reason string
}

// refusals maps errors to answers, besides those of [httpbody.Error].
var refusals = []struct {
	err error
	refusal
}{
	{slack.ErrSignature, refusal{http.StatusUnauthorized, "signature"}},
	{slack.ErrNotJSON, refusal{http.StatusBadRequest, "not_json"}},
	{slack.ErrMalformed, refusal{http.StatusBadRequest, "malformed"}},
}

// refusalOf returns the answer to an error. What is not in the tables comes from Pub/Sub.
func refusalOf(err error) refusal {
	if e, ok := errors.AsType[*httpbody.Error](err); ok {
		return refusal{e.Status, e.Reason}
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.refusal
		}
	}
	return refusal{http.StatusServiceUnavailable, "pubsub"}
}

func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	start, ctx, req := time.Now(), r.Context(), slack.Request{}
	answer := refusal{status: http.StatusOK}
	body, err := h.signedBody(w, r)
	if err == nil {
		// Only once the signature is checked: whoever names a trace decides whether it is sampled, at our expense.
		var span trace.Span
		ctx, span = service.StartSpan(ctx, r)
		defer func() { service.EndSpan(span, answer.status) }()
		req, err = h.receive(ctx, body, start)
	}
	if err != nil {
		answer = refusalOf(err)
	}
	h.logRequest(ctx, r, req, answer, err, time.Since(start))
	if err != nil {
		http.Error(w, http.StatusText(answer.status), answer.status)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	io.WriteString(w, req.Challenge) //nolint:errcheck // Slack has hung up
}

// signedBody returns the body of a request that Slack has signed. It checks the header before it reads the body.
func (h *handler) signedBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	signature, err := h.verifier.Header(r.Header)
	if err != nil {
		return nil, err
	}
	body, room, err := h.bodies.Read(w, r)
	if err != nil {
		return nil, err
	}
	defer room.Release()
	return body, signature.Check(body)
}

// receive parses a signed body and publishes its change.
func (h *handler) receive(ctx context.Context, body []byte, start time.Time) (slack.Request, error) {
	req, err := slack.DecodeRequest(body)
	if err != nil || req.Change == nil || h.isOtherApp(req) {
		return req, err
	}
	ctx, cancel := context.WithDeadline(ctx, start.Add(publishTimeout))
	defer cancel()
	return req, h.publisher.Publish(ctx, *req.Change)
}

func (h *handler) isOtherApp(req slack.Request) bool { return h.appID != "" && req.AppID != h.appID }

// result says how a request ended, as metrics count it.
func (h *handler) result(req slack.Request, answer refusal) string {
	switch {
	case answer.reason == "pubsub":
		return "not_published"
	case answer.reason != "":
		return "refused"
	case req.NoWorkspace:
		return "no_workspace"
	case req.Change != nil && h.isOtherApp(req):
		return "other_app"
	case req.Change != nil:
		return "published"
	case req.RateLimited:
		return "app_rate_limited"
	case req.Challenge != "":
		return "challenge"
	}
	return "ignored"
}

// messages are the log messages of results other than an ordinary event.
var messages = map[string]struct {
	level slog.Level
	text  string
}{
	"not_published":    {slog.LevelError, "event not published"},
	"refused":          {slog.LevelWarn, "request refused"},
	"app_rate_limited": {slog.LevelWarn, "app_rate_limited: Slack is dropping events"},
	"no_workspace":     {slog.LevelWarn, "event ignored: it names no workspace"},
	"other_app":        {slog.LevelWarn, "event ignored: it is for another app"},
}

// logRequest writes a request's one log line: who and what, never a profile.
func (h *handler) logRequest(ctx context.Context, r *http.Request, req slack.Request, answer refusal, err error, took time.Duration) {
	result := h.result(req, answer)
	m, special := messages[result]
	if !special {
		m.text = "event" // at slog.LevelInfo
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("result", result), slog.Int("status", answer.status), slog.Duration("took", took))
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value[:min(len(value), maxLoggedValue)]))
		}
	}
	add("reason", answer.reason)
	add("type", req.Type)
	add("team_id", req.TeamID)
	add("event_id", req.EventID)
	if c := req.Change; c != nil {
		add("user_id", c.UserID)
		if h.log.Enabled(ctx, slog.LevelDebug) {
			attrs = append(attrs, slog.String("operation", string(c.Operation)),
				slog.Int64("version", int64(c.Version)), slog.Int("user_bytes", len(c.User)))
		}
	}
	if answer.status != http.StatusUnauthorized { // do not log a stranger's headers
		add("retry_num", r.Header.Get("X-Slack-Retry-Num"))
		add("retry_reason", r.Header.Get("X-Slack-Retry-Reason"))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	h.log.LogAttrs(ctx, m.level, m.text, attrs...)
}
