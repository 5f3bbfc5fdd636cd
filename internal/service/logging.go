// Package service is what every service needs around its own work: listening with
// limits and a graceful stop, logs in Cloud Logging's format, and tracing.
package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/trace"

	"rollcall/internal/config"
)

// OpenLog returns a program's log. If c names a file for the level, the log follows
// that file while the program runs.
func OpenLog(ctx context.Context, w io.Writer, c config.Common) *slog.Logger {
	level := new(slog.LevelVar)
	level.Set(c.LogLevel)
	log := NewLogger(w, level, c.Project)
	if c.LogLevelFile != "" {
		go followLevel(ctx, c.LogLevelFile, level, log)
	}
	return log
}

// levelInterval is how often the file is read. On Cloud Run it is a mounted secret, and
// each read is billed.
const levelInterval = 30 * time.Second

func followLevel(ctx context.Context, file string, level *slog.LevelVar, log *slog.Logger) {
	tick := time.NewTicker(levelInterval)
	defer tick.Stop()
	var fault string // logged once, not at every read
	for {
		err := readLevel(file, level, log)
		if err != nil && err.Error() != fault {
			log.WarnContext(ctx, "log level not read: it stays the same", "error", err)
		}
		fault = ""
		if err != nil {
			fault = err.Error()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func readLevel(file string, level *slog.LevelVar, log *slog.Logger) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var next slog.Level
	if err := next.UnmarshalText(bytes.TrimSpace(text)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if next != level.Level() {
		level.Set(next)
		log.Log(context.Background(), max(next, slog.LevelWarn), "log level changed", "log_level", next.String())
	}
	return nil
}

// NewLogger writes JSON lines in Cloud Logging's format (Google's page
// "Structured logging"). Lines that belong to a request carry its trace.
func NewLogger(w io.Writer, level slog.Leveler, project string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.LevelKey:
			if level, ok := a.Value.Any().(slog.Level); ok {
				return slog.String("severity", severity(level))
			}
		case slog.MessageKey:
			a.Key = "message"
		case slog.TimeKey:
			a.Key = "timestamp"
		}
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.Float64Value(a.Value.Duration().Seconds()) // slog would write nanoseconds
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

// traceHandler adds the trace and the span that a line belongs to.
type traceHandler struct {
	slog.Handler
	project string
}

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() && h.project != "" {
		r.AddAttrs(
			slog.String("logging.googleapis.com/trace", "projects/"+h.project+"/traces/"+span.TraceID().String()),
			slog.String("logging.googleapis.com/spanId", span.SpanID().String()),
			slog.Bool("logging.googleapis.com/trace_sampled", span.IsSampled()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs), h.project}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name), h.project}
}
