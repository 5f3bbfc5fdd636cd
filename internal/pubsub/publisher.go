// Package pubsub publishes changes to Pub/Sub, and creates the topics and
// subscriptions that they go through.
package pubsub

import (
	"context"
	"fmt"
	"runtime"
	"sync"
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

// DelayThreshold is how long a message waits for company at most, while others are
// under way. Go's timers on Linux know nothing shorter, whatever they are told; the
// client's default of 10 ms would be the longest part of the way to Pub/Sub.
const DelayThreshold = time.Millisecond

// Publisher publishes changes to a topic. Whoever publishes waits for the
// message's own arrival, so a message that comes alone is sent at once; those that
// come while it is under way are sent together, as soon as it has arrived or
// DelayThreshold is over.
//
// What that costs: Pub/Sub bills a request as 1,000 bytes at least, of which a
// change of status fills less than half, and a whole user more than all. Longer
// waits could save a cent on a million events.
type Publisher struct {
	publisher *pubsub.Publisher
	waiting   chan struct{} // holds one if a message may wait
	stop      func()
}

// NewPublisher returns a publisher to that topic of the client's project. Stop it after use.
func NewPublisher(client *pubsub.Client, topicID string) *Publisher {
	p := client.Publisher(topicID)
	p.PublishSettings.DelayThreshold = DelayThreshold
	// More than the webhook's concurrent requests (80), so that none waits for others. The
	// client's default is 25 for each CPU.
	p.PublishSettings.NumGoroutines = 100
	// The client retries in the background after its caller has given up. These limits keep
	// an outage of Pub/Sub from filling the memory: beyond them a publish fails at once.
	p.PublishSettings.Timeout = 5 * time.Second
	p.PublishSettings.FlowControlSettings = pubsub.FlowControlSettings{
		MaxOutstandingMessages: 2000,
		MaxOutstandingBytes:    64 << 20,
		LimitExceededBehavior:  pubsub.FlowControlSignalError,
	}
	publisher := &Publisher{publisher: p, waiting: make(chan struct{}, 1)}
	stopping, stop := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() { publisher.send(stopping) })
	publisher.stop = func() {
		stop()
		sending.Wait()
		p.Stop()
	}
	return publisher
}

// send sends what waits as soon as nobody else is about to publish, again and
// again; after DelayThreshold the client does so by itself. Its Flush returns when
// all of that has arrived.
func (p *Publisher) send(stopping context.Context) {
	for {
		select {
		case <-p.waiting:
			runtime.Gosched() // lets others publish who are about to
			if len(p.waiting) == 0 {
				p.publisher.Flush()
			}
		case <-stopping.Done():
			return
		}
	}
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
	result := p.publisher.Publish(ctx, m)
	select {
	case p.waiting <- struct{}{}:
	default:
	}
	if _, err := result.Get(ctx); err != nil {
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
func (p *Publisher) Stop() { p.stop() }
