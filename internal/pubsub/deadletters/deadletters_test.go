package deadletters

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// TestLongBatch: a batch that takes longer than a lease keeps its letters. Nobody
// else gets one meanwhile, each is seen once, and removing it takes effect.
func TestLongBatch(t *testing.T) {
	const subscription = "projects/p/subscriptions/dead"
	server := pstest.NewServer()
	t.Cleanup(func() { server.Close() })
	conn, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := pubsub.NewClient(t.Context(), "p", option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/p/topics/dead"}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: subscription, Topic: "projects/p/topics/dead"}); err != nil {
		t.Fatal(err)
	}
	const letters = 5
	for i := range letters {
		server.Publish("projects/p/topics/dead", fmt.Appendf(nil, `{"user":{"id":"U%d"}}`, i), nil)
	}

	p := Parking{Client: client, Subscription: "dead", IdleTimeout: 2 * time.Second, leaseTimeout: time.Second}
	var mu sync.Mutex
	seen := map[string]int{}
	err = p.Each(t.Context(), Filter{}, func(_ context.Context, _ *pubsubpb.PubsubMessage, l Letter) (bool, error) {
		mu.Lock()
		seen[l.UserID]++
		first := len(seen) == 1
		mu.Unlock()
		if first {
			time.Sleep(3 * p.leaseTimeout)
			other, err := client.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{
				Subscription: subscription, MaxMessages: letters, ReturnImmediately: true, //nolint:staticcheck // the answer is about this moment
			})
			if err != nil || len(other.GetReceivedMessages()) > 0 {
				t.Errorf("another run gets %d letters, error %v", len(other.GetReceivedMessages()), err)
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s was seen %d times", id, times)
		}
	}
	if left, err := p.List(t.Context(), Filter{}); err != nil || len(seen) != letters || len(left) > 0 {
		t.Errorf("%d of %d seen, %d left, error %v", len(seen), letters, len(left), err)
	}
}

// TestWhose: a letter that can never be applied is somebody's all the same.
func TestWhose(t *testing.T) {
	for data, want := range map[string]string{
		`{"operation":"update","team_id":"T1","user":{"id":"U1"},"version":5,"source":"event"}`: "U1",
		`{"operation":"upsert","user":{"id":"U1","profile":{"email":"ada@example.com"}}}`:       "U1",
		`{"operation":"disconnect","team_id":"T1","version":5,"source":"event"}`:                "",
		`{"user":{"id":7}}`: "", `{"user":"U1"}`: "", `nonsense`: "", ``: "",
	} {
		if got := letter(&pubsubpb.PubsubMessage{Data: []byte(data)}).UserID; got != want {
			t.Errorf("%s is about %q, want %q", data, got, want)
		}
	}
}
