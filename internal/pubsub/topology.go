package pubsub

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"rollcall/internal/pubsub/push"
)

// Topology holds the names and settings of Rollcall's topics and subscriptions.
type Topology struct {
	Topic             string
	Subscription      string // pushes Topic to the worker
	DeadLetterTopic   string
	DeadLetterParking string // the subscription that keeps dead letters for an operator
	ChangesTopic      string // records of changes, for subscribers

	PushEndpoint        string
	AckDeadline         time.Duration // how long the worker may take over one message
	MinimumBackoff      time.Duration
	MaximumBackoff      time.Duration
	MaxDeliveryAttempts int32
	Retention           time.Duration // of messages not yet acknowledged
	DeadLetterRetention time.Duration
}

// Production returns the settings of production. Pub/Sub's minimum is 5 delivery
// attempts. With these backoffs the fifth comes two and a half minutes after the
// first, so an insert may be that late.
func Production() Topology {
	return Topology{
		Topic:               "user-events",
		Subscription:        "user-events-worker",
		DeadLetterTopic:     "user-events-dead",
		DeadLetterParking:   "user-events-dead-parked",
		ChangesTopic:        "user-changes",
		AckDeadline:         push.AckDeadline,
		MinimumBackoff:      10 * time.Second,
		MaximumBackoff:      600 * time.Second,
		MaxDeliveryAttempts: 5,
		Retention:           7 * 24 * time.Hour,
		DeadLetterRetention: 31 * 24 * time.Hour,
	}
}

// emulatedRetention is the maximum of the emulator and of Google's in-process fake.
// Pub/Sub's own is 31 days.
const emulatedRetention = 7 * 24 * time.Hour

// Ensure creates the topics and subscriptions that do not exist, and points existing
// ones at PushEndpoint. It is for the emulator and local mode; in production Terraform does this.
func (t Topology) Ensure(ctx context.Context, client *pubsub.Client) error {
	name := func(kind, id string) string { return fmt.Sprintf("projects/%s/%s/%s", client.Project(), kind, id) }
	for _, id := range []string{t.Topic, t.DeadLetterTopic, t.ChangesTopic} {
		_, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: name("topics", id)})
		if err != nil && status.Code(err) != codes.AlreadyExists {
			return fmt.Errorf("create topic %s: %w", id, err)
		}
	}
	never := &pubsubpb.ExpirationPolicy{} // no TTL, or Pub/Sub deletes the subscription after 31 idle days
	subscriptions := []*pubsubpb.Subscription{{
		Name:                     name("subscriptions", t.DeadLetterParking),
		Topic:                    name("topics", t.DeadLetterTopic),
		MessageRetentionDuration: durationpb.New(min(t.DeadLetterRetention, emulatedRetention)),
		ExpirationPolicy:         never,
	}, {
		Name:                     name("subscriptions", t.Subscription),
		Topic:                    name("topics", t.Topic),
		AckDeadlineSeconds:       int32(t.AckDeadline.Seconds()),
		MessageRetentionDuration: durationpb.New(t.Retention),
		ExpirationPolicy:         never,
		PushConfig:               &pubsubpb.PushConfig{PushEndpoint: t.PushEndpoint},
		RetryPolicy: &pubsubpb.RetryPolicy{
			MinimumBackoff: durationpb.New(t.MinimumBackoff),
			MaximumBackoff: durationpb.New(t.MaximumBackoff),
		},
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{
			DeadLetterTopic:     name("topics", t.DeadLetterTopic),
			MaxDeliveryAttempts: t.MaxDeliveryAttempts,
		},
	}}
	for _, s := range subscriptions {
		_, err := client.SubscriptionAdminClient.CreateSubscription(ctx, s)
		if status.Code(err) == codes.AlreadyExists {
			err = nil
			if s.GetPushConfig() != nil {
				_, err = client.SubscriptionAdminClient.UpdateSubscription(ctx, &pubsubpb.UpdateSubscriptionRequest{
					Subscription: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"push_config"}},
				})
			}
		}
		if err != nil {
			return fmt.Errorf("create subscription %s: %w", s.GetName(), err)
		}
	}
	return nil
}

// WorkTimeout is how long the worker may take to apply one message.
func (t Topology) WorkTimeout() time.Duration { return push.WorkTimeout(t.AckDeadline) }
