package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/store/sqlite"
)

// faultyStore is a real store with injected faults.
type faultyStore struct {
	Store
	readErr, writeErr func() error
}

func (s *faultyStore) User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error) {
	if s.readErr != nil {
		if err := s.readErr(); err != nil {
			return directory.User{}, 0, err
		}
	}
	return s.Store.User(ctx, teamID, userID)
}

func (s *faultyStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if s.writeErr != nil {
		if err := s.writeErr(); err != nil {
			return err
		}
	}
	return s.Store.PutUser(ctx, u, expected, record)
}

func newStore(t *testing.T) *faultyStore {
	t.Helper()
	s, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.PutWorkspace(t.Context(), directory.Workspace{ID: "T1", Name: "One"}); err != nil {
		t.Fatal(err)
	}
	return &faultyStore{Store: s}
}

func delivery(t *testing.T, data string) []byte {
	t.Helper()
	body, err := push.Message{ID: "m1", Data: []byte(data), Subscription: "projects/p/subscriptions/s", DeliveryAttempt: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func message(op directory.Operation, v directory.Version, user string) string {
	source := directory.FromEvent
	switch op {
	case directory.Delete:
		source = directory.FromSync
	case directory.Lift, directory.Reset:
		source = directory.FromOperator
	}
	return fmt.Sprintf(`{"operation":"%s","team_id":"T1","user":%s,"version":%d,"source":"%s","event_id":"Ev1"}`, op, user, v, source)
}

// TestAcknowledgement: which messages are acknowledged, for each kind of message.
func TestAcknowledgement(t *testing.T) {
	const ada = `{"id":"U1","name":"ada","profile":{"email":"ada@example.com"}}`
	down := func() error { return errors.New("unavailable") }
	tests := []struct {
		name     string
		before   []string
		message  string
		readErr  func() error
		writeErr func() error
		status   int
		name1    string // username afterwards
		removed  bool
		rawBody  string // instead of an envelope
		path     string
		method   string
	}{
		{name: "insert", message: message("insert", 10, ada), status: 200, name1: "ada"},
		{name: "repeat", before: []string{message("insert", 10, ada)}, message: message("insert", 10, ada), status: 200, name1: "ada"},
		{name: "stale", before: []string{message("insert", 10, ada)}, message: message("update", 9, `{"id":"U1","name":"x"}`), status: 200, name1: "ada"},
		{name: "update", before: []string{message("insert", 10, ada)}, message: message("update", 11, `{"id":"U1","name":"x"}`), status: 200, name1: "x"},
		{name: "delete", before: []string{message("insert", 10, ada)}, message: message("delete", 11, `{"id":"U1"}`), status: 200, name1: "ada"},
		{name: "reset", before: []string{message("insert", 10, ada)}, message: message("reset", 11, `{"id":"U1"}`), status: 200, removed: true},
		{name: "an operator who describes", message: strings.Replace(message("insert", 10, ada), `"event"`, `"operator"`, 1), status: 400},
		{name: "an unknown workspace", message: strings.Replace(message("insert", 10, ada), "T1", "T2", 1), status: 200},
		{name: "far in the future", message: message("insert", directory.VersionOf(time.Now().Add(time.Hour)), ada), status: 400},
		{name: "update of an unknown id", message: message("update", 10, ada), status: 409},
		{name: "message is not JSON", message: "hello", status: 400},
		{name: "no data", message: "", status: 400},
		{name: "no id", message: message("insert", 10, `{"name":"x"}`), status: 400},
		{name: "unknown operation", message: message("upsert", 10, ada), status: 400},
		{name: "no envelope", rawBody: message("insert", 10, ada), status: 400},
		{name: "empty body", rawBody: " ", status: 400},
		{name: "body too large", rawBody: strings.Repeat(" ", maxBody+1), status: 413},
		{name: "read fails", message: message("insert", 10, ada), readErr: down, status: 503},
		{name: "write fails", message: message("insert", 10, ada), writeErr: down, status: 503},
		{name: "the emulator's path", message: message("insert", 10, ada), path: "/projects/p/topics/user-events", status: 200, name1: "ada"},
		{name: "another path", message: message("insert", 10, ada), path: "/x", status: 404},
		{name: "GET", message: message("insert", 10, ada), method: http.MethodGet, status: 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(t)
			var log bytes.Buffer
			h := New(store, History{}, time.Second, slog.New(slog.NewJSONHandler(&log, nil)))
			for _, m := range tt.before {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, m))))
				if w.Code != http.StatusOK {
					t.Fatalf("before: status %d", w.Code)
				}
			}
			store.readErr, store.writeErr = tt.readErr, tt.writeErr
			body := delivery(t, tt.message)
			if tt.rawBody != "" {
				body = []byte(tt.rawBody)
			}
			if tt.path == "" {
				tt.path = "/"
			}
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, bytes.NewReader(body)))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			store.readErr, store.writeErr = nil, nil
			u, _, err := store.User(t.Context(), "T1", "U1")
			if u.Name != tt.name1 || (err == nil) != (tt.name1 != "" || tt.removed) {
				t.Errorf("afterwards %q, error %v", u.Name, err)
			}
			if strings.Contains(log.String(), "ada") || strings.Contains(w.Body.String(), "ada") {
				t.Errorf("a profile is logged or answered: %s %s", log.String(), w.Body)
			}
		})
	}
}

