// Package pubsub publishes changes to Pub/Sub, and creates the topics and
// subscriptions that they go through.
package pubsub

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"

	"rollcall/internal/directory"
)

// Open returns a Pub/Sub client for the project. If traced, messages carry their
// publisher's trace, which costs some 60 allocations each. PUBSUB_EMULATOR_HOST can name an emulator.
func Open(ctx context.Context, project string, traced bool, options ...option.ClientOption) (*pubsub.Client, error) {
	client, err := pubsub.NewClientWithConfig(ctx, project, &pubsub.ClientConfig{EnableOpenTelemetryTracing: traced}, options...)
	if err != nil {
		return nil, fmt.Errorf("open Pub/Sub: %w", err)
	}
	return client, nil
}

// A message waits for others to share its request, until DelayThreshold is over or there are
// CountThreshold of them. With the client's default of 10 ms the wait would be the longest part of the way
// to Pub/Sub. With its default of 100 messages a busy instance would wait the whole time.
const (
	DelayThreshold = time.Millisecond
	CountThreshold = 16
)

// maxConcurrentPublishes is more than the webhook's concurrent requests (80), so that none waits for
// others. The client's default is 25 for each CPU.
const maxConcurrentPublishes = 100

// Publisher publishes changes to one topic.
type Publisher struct{ publisher *pubsub.Publisher }

// NewPublisher returns a publisher to a topic of the client's project. Stop it after use.
func NewPublisher(client *pubsub.Client, topicID string) *Publisher {
	p := client.Publisher(topicID)
	p.PublishSettings.DelayThreshold = DelayThreshold
	p.PublishSettings.CountThreshold = CountThreshold
	p.PublishSettings.NumGoroutines = maxConcurrentPublishes
	// The client retries in the background after its caller has given up. These limits keep
	// an outage of Pub/Sub from filling the memory: beyond them a publish fails at once.
	p.PublishSettings.Timeout = 5 * time.Second
	p.PublishSettings.FlowControlSettings = pubsub.FlowControlSettings{
		MaxOutstandingMessages: 2000,
		MaxOutstandingBytes:    64 << 20,
		LimitExceededBehavior:  pubsub.FlowControlSignalError,
	}
	return &Publisher{p}
}

// Publish returns nil once Pub/Sub has accepted the message. After an error Pub/Sub may
// have accepted it too. Publish it again: versions make repeats harmless.
func (p *Publisher) Publish(ctx context.Context, c directory.Change) error {
	data, err := c.Encode()
	if err != nil {
		return err
	}
	return p.publish(ctx, &pubsub.Message{Data: data, Attributes: attributes(c)})
}

func (p *Publisher) publish(ctx context.Context, m *pubsub.Message) error {
	if _, err := p.publisher.Publish(ctx, m).Get(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// attributes say what a message is about: for filters, and for operators who look at dead letters.
func attributes(c directory.Change) map[string]string {
	a := map[string]string{
		"operation": string(c.Operation),
		"team_id":   c.TeamID,
		"source":    string(c.Source),
	}
	if c.EventType != "" {
		a["event_type"] = c.EventType
	}
	if c.EventID != "" {
		a["event_id"] = c.EventID
	}
	return a
}

// Stop sends the waiting messages and returns once they are sent.
func (p *Publisher) Stop() { p.publisher.Stop() }
