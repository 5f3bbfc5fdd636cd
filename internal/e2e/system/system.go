// Package system assembles Rollcall on the real emulators, for end-to-end tests.
package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gcpubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/embedded"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/store/firestore"
	"rollcall/internal/ui"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

// The workspace and signing secret of all systems.
const (
	Team   = "T0ROLLCALL"
	Secret = "e2e-signing-secret"
	// HistoryTTL is how long changes are kept.
	HistoryTTL = 90 * 24 * time.Hour
)

// System is webhook, worker and ui on the emulators, with the topology of production.
type System struct {
	Webhook, Worker, UI string // base URLs
	PubSub              *gcpubsub.Client
	Store               *firestore.Store
	Topology            pubsub.Topology
	Project             string
}

// projects numbers the projects: emulators keep the data of projects apart.
var projects atomic.Int32

// New starts a system that gets pushes from the Pub/Sub emulator.
func New(t *testing.T, adjust func(*pubsub.Topology)) *System {
	t.Helper()
	s := Connect(t, adjust)
	s.Serve(t)
	s.Topology.PushEndpoint = s.Worker
	if err := s.Topology.Ensure(t.Context(), s.PubSub); err != nil {
		t.Fatal(err)
	}
	return s
}

// NewPumped starts a system that gets pushes from [embedded.Push], for tests that refuse more
// than a few messages.
func NewPumped(t *testing.T, adjust func(*pubsub.Topology)) *System {
	t.Helper()
	s := Connect(t, adjust)
	s.Serve(t)
	s.Pump(t, s.Worker)
	return s
}

// Connect returns a system with nothing but its own project on the emulators, and the
// test's clients.
func Connect(t *testing.T, adjust func(*pubsub.Topology)) *System {
	t.Helper()
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	s := &System{Project: fmt.Sprintf("e2e-%d-%d", os.Getpid(), projects.Add(1)), Topology: pubsub.Production()}
	if adjust != nil {
		adjust(&s.Topology)
	}
	s.PubSub, s.Store = s.open(t)
	if err := s.Store.PutWorkspace(t.Context(), directory.Workspace{ID: Team, Name: "End to end"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// open returns clients of the emulators in the environment.
func (s *System) open(t *testing.T) (*gcpubsub.Client, *firestore.Store) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // clients outlive the test's context, for the clean-up
	client, err := pubsub.Open(ctx, s.Project, false)
	if err != nil {
		t.Fatal(err)
	}
	store, err := firestore.Open(ctx, s.Project, "(default)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return client, store
}

// Serve starts webhook, worker and ui in this process, with their own clients of the
// emulators in the environment.
func (s *System) Serve(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	client, store := s.open(t)
	publisher := pubsub.NewPublisher(client, s.Topology.Topic)
	t.Cleanup(publisher.Stop)
	serve := func(h http.Handler) string {
		server := httptest.NewServer(service.Handler(ctx, h))
		t.Cleanup(server.Close)
		return server.URL
	}
	s.Webhook = serve(webhook.New(slack.NewVerifier(Secret), publisher, "", log))
	s.UI = serve(ui.New(t.Context(), ui.Options{Store: store, Log: log}))
	told := pubsub.NewRecordPublisher(client, s.Topology.ChangesTopic, true)
	t.Cleanup(told.Stop)
	s.Worker = serve(worker.New(store, worker.History{TTL: HistoryTTL, Publisher: told}, s.Topology.WorkTimeout(), log)) + "/"
}

// Pump creates topics and subscriptions, and pushes messages to an endpoint until the test ends.
func (s *System) Pump(t *testing.T, endpoint string) {
	t.Helper()
	if err := s.Topology.Ensure(t.Context(), s.PubSub); err != nil {
		t.Fatal(err)
	}
	s.Topology.PushEndpoint = endpoint // set after Ensure, or the emulator would push too
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var pushing sync.WaitGroup
	pushing.Go(func() { embedded.Push(ctx, s.PubSub, s.Topology, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); pushing.Wait() })
}

// Impatient shortens the backoff, for tests that wait for the last delivery.
func Impatient(t *pubsub.Topology) {
	t.MinimumBackoff, t.MaximumBackoff = 100*time.Millisecond, 400*time.Millisecond
}

// Post sends a signed request as Slack does, and returns the status.
func (s *System) Post(ctx context.Context, body string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Webhook+"/slack/events", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	r.Header = fakeslack.Sign(Secret, time.Now(), []byte(body))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// MustPost sends a request that must be accepted.
func (s *System) MustPost(t *testing.T, body string) {
	t.Helper()
	if status, err := s.Post(t.Context(), body); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, error %v", status, err)
	}
}

// Parked removes dead letters until it has as many as wanted, or the timeout ends.
func (s *System) Parked(t *testing.T, want int, timeout time.Duration) []*pubsubpb.PubsubMessage {
	t.Helper()
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", s.Project, s.Topology.DeadLetterParking)
	var all []*pubsubpb.PubsubMessage
	for deadline := time.Now().Add(timeout); len(all) < want && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), min(timeout, 2*time.Second))
		answer, err := s.PubSub.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1000})
		cancel()
		if err != nil {
			continue // nothing arrived before the timeout
		}
		var ids []string
		for _, m := range answer.GetReceivedMessages() {
			all, ids = append(all, m.GetMessage()), append(ids, m.GetAckId())
		}
		if len(ids) == 0 {
			continue
		}
		if err := s.PubSub.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: subscription, AckIds: ids}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Eventually calls check until it returns true, and fails the test after the timeout.
func Eventually(t *testing.T, timeout time.Duration, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("not within %v: %s", timeout, what)
}