// TestConflictIsTriedAgain: after a conflict the user is read again.
func TestConflictIsTriedAgain(t *testing.T) {
	store := newStore(t)
	conflicts := 3
	store.writeErr = func() error {
		if conflicts > 0 {
			conflicts--
			return fmt.Errorf("store: %w", directory.ErrConflict)
		}
		return nil
	}
	c, err := directory.DecodeChange([]byte(message("insert", 1, `{"id":"U1"}`)))
	if err != nil {
		t.Fatal(err)
	}
	h := handler{store: store, workspaces: newWorkspaces(store), log: slog.New(slog.DiscardHandler)}
	if outcome, err := h.apply(t.Context(), c); err != nil || outcome != string(directory.Created) || conflicts != 0 {
		t.Errorf("outcome %q, error %v, %d conflicts left", outcome, err, conflicts)
	}
}

// endlessConflict is a store where somebody else always writes first.
type endlessConflict struct{}

func (endlessConflict) User(context.Context, string, string) (directory.User, directory.Revision, error) {
	return directory.User{}, 0, directory.ErrNotFound
}

func (endlessConflict) Workspace(context.Context, string) (directory.Workspace, error) {
	return directory.Workspace{ID: "T1"}, nil
}

func (endlessConflict) PutWorkspace(context.Context, directory.Workspace) error { return nil }

func (endlessConflict) Record(context.Context, string, string) (directory.Record, error) {
	return directory.Record{}, directory.ErrNotFound
}

func (endlessConflict) EraseRecords(context.Context, string, string) error { return nil }

func (endlessConflict) PutUser(context.Context, directory.User, directory.Revision, *directory.Record) error {
	return directory.ErrConflict
}

// TestGivesUpInTime: a message that cannot be applied is refused before Pub/Sub's ack deadline.
func TestGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := httptest.NewRecorder()
		New(endlessConflict{}, History{}, 20*time.Second, slog.New(slog.DiscardHandler)).ServeHTTP(w,
			httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, message("insert", 1, `{"id":"U1"}`)))))
		if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took > 21*time.Second {
			t.Errorf("status %d after %v", w.Code, took)
		}
	})
}

