package deadletters

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// held are the letters that a run has leased, so that it handles none twice.
type held struct {
	client       *vkit.SubscriptionAdminClient
	subscription string
	leaseTimeout time.Duration

	mu      sync.Mutex
	letters map[string]string // message id → ack id
}

// keep renews all leases until stop is called, however long a batch takes. After a lease ends,
// another run can get the letter, and this one can no longer remove it. If renewing fails, the context
// ends with the reason.
func (h *held) keep(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		tick := time.NewTicker(h.leaseTimeout / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := h.modify(ctx, h.ackIDs(), h.leaseTimeout); err != nil {
				cancel(err)
				return
			}
		}
	})
	return ctx, func() { cancel(nil); renewing.Wait() }
}

// pull waits at most timeout and returns the letters that have not come before, or none.
func (h *held) pull(ctx context.Context, timeout time.Duration) ([]*pubsubpb.PubsubMessage, error) {
	pulling, cancel := context.WithTimeout(ctx, min(timeout, h.leaseTimeout/4))
	defer cancel()
	answer, err := h.client.Pull(pulling, &pubsubpb.PullRequest{Subscription: h.subscription, MaxMessages: maxPulled})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case status.Code(err) == codes.DeadlineExceeded || pulling.Err() != nil:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("pull dead letters: %w", err)
	}
	ids, fresh := h.hold(answer.GetReceivedMessages())
	return fresh, h.modify(ctx, ids, h.leaseTimeout)
}

// hold records what was received. It returns the ack ids of all messages, and the messages that are new.
func (h *held) hold(received []*pubsubpb.ReceivedMessage) (ids []string, fresh []*pubsubpb.PubsubMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range received {
		id := m.GetMessage().GetMessageId()
		if _, again := h.letters[id]; !again {
			fresh = append(fresh, m.GetMessage())
		}
		h.letters[id] = m.GetAckId() // a repeat has a new ack id
		ids = append(ids, m.GetAckId())
	}
	return ids, fresh
}

// take acknowledges letters, which removes them.
func (h *held) take(ctx context.Context, messageIDs []string) error {
	if len(messageIDs) == 0 {
		return nil
	}
	var ids []string
	h.mu.Lock()
	for _, id := range messageIDs {
		ids = append(ids, h.letters[id])
		delete(h.letters, id)
	}
	h.mu.Unlock()
	if err := h.client.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: h.subscription, AckIds: ids}); err != nil {
		return fmt.Errorf("acknowledge dead letters: %w", err)
	}
	return nil
}

// release makes all held letters available to others.
func (h *held) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.leaseTimeout/2)
	defer cancel()
	return h.modify(ctx, h.ackIDs(), 0)
}

func (h *held) ackIDs() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.letters))
}

// modify sets for how long Pub/Sub keeps letters from others.
func (h *held) modify(ctx context.Context, ackIDs []string, deadline time.Duration) error {
	for ids := range slices.Chunk(ackIDs, 1000) { // a request may have 512 KiB
		if err := h.client.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: h.subscription, AckIds: ids, AckDeadlineSeconds: int32(deadline.Seconds()),
		}); err != nil {
			return fmt.Errorf("lease dead letters: %w", err)
		}
	}
	return nil
}
