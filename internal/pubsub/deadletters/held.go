package deadletters

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// held are the letters that a run has on lease, so that none comes to it twice.
type held struct {
	client       *vkit.SubscriptionAdminClient
	subscription string
	letters      map[string]string // message id → ack id
	renewed      time.Time
}

// pull returns what comes within that time and has not come before, or nothing.
func (h *held) pull(ctx context.Context, within time.Duration) ([]*pubsubpb.PubsubMessage, error) {
	if time.Since(h.renewed) > lease/4 {
		if err := h.modify(ctx, slices.Collect(maps.Values(h.letters)), lease); err != nil {
			return nil, err
		}
		h.renewed = time.Now()
	}
	pulling, cancel := context.WithTimeout(ctx, min(within, lease/4))
	defer cancel()
	answer, err := h.client.Pull(pulling, &pubsubpb.PullRequest{Subscription: h.subscription, MaxMessages: atOnce})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case status.Code(err) == codes.DeadlineExceeded || pulling.Err() != nil:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("pull dead letters: %w", err)
	}
	var ids []string
	var fresh []*pubsubpb.PubsubMessage
	for _, m := range answer.GetReceivedMessages() {
		id := m.GetMessage().GetMessageId()
		if _, again := h.letters[id]; !again {
			fresh = append(fresh, m.GetMessage())
		}
		h.letters[id] = m.GetAckId() // of a repeat the newest counts
		ids = append(ids, m.GetAckId())
	}
	return fresh, h.modify(ctx, ids, lease)
}

// take acknowledges letters.
func (h *held) take(ctx context.Context, messageIDs []string) error {
	var ids []string
	for _, id := range messageIDs {
		ids = append(ids, h.letters[id])
		delete(h.letters, id)
	}
	if len(ids) == 0 {
		return nil
	}
	if err := h.client.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: h.subscription, AckIds: ids}); err != nil {
		return fmt.Errorf("acknowledge dead letters: %w", err)
	}
	return nil
}

// release lets others have all that is held.
func (h *held) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lease/2)
	defer cancel()
	return h.modify(ctx, slices.Collect(maps.Values(h.letters)), 0)
}

// modify sets how long Pub/Sub keeps letters from others.
func (h *held) modify(ctx context.Context, ackIDs []string, deadline time.Duration) error {
	for ids := range slices.Chunk(ackIDs, 1000) { // a request is 512 KiB at most
		if err := h.client.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: h.subscription, AckIds: ids, AckDeadlineSeconds: int32(deadline.Seconds()),
		}); err != nil {
			return fmt.Errorf("lease dead letters: %w", err)
		}
	}
	return nil
}
