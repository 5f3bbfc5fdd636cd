// Package e2e tests Rollcall as a whole: signed requests in, pages out, on the real emulators.
package e2e

import (
	"bytes"
	"context"
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

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

const (
	team   = "T0ROLLCALL"
	secret = "e2e-signing-secret"
)

// system is webhook, worker and ui between the emulators, in the topology of production.
type system struct {
	webhook, worker, ui string // base addresses
	pubsub              *gcpubsub.Client
	store               *firestore.Store
	topology            pubsub.Topology
	project             string
}

// projects keeps tests apart: to the emulators each project is a world of its own.
var projects atomic.Int32

// newSystem starts a system to which the Pub/Sub emulator pushes.
func newSystem(t *testing.T, adjust func(*pubsub.Topology)) *system {
	t.Helper()
	s := startSystem(t, adjust)
	s.topology.PushEndpoint = s.worker
	if err := s.topology.Ensure(t.Context(), s.pubsub); err != nil {
		t.Fatal(err)
	}
	return s
}

// newPumpedSystem starts a system to which messages are pulled from the Pub/Sub
// emulator and pushed as Pub/Sub does, for tests that refuse more than a few: see [embedded.Push].
func newPumpedSystem(t *testing.T, adjust func(*pubsub.Topology)) *system {
	t.Helper()
	s := startSystem(t, adjust)
	if err := s.topology.Ensure(t.Context(), s.pubsub); err != nil {
		t.Fatal(err)
	}
	s.topology.PushEndpoint = s.worker
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var pushing sync.WaitGroup
	pushing.Go(func() { embedded.Push(ctx, s.pubsub, s.topology, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); pushing.Wait() })
	return s
}

func startSystem(t *testing.T, adjust func(*pubsub.Topology)) *system {
	t.Helper()
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	s := &system{project: fmt.Sprintf("e2e-%d-%d", os.Getpid(), projects.Add(1)), topology: pubsub.Production()}
	if adjust != nil {
		adjust(&s.topology)
	}
	ctx := context.WithoutCancel(t.Context()) // clients outlive the test's own context, for the clean-up
	log := slog.New(slog.DiscardHandler)
	var err error
	if s.pubsub, err = gcpubsub.NewClient(ctx, s.project); err != nil {
		t.Fatal(err)
	}
	if s.store, err = firestore.Open(ctx, s.project, "(default)"); err != nil {
		t.Fatal(err)
	}
	publisher := pubsub.NewPublisher(s.pubsub, s.topology.Topic)
	serve := func(h http.Handler) string {
		server := httptest.NewServer(service.Handler(h, service.NewDrain(ctx)))
		t.Cleanup(server.Close)
		return server.URL
	}
	t.Cleanup(func() {
		publisher.Stop()
		if err := s.pubsub.Close(); err != nil {
			t.Error(err)
		}
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	s.webhook = serve(webhook.New(slack.NewVerifier(secret), publisher, log))
	s.ui = serve(ui.New(ui.Options{Directory: s.store, Log: log}))
	s.worker = serve(worker.New(s.store, s.topology.WorkWithin(), log)) + "/"
	return s
}

// impatient shortens the waits between deliveries, for tests that wait for the last one.
func impatient(t *pubsub.Topology) {
	t.MinimumBackoff, t.MaximumBackoff = 100*time.Millisecond, 400*time.Millisecond
}

// post sends one signed request as Slack does and returns the answer's status.
func (s *system) post(ctx context.Context, body string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.webhook+"/slack/events", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	r.Header = fakeslack.Sign(secret, time.Now(), []byte(body))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func (s *system) mustPost(t *testing.T, body string) {
	t.Helper()
	if status, err := s.post(t.Context(), body); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, error %v", status, err)
	}
}

// parked takes messages out of the dead-letter parking until there are want, or patience ends.
func (s *system) parked(t *testing.T, want int, patience time.Duration) []*pubsubpb.PubsubMessage {
	t.Helper()
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", s.project, s.topology.DeadLetterParking)
	var all []*pubsubpb.PubsubMessage
	for deadline := time.Now().Add(patience); len(all) < want && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		answer, err := s.pubsub.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1000})
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
		if err := s.pubsub.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: subscription, AckIds: ids}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// eventually tries check until it holds.
func eventually(t *testing.T, patience time.Duration, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}
