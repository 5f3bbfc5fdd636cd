package pubsub

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rollcall/internal/directory"
)

// published starts Google's fake and a publisher, and calls before ahead of each publish request.
func published(t *testing.T, before func()) (*Publisher, *pstest.Server) {
	t.Helper()
	fake := pstest.NewServer()
	client, err := pubsub.NewClient(t.Context(), "p", option.WithEndpoint(fake.Addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
			if strings.HasSuffix(method, "/Publish") {
				before()
			}
			return invoke(ctx, method, req, reply, c, o...)
		})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := fake.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/p/topics/t"}); err != nil {
		t.Fatal(err)
	}
	return NewPublisher(client, "t"), fake
}

func insert(id string) directory.Change {
	return directory.Change{Operation: directory.Insert, TeamID: "T1", User: json.RawMessage(`{"id":"` + id + `"}`), Version: 1, Source: directory.FromEvent}
}

// TestSlowRequest: while one request is in flight, later messages are sent and arrive.
func TestSlowRequest(t *testing.T) {
	var requests atomic.Int64
	slow, release := make(chan struct{}), make(chan struct{})
	p, fake := published(t, func() {
		if requests.Add(1) == 1 {
			close(slow)
			<-release
		}
	})
	var first sync.WaitGroup
	first.Go(func() {
		if err := p.Publish(t.Context(), insert("U0")); err != nil {
			t.Error(err)
		}
	})
	<-slow
	var others sync.WaitGroup
	for i := range 50 {
		others.Go(func() {
			if err := p.Publish(t.Context(), insert(fmt.Sprintf("U%d", i+1))); err != nil {
				t.Error(err)
			}
		})
	}
	others.Wait()
	if n := len(fake.Messages()); n != 50 {
		t.Errorf("%d messages arrived besides the slow one, want 50", n)
	}
	close(release)
	first.Wait()
	p.Stop()
	if n := len(fake.Messages()); n != 51 {
		t.Errorf("%d messages arrived, want 51", n)
	}
}

// TestStop: Stop sends what is in flight, and later messages are refused.
func TestStop(t *testing.T) {
	underWay := make(chan struct{}, 1)
	p, fake := published(t, func() {
		underWay <- struct{}{}
		time.Sleep(20 * time.Millisecond)
	})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		if err := p.Publish(t.Context(), insert("U1")); err != nil {
			t.Error(err)
		}
	})
	<-underWay
	p.Stop()
	publishing.Wait()
	if n := len(fake.Messages()); n != 1 {
		t.Errorf("%d messages arrived", n)
	}
	if err := p.Publish(t.Context(), insert("U2")); err == nil {
		t.Error("published after the stop")
	}
}

// TestGivesUp: Publish waits no longer than its context.
func TestGivesUp(t *testing.T) {
	release := make(chan struct{})
	p, _ := published(t, func() { <-release })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, insert("U1")); err == nil || ctx.Err() == nil {
		t.Errorf("error %v", err)
	}
	close(release)
	p.Stop()
}
