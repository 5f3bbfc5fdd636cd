package embedded

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	gcpubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/push"
)

const (
	pullInterval        = 25 * time.Millisecond
	maxPulled           = 100
	maxConcurrentPushes = 16     // requests in flight
	maxHeld             = 10_000 // messages in flight or waiting for their next attempt
	pullTimeout         = 5 * time.Second
)

// pusher delivers the messages of one subscription as Pub/Sub does.
type pusher struct {
	client   *gcpubsub.Client
	topology pubsub.Topology
	pulled   func(messageID string)
	parked   func()
	http     *http.Client
	dead     *gcpubsub.Publisher
	slots    chan struct{} // one for each request in flight
	held     chan struct{} // one for each message neither acknowledged nor parked
	log      *slog.Logger
}

// Push delivers the subscription's messages to its endpoint until ctx is done:
// envelope, exponential backoff and, after the last attempt, the dead-letter
// topic with the attributes that Pub/Sub adds. It returns once no request is in flight.
func (s *Server) Push(ctx context.Context, t pubsub.Topology, log *slog.Logger) {
	pump(ctx, s.Client, t, log, s.release, func() { s.parked.Add(1) })
}

// Push does the same for a subscription on the Pub/Sub emulator. The emulator has its own
// push, but stops redelivering for a subscription once two refused messages are due in
// the same millisecond (seen in version 0.8.20).
func Push(ctx context.Context, client *gcpubsub.Client, t pubsub.Topology, log *slog.Logger) {
	pump(ctx, client, t, log, func(string) {}, func() {})
}

func pump(ctx context.Context, client *gcpubsub.Client, t pubsub.Topology, log *slog.Logger, pulled func(string), parked func()) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxConcurrentPushes // the default of two would make most pushes open a connection
	p := &pusher{
		client: client, topology: t, pulled: pulled, parked: parked, log: log,
		http:  &http.Client{Transport: transport, Timeout: t.AckDeadline}, // the ack deadline is the request's timeout
		dead:  client.Publisher(t.DeadLetterTopic),
		slots: make(chan struct{}, maxConcurrentPushes),
		held:  make(chan struct{}, maxHeld),
	}
	defer p.dead.Stop()
	defer p.http.CloseIdleConnections()
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	tick := time.NewTicker(pullInterval)
	defer tick.Stop()
	for {
		messages, err := p.pull(ctx)
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "pull", "error", err)
		}
		for _, m := range messages {
			p.held <- struct{}{}
			deliveries.Go(func() {
				defer func() { <-p.held }()
				p.deliver(ctx, m)
			})
		}
		if len(messages) > 0 && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pull takes messages from the server and acknowledges them there at once: the fake has
// neither backoff nor push, so the pusher keeps them from here on.
func (p *pusher) pull(ctx context.Context) ([]push.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", p.client.Project(), p.topology.Subscription)
	// Unary Pull: the fake's StreamingPull is some forty times slower.
	answer, err := p.client.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{
		Subscription:      subscription,
		MaxMessages:       maxPulled,
		ReturnImmediately: true, //nolint:staticcheck // deprecated for Google's servers; here it saves half a second
	})
	if err != nil || len(answer.GetReceivedMessages()) == 0 {
		return nil, err
	}
	var messages []push.Message
	var ackIDs []string
	for _, r := range answer.GetReceivedMessages() {
		m := r.GetMessage()
		messages = append(messages, push.Message{
			ID: m.GetMessageId(), Data: m.GetData(), Attributes: m.GetAttributes(),
			PublishTime: m.GetPublishTime().AsTime(), Subscription: subscription,
		})
		ackIDs = append(ackIDs, r.GetAckId())
	}
	err = p.client.SubscriptionAdminClient.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: subscription, AckIds: ackIDs})
	if err != nil {
		return nil, err // the fake delivers them again
	}
	for _, m := range messages {
		p.pulled(m.ID)
	}
	return messages, nil
}

// deliver pushes m until it is acknowledged or parked.
func (p *pusher) deliver(ctx context.Context, m push.Message) {
	backoff := p.topology.MinimumBackoff
	for m.DeliveryAttempt = 1; ; m.DeliveryAttempt++ {
		p.slots <- struct{}{}
		acked, err := p.post(context.WithoutCancel(ctx), m) // a request in flight is finished
		<-p.slots
		switch {
		case acked, ctx.Err() != nil:
			return
		case err != nil:
			p.log.WarnContext(ctx, "push failed", "message_id", m.ID, "delivery_attempt", m.DeliveryAttempt, "error", err)
		}
		if m.DeliveryAttempt >= int(p.topology.MaxDeliveryAttempts) {
			p.park(ctx, m)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, p.topology.MaximumBackoff)
	}
}

func (p *pusher) post(ctx context.Context, m push.Message) (acked bool, err error) {
	body, err := m.Encode()
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.topology.PushEndpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := p.http.Do(r)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return push.Acked(answer.StatusCode), err
}

// park publishes m to the dead-letter topic (Google's page "Dead-letter topics").
func (p *pusher) park(ctx context.Context, m push.Message) {
	attributes := maps.Clone(m.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = strconv.Itoa(m.DeliveryAttempt)
	attributes["CloudPubSubDeadLetterSourceSubscription"] = p.topology.Subscription
	attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = p.client.Project()
	attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = m.PublishTime.Format(time.RFC3339Nano)
	if _, err := p.dead.Publish(ctx, &gcpubsub.Message{Data: m.Data, Attributes: attributes}).Get(ctx); err != nil {
		p.log.ErrorContext(ctx, "dead letter lost", "message_id", m.ID, "error", err)
		return
	}
	p.parked()
	p.log.WarnContext(ctx, "dead letter parked", "message_id", m.ID, "delivery_attempts", m.DeliveryAttempt)
}
