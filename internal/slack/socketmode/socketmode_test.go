package socketmode

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/fakeslack"
	"rollcall/internal/slack"
)

func start(t *testing.T) (*fakeslack.Workspace, string) {
	t.Helper()
	w := fakeslack.New(fakeslack.Options{People: 30, SocketPingInterval: 100 * time.Millisecond, AckTimeout: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(w.Disconnect)
	return w, server.URL + "/api/"
}

// send waits for a connection before it sends.
func send(t *testing.T, w *fakeslack.Workspace, e fakeslack.Event) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := w.SendSocket(ctx, e)
		cancel()
		if err == nil {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestReceive: every event arrives with its body unchanged, even if slack-go cannot
// parse it, and is acknowledged once it is handled.
func TestReceive(t *testing.T) {
	w, url := start(t)
	var mu sync.Mutex
	got := map[string]string{}
	refusals := 1
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Receive(ctx, url, w.Options().AppToken, slog.New(slog.DiscardHandler), func(_ context.Context, body []byte) error {
			mu.Lock()
			defer mu.Unlock()
			if refusals > 0 {
				refusals--
				return errors.New("Pub/Sub is away")
			}
			r, err := slack.DecodeRequest(body)
			if err != nil {
				return err
			}
			got[r.EventID] = string(body)
			return nil
		})
	}()
	events := w.Join()
	for _, u := range w.Users() {
		var user struct{ ID string }
		if err := json.Unmarshal(u, &user); err != nil {
			t.Fatal(err)
		}
		if more, err := w.Retitle(user.ID); err == nil {
			events = append(events, more...)
		}
	}
	unknown := fakeslack.Event{Type: "user_teleported", Envelope: json.RawMessage(`{"type":"event_callback","team_id":"T1","event_id":"EvNew","event":{"type":"user_teleported"}}`)}
	events = append(events, unknown)
	want := map[string]string{}
	for _, e := range events {
		send(t, w, e)
		r, err := slack.DecodeRequest(e.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		want[r.EventID] = compact(t, string(e.Envelope))
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended by %v", err)
	}
	for id, body := range got {
		got[id] = compact(t, body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func compact(t *testing.T, s string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReconnect: after Slack ends a connection, a new one is opened.
func TestReconnect(t *testing.T) {
	w, url := start(t)
	handled := make(chan struct{}, 100)
	go Receive(t.Context(), url, w.Options().AppToken, slog.New(slog.DiscardHandler), func(context.Context, []byte) error { //nolint:errcheck // ends with the test
		handled <- struct{}{}
		return nil
	})
	for range 2 {
		send(t, w, w.Join()[0])
		<-handled
		w.Disconnect()
	}
}

func TestRefusedToken(t *testing.T) {
	_, url := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := Receive(ctx, url, "xapp-wrong", slog.New(slog.DiscardHandler), func(context.Context, []byte) error { return nil })
	if err == nil || ctx.Err() != nil {
		t.Errorf("error %v", err)
	}
}
