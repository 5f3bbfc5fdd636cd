// Package service is what every deployable needs around its own work: logs in
// Cloud Logging's format, trace context, health, limits and a graceful stop.
package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
)

// NewLogger writes JSON lines in Cloud Logging's format (Google's page
// "Structured logging"). Lines that belong to a request carry its trace.
func NewLogger(w io.Writer, level slog.Level, project string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.LevelKey:
			return slog.String("severity", severity(a.Value.Any().(slog.Level)))
		case slog.MessageKey:
			a.Key = "message"
		case slog.TimeKey:
			a.Key = "timestamp"
		}
		if d, ok := a.Value.Any().(interface{ Seconds() float64 }); ok {
			a.Value = slog.Float64Value(d.Seconds()) // slog would write nanoseconds
		}
		return a
	}})
	return slog.New(traceHandler{h, project})
}

// severity returns Cloud Logging's name of a level (Google's page "LogSeverity").
func severity(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}

type traceKey struct{}

// traceHandler adds the trace of the request that a line belongs to.
type traceHandler struct {
	slog.Handler
	project string
}

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if trace, ok := ctx.Value(traceKey{}).(string); ok && h.project != "" {
		r.AddAttrs(slog.String("logging.googleapis.com/trace", "projects/"+h.project+"/traces/"+trace))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs), h.project}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name), h.project}
}

// Both headers begin with the trace id of 32 hex digits: W3C's after a version, Google's at once.
var (
	traceparent  = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-`)
	cloudContext = regexp.MustCompile(`^([0-9a-f]{32})(/|$)`)
)

// withTrace keeps the trace of r in its context, for the lines logged with it.
func withTrace(r *http.Request) *http.Request {
	m := traceparent.FindStringSubmatch(r.Header.Get("Traceparent"))
	if m == nil {
		m = cloudContext.FindStringSubmatch(r.Header.Get("X-Cloud-Trace-Context"))
	}
	if m == nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), traceKey{}, m[1]))
}