// TestWorkspaces: a new workspace is known at once, and a newer disconnect is recorded.
func TestWorkspaces(t *testing.T) {
	store := newStore(t)
	var log bytes.Buffer
	h := New(store, History{}, time.Second, slog.New(slog.NewJSONHandler(&log, nil)))
	deliver := func(data string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, data))))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, &log)
		}
	}
	elsewhere := strings.Replace(message("insert", 10, `{"id":"U9"}`), "T1", "T2", 1)
	deliver(elsewhere)
	if _, _, err := store.User(t.Context(), "T2", "U9"); !errors.Is(err, directory.ErrNotFound) || !strings.Contains(log.String(), `"outcome":"unknown_workspace"`) {
		t.Errorf("error %v, log %s", err, &log)
	}
	if err := store.PutWorkspace(t.Context(), directory.Workspace{ID: "T2", Name: "Two", ConnectedAt: 5}); err != nil {
		t.Fatal(err)
	}
	deliver(elsewhere)
	if _, _, err := store.User(t.Context(), "T2", "U9"); err != nil {
		t.Errorf("a workspace that is known by now: %v", err)
	}
	deliver(`{"operation":"disconnect","team_id":"T2","version":7,"source":"event","event_id":"Ev2"}`)
	deliver(`{"operation":"disconnect","team_id":"T2","version":6,"source":"event","event_id":"Ev3"}`)
	if w, err := store.Workspace(t.Context(), "T2"); err != nil || !w.Disconnected() || w.DisconnectedAt != 7 || w.Name != "Two" {
		t.Errorf("%+v, error %v", w, err)
	}
}

// TestForgottenStaysForgotten: after an operator has forgotten somebody, no message stores
// anything about them, however late it arrives.
func TestForgottenStaysForgotten(t *testing.T) {
	const ada = `{"id":"U1","name":"ada","profile":{"email":"ada@example.com","fields":{"Xf1":{"value":"ada","alt":""}}}}`
	byOperator := func(m string) string { return strings.Replace(m, `"source":"event"`, `"source":"operator"`, 1) }
	profile := func(v directory.Version) string {
		return strings.Replace(message("update", v, ada), `"source":"event"`, `"source":"profile"`, 1)
	}
	erasure := byOperator(message("insert", 20, `{"id":"U1","is_forgotten":true}`))
	for name, messages := range map[string][]string{
		"before":        {message("insert", 10, ada), profile(11), erasure},
		"unknown":       {erasure, message("insert", 10, ada)},
		"late":          {message("insert", 10, ada), erasure, message("update", 15, ada), profile(16)},
		"from later on": {message("insert", 10, ada), erasure, message("update", 30, ada), profile(31), message("insert", 32, ada)},
		"removed":       {message("insert", 10, ada), message("delete", 15, ada), erasure, message("insert", 12, ada)},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			h := New(store, History{}, time.Second, slog.New(slog.DiscardHandler))
			for _, m := range messages {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, m))))
				if w.Code != http.StatusOK {
					t.Fatalf("status %d: %s", w.Code, m)
				}
			}
			u, _, err := store.User(t.Context(), "T1", "U1")
			if err != nil {
				t.Fatal(err)
			}
			whole, err := json.Marshal(u)
			if err != nil {
				t.Fatal(err)
			}
			if u.Kind != directory.Forgotten || strings.Contains(string(whole), "ada") {
				t.Errorf("stored: %s", whole)
			}
		})
	}
}

// TestConcurrentDeliveries: in whatever order 32 goroutines deliver, the newest version stays.
func TestConcurrentDeliveries(t *testing.T) {
	store := newStore(t)
	h := New(store, History{}, 10*time.Second, slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	for v := range 32 {
		wg.Go(func() {
			user, err := json.Marshal(map[string]string{"id": "U1", "name": fmt.Sprint(v)})
			if err != nil {
				t.Error(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, message("insert", directory.Version(v+1), string(user))))))
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	wg.Wait()
	if u, _, err := store.User(t.Context(), "T1", "U1"); err != nil || u.Name != "31" {
		t.Errorf("ends as %q, error %v", u.Name, err)
	}
}
