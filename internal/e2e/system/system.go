// Package system puts Rollcall together on the real emulators, for the tests of it as a whole.
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

// What a system is told, and its tests say.
const (
	Team   = "T0ROLLCALL"
	Secret = "e2e-signing-secret"
	// HistoryTTL is for how long changes are kept.
	HistoryTTL = 90 * 24 * time.Hour
)

// System is webhook, worker and ui between the emulators, in the topology of production.
type System struct {
	Webhook, Worker, UI string // base addresses
	PubSub              *gcpubsub.Client
	Store               *firestore.Store
	Topology            pubsub.Topology
	Project             string
}

// projects keeps tests apart: to the emulators each project is a world of its own.
var projects atomic.Int32

// New starts a system to which the Pub/Sub emulator pushes.
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

// NewPumped starts a system to which messages are pulled from the Pub/Sub
// emulator and pushed as Pub/Sub does, for tests that refuse more than a few: see [embedded.Push].
func NewPumped(t *testing.T, adjust func(*pubsub.Topology)) *System {
	t.Helper()
	s := Connect(t, adjust)
	s.Serve(t)
	s.Pump(t, s.Worker)
	return s
}

// Connect returns a system of which there is nothing yet but the emulators, in a
// project of its own, and the test's own clients of them.
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

// open returns clients that go to where the environment says now.
func (s *System) open(t *testing.T) (*gcpubsub.Client, *firestore.Store) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // clients outlive the test's own context, for the clean-up
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

// Serve starts webhook, worker and ui in this process, with clients of their
// own that go to where the environment says now.
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

// Pump creates topics and subscriptions, and delivers messages to an endpoint until the test ends.
func (s *System) Pump(t *testing.T, endpoint string) {
	t.Helper()
	if err := s.Topology.Ensure(t.Context(), s.PubSub); err != nil {
		t.Fatal(err)
	}
	s.Topology.PushEndpoint = endpoint // not told to the emulator, which would push as well
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var pushing sync.WaitGroup
	pushing.Go(func() { embedded.Push(ctx, s.PubSub, s.Topology, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); pushing.Wait() })
}

// Impatient shortens the waits between deliveries, for tests that wait for the last one.
func Impatient(t *pubsub.Topology) {
	t.MinimumBackoff, t.MaximumBackoff = 100*time.Millisecond, 400*time.Millisecond
}

// Post sends one signed request as Slack does and returns the answer's status.
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

// Parked takes messages out of the dead-letter parking until there are want, or timeout ends.
func (s *System) Parked(t *testing.T, want int, timeout time.Duration) []*pubsubpb.PubsubMessage {
	t.Helper()
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", s.Project, s.Topology.DeadLetterParking)
	var all []*pubsubpb.PubsubMessage
	for deadline := time.Now().Add(timeout); len(all) < want && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), min(timeout, 2*time.Second))
		answer, err := s.PubSub.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1000})
		cancel()
		if err != nil {
			continue // nothing came within the call's time
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

// Eventually tries check until it holds.
func Eventually(t *testing.T, timeout time.Duration, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("not within %v: %s", timeout, what)
}
