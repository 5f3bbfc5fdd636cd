package webhook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/service"
	"rollcall/internal/slack"
)

// accepting is a publisher that does nothing.
type accepting struct{}

func (accepting) Publish(context.Context, directory.Change) error { return nil }

// handleAgain returns a function that has the webhook handle the same event each time. It allocates nothing itself.
func handleAgain(tb testing.TB) func() {
	tb.Helper()
	h := New(slack.NewVerifier(secret), accepting{}, "", service.NewLogger(io.Discard, slog.LevelInfo, "p"))
	event, err := os.ReadFile("../slack/testdata/events/user_change.json")
	if err != nil {
		tb.Fatal(err)
	}
	body := &reusable{}
	r := signed(string(event))
	r.Header = fakeslack.Sign(secret, time.Now(), event)
	r.Body = body
	w := &answer{header: http.Header{}}
	return func() {
		body.Reset(event)
		clear(w.header)
		w.status = http.StatusOK
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			tb.Fatalf("status %d", w.status)
		}
	}
}

type reusable struct{ bytes.Reader }

func (*reusable) Close() error { return nil }

type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }

// SetReadDeadline is there because the server's response writer has it: without it each call allocates an error.
func (a *answer) SetReadDeadline(time.Time) error { return nil }

// BenchmarkEvent measures an event without the server and Pub/Sub.
func BenchmarkEvent(b *testing.B) {
	handle := handleAgain(b)
	b.ReportAllocs()
	for b.Loop() {
		handle()
	}
}
