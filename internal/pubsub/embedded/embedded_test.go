package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/push"
)

func insert(id string) directory.Change {
	return directory.Change{
		Operation: directory.Insert, TeamID: "T1", User: json.RawMessage(`{"id":"` + id + `"}`),
		Version: 1648596712000001, Source: directory.FromEvent, EventID: "Ev" + id, EventType: "team_join",
	}
}

// start runs a server that pushes to handle, with backoffs short enough to wait for.
func start(t *testing.T, handle func(push.Message) int, options ...pstest.ServerReactorOption) (*Server, pubsub.Topology, *pubsub.Publisher) {
	t.Helper()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		m, err := push.Decode(body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(handle(m))
	}))
	t.Cleanup(endpoint.Close)
	s, err := Start(t.Context(), "p", options...)
	if err != nil {
		t.Fatal(err)
	}
	topology := pubsub.Production()
	topology.PushEndpoint = endpoint.URL
	topology.MinimumBackoff, topology.MaximumBackoff = 40*time.Millisecond, 80*time.Millisecond
	if err := topology.Ensure(t.Context(), s.Client); err != nil {
		t.Fatal(err)
	}
	if err := topology.Ensure(t.Context(), s.Client); err != nil {
		t.Errorf("a second time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var pushing sync.WaitGroup
	pushing.Go(func() { s.Push(ctx, topology, slog.New(slog.DiscardHandler)) })
	publisher := pubsub.NewPublisher(s.Client, topology.Topic)
	t.Cleanup(func() {
		publisher.Stop()
		cancel()
		pushing.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, topology, publisher
}

func TestDelivery(t *testing.T) {
	got := make(chan push.Message, 1)
	s, _, publisher := start(t, func(m push.Message) int { got <- m; return http.StatusNoContent })
	if err := publisher.Publish(t.Context(), insert("U1")); err != nil {
		t.Fatal(err)
	}
	m := <-got
	want := map[string]string{"operation": "insert", "team_id": "T1", "source": "event", "event_type": "team_join", "event_id": "EvU1"}
	if diff := cmp.Diff(want, m.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if m.DeliveryAttempt != 1 || m.ID == "" || m.PublishTime.IsZero() || m.Subscription != "projects/p/subscriptions/user-events-worker" {
		t.Errorf("envelope %+v", m)
	}
	var data map[string]any
	if err := json.Unmarshal(m.Data, &data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"operation": "insert", "team_id": "T1", "user": map[string]any{"id": "U1"},
		"version": 1648596712000001.0, "source": "event", "event_id": "EvU1",
	}, data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if kept := s.fake.Message(m.ID); kept == nil || kept.Data != nil {
		t.Error("the fake still holds what was delivered")
	}
}

// TestBackoffAndDeadLetter: five attempts with growing waits between, then the
// dead-letter topic with the data untouched and Pub/Sub's attributes added.
func TestBackoffAndDeadLetter(t *testing.T) {
	var mu sync.Mutex
	var attempts []int
	var times []time.Time
	s, topology, publisher := start(t, func(m push.Message) int {
		mu.Lock()
		defer mu.Unlock()
		attempts, times = append(attempts, m.DeliveryAttempt), append(times, time.Now())
		return http.StatusConflict
	})
	c := insert("U1")
	if err := publisher.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	var parked *pubsubpb.PubsubMessage
	for parked == nil {
		answer, err := s.Client.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{
			Subscription: "projects/p/subscriptions/" + topology.DeadLetterParking, MaxMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range answer.GetReceivedMessages() {
			parked = m.GetMessage()
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5}, attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	for i, least := range []time.Duration{40, 80, 80, 80} {
		if waited := times[i+1].Sub(times[i]); waited < least*time.Millisecond {
			t.Errorf("wait %d was %v, want at least %d ms", i+1, waited, least)
		}
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), string(parked.GetData())); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	a := parked.GetAttributes()
	if a["CloudPubSubDeadLetterSourceDeliveryCount"] != "5" || a["CloudPubSubDeadLetterSourceSubscription"] != topology.Subscription ||
		a["CloudPubSubDeadLetterSourceSubscriptionProject"] != "p" || a["CloudPubSubDeadLetterSourceTopicPublishTime"] == "" || a["operation"] != "insert" {
		t.Errorf("attributes %v", a)
	}
}

// TestAFailureHoldsNobodyUp: while one message waits for its next attempt, others are delivered.
func TestAFailureHoldsNobodyUp(t *testing.T) {
	var delivered atomic.Int32
	_, _, publisher := start(t, func(m push.Message) int {
		if m.Attributes["event_id"] == "EvU0" {
			return http.StatusServiceUnavailable
		}
		delivered.Add(1)
		return http.StatusOK
	})
	var publishing sync.WaitGroup
	for i := range 500 {
		publishing.Go(func() {
			if err := publisher.Publish(t.Context(), insert(fmt.Sprintf("U%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	publishing.Wait()
	for delivered.Load() < 499 {
		time.Sleep(time.Millisecond) // go test's own limit ends a test that waits in vain
	}
}

func TestPublishIsRefused(t *testing.T) {
	_, _, publisher := start(t, func(push.Message) int { return http.StatusOK }, pstest.WithErrorInjection("Publish", codes.PermissionDenied, "no"))
	if err := publisher.Publish(t.Context(), insert("U1")); status.Code(errors.Unwrap(err)) != codes.PermissionDenied {
		t.Errorf("error %v", err)
	}
}

func TestPublishIsSlow(t *testing.T) {
	_, _, publisher := start(t, func(push.Message) int { return http.StatusOK }, pstest.WithErrorInjection("Publish", codes.Unavailable, "later"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := publisher.Publish(ctx, insert("U1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
