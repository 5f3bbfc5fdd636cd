package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
)

// oneUser is a store with one user who never changes. It counts reads and writes.
type oneUser struct {
	user                   directory.User
	reads, writes, records int
}

func (s *oneUser) User(context.Context, string, string) (directory.User, directory.Revision, error) {
	s.reads++
	if s.user.ID == "" {
		return directory.User{}, 0, directory.ErrNotFound
	}
	return s.user, 1, nil
}

func (s *oneUser) Workspace(context.Context, string) (directory.Workspace, error) {
	return directory.Workspace{ID: "T1"}, nil
}

func (s *oneUser) PutWorkspace(context.Context, directory.Workspace) error { return nil }

func (s *oneUser) PutUser(_ context.Context, _ directory.User, _ directory.Revision, r *directory.Record) error {
	s.writes++
	if r != nil {
		s.records++
	}
	return nil
}

func (s *oneUser) Record(context.Context, string, string) (directory.Record, error) {
	s.reads++
	return directory.Record{}, directory.ErrNotFound
}

func (s *oneUser) EraseRecords(context.Context, string, string) error { return nil }

// fullSize returns a change with a user object of ordinary size, in which old is replaced by new.
func fullSize(tb testing.TB, op directory.Operation, v directory.Version, old, new string) directory.Change {
	tb.Helper()
	event, err := os.ReadFile("../slack/testdata/events/user_change.json")
	if err != nil {
		tb.Fatal(err)
	}
	var envelope struct {
		Event struct {
			User json.RawMessage `json:"user"`
		} `json:"event"`
	}
	if err := json.Unmarshal(event, &envelope); err != nil {
		tb.Fatal(err)
	}
	c, err := directory.NewChange(directory.Change{Operation: op, TeamID: "T1", User: bytes.ReplaceAll(envelope.Event.User, []byte(old), []byte(new)), Version: v, Source: directory.FromEvent, EventID: "Ev1"})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// The status and the title of the object.
const (
	status = "On a train"
	title  = "Analyst"
)

// deliverAgain returns a function that delivers the same update of a stored user each time. The
// update replaces the given text of the object.
func deliverAgain(tb testing.TB, changed string) (func(), *oneUser) {
	tb.Helper()
	stored, _, err := directory.Apply(nil, fullSize(tb, directory.Insert, 1, "", ""), time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	data, err := fullSize(tb, directory.Update, 2, changed, "Another").Encode()
	if err != nil {
		tb.Fatal(err)
	}
	body, err := push.Message{ID: "1", Data: data, Attributes: map[string]string{"operation": "update", "team_id": "T1", "source": "event"},
		Subscription: "projects/p/subscriptions/s", DeliveryAttempt: 1}.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	store := &oneUser{user: stored}
	h := New(store, History{TTL: kept}, time.Second, service.NewLogger(io.Discard, slog.LevelInfo, "p"))
	reader := bytes.NewReader(nil)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	return func() {
		reader.Reset(body)
		r.Body = io.NopCloser(reader)
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			tb.Fatalf("status %d", w.Code)
		}
	}, store
}

// TestOneReadOneWrite: a message costs one read and one write.
func TestOneReadOneWrite(t *testing.T) {
	for changed, records := range map[string]int{status: 0, title: 1} {
		deliver, store := deliverAgain(t, changed)
		deliver()
		if store.reads != 1 || store.writes != 1 || store.records != records {
			t.Errorf("%q: %d reads, %d writes and %d records", changed, store.reads, store.writes, store.records)
		}
	}
}

// BenchmarkMessage measures a message without the server and the store.
func BenchmarkMessage(b *testing.B) {
	for name, changed := range map[string]string{"status": status, "title": title} {
		b.Run(name, func(b *testing.B) {
			deliver, _ := deliverAgain(b, changed)
			b.ReportAllocs()
			for b.Loop() {
				deliver()
			}
		})
	}
}
