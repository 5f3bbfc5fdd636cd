// Package deadletters lists the messages that Pub/Sub has parked, publishes them
// again, or drops them.
package deadletters

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"golang.org/x/sync/errgroup"
)

const (
	// maxPulled is how many letters are pulled at a time, and the most that a killed
	// run can have published without having removed them.
	maxPulled              = 100
	maxConcurrentPublishes = 10
	// defaultLeaseTimeout is how long a killed run keeps its letters from other runs.
	defaultLeaseTimeout = 20 * time.Second
)

// Unknown is the operation of a message that names none.
const Unknown = "unknown"

// sourcePrefix starts the attributes that Pub/Sub adds to a dead letter (Google's page "Dead-letter topics").
const sourcePrefix = "CloudPubSubDeadLetterSource"

// Letter is a parked message.
type Letter struct {
	ID         string            `json:"message_id"`
	Parked     time.Time         `json:"parked"`   // when it became a dead letter
	Attempts   int               `json:"attempts"` // deliveries before that; 0 if Pub/Sub does not say
	Operation  string            `json:"operation,omitempty"`
	TeamID     string            `json:"team_id,omitempty"`
	UserID     string            `json:"user_id,omitempty"` // empty if the message is not a change
	Source     string            `json:"source,omitempty"`
	Attributes map[string]string `json:"attributes"`
	Data       json.RawMessage   `json:"data"` // unchanged if JSON, else a string
}

func letter(m *pubsubpb.PubsubMessage) Letter {
	attributes := m.GetAttributes()
	l := Letter{
		ID: m.GetMessageId(), Parked: m.GetPublishTime().AsTime(), Attributes: attributes, Data: m.GetData(),
		Operation: attributes["operation"], TeamID: attributes["team_id"], Source: attributes["source"],
	}
	l.Attempts, _ = strconv.Atoi(attributes[sourcePrefix+"DeliveryCount"])
	l.UserID = userID(l.Data)
	if !json.Valid(l.Data) {
		l.Data, _ = json.Marshal(string(l.Data)) // encoding a string cannot fail
	}
	return l
}

// userID returns whom a message is about. It works for messages that can never be applied, such
// as one that is too large: they hold a profile, too.
func userID(data []byte) string {
	var message struct {
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(data, &message); err != nil {
		return ""
	}
	return message.User.ID
}

// Filter selects letters. Its zero value selects all.
type Filter struct {
	IDs               []string
	Operation, TeamID string
	UserIDs           []string
}

func (f Filter) matches(l Letter) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	among := func(want []string, got string) bool { return len(want) == 0 || slices.Contains(want, got) }
	return among(f.IDs, l.ID) && is(f.Operation, l.Operation) && is(f.TeamID, l.TeamID) && among(f.UserIDs, l.UserID)
}

// Parking is the subscription that keeps dead letters.
type Parking struct {
	Client       *pubsub.Client
	Subscription string        // its id
	IdleTimeout  time.Duration // without another letter, after which all have been seen

	leaseTimeout time.Duration // 0 for the default
}

// Each calls f once for each letter that matches, at most [maxConcurrentPublishes] at a
// time. f returns true to remove the letter. All others stay parked, and are
// free for another run once Each has returned. Each stops after an error of f.
func (p Parking) Each(ctx context.Context, filter Filter, f func(context.Context, *pubsubpb.PubsubMessage, Letter) (bool, error)) (err error) {
	// Unary pulls, because a stream keeps receiving letters after it has stopped asking, and
	// keeps them from the next run.
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", p.Client.Project(), p.Subscription)
	h := &held{
		client: p.Client.SubscriptionAdminClient, subscription: subscription,
		leaseTimeout: cmp.Or(p.leaseTimeout, defaultLeaseTimeout), letters: map[string]string{},
	}
	defer func() { err = errors.Join(err, h.release(context.WithoutCancel(ctx))) }()
	ctx, stop := h.keep(ctx)
	defer stop()
	for last := time.Now(); time.Since(last) < p.IdleTimeout; {
		pulled, err := h.pull(ctx, p.IdleTimeout-time.Since(last))
		if err != nil {
			return err
		}
		var taken []string
		var mu sync.Mutex
		var batch errgroup.Group
		batch.SetLimit(maxConcurrentPublishes)
		for _, m := range pulled {
			last = time.Now()
			l := letter(m)
			if !filter.matches(l) {
				continue
			}
			batch.Go(func() error {
				take, err := f(ctx, m, l)
				if err == nil && take {
					mu.Lock()
					defer mu.Unlock()
					taken = append(taken, l.ID)
				}
				return err
			})
		}
		if err := errors.Join(batch.Wait(), h.take(context.WithoutCancel(ctx), taken)); err != nil {
			return err
		}
	}
	return nil
}

// Redrive publishes the original messages to a topic again, and removes each letter once
// Pub/Sub has accepted its message. Interrupted at any point, it loses none. A message that is published
// twice does no harm, because its version is the same.
func (p Parking) Redrive(ctx context.Context, filter Filter, topicID string, progress func(redriven int)) (redriven int, err error) {
	publisher := p.Client.Publisher(topicID)
	defer publisher.Stop()
	var done atomic.Int32
	err = p.Each(ctx, filter, func(ctx context.Context, m *pubsubpb.PubsubMessage, _ Letter) (bool, error) {
		attributes := maps.Clone(m.GetAttributes())
		maps.DeleteFunc(attributes, func(name, _ string) bool { return strings.HasPrefix(name, sourcePrefix) })
		if _, err := publisher.Publish(ctx, &pubsub.Message{Data: m.GetData(), Attributes: attributes}).Get(ctx); err != nil {
			return false, fmt.Errorf("publish: %w", err)
		}
		progress(int(done.Add(1)))
		return true, nil
	})
	return int(done.Load()), err
}

// Discard removes the letters for good.
func (p Parking) Discard(ctx context.Context, filter Filter) (discarded int, err error) {
	var done atomic.Int32
	err = p.Each(ctx, filter, func(context.Context, *pubsubpb.PubsubMessage, Letter) (bool, error) {
		done.Add(1)
		return true, nil
	})
	return int(done.Load()), err
}

// Count returns the number of letters by operation.
func (p Parking) Count(ctx context.Context, filter Filter) (map[string]int, error) {
	var mu sync.Mutex
	by := map[string]int{}
	err := p.Each(ctx, filter, func(_ context.Context, _ *pubsubpb.PubsubMessage, l Letter) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		by[cmp.Or(l.Operation, Unknown)]++
		return false, nil
	})
	return by, err
}

// List returns the letters, oldest first.
func (p Parking) List(ctx context.Context, filter Filter) ([]Letter, error) {
	var mu sync.Mutex
	var all []Letter
	err := p.Each(ctx, filter, func(_ context.Context, _ *pubsubpb.PubsubMessage, l Letter) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, l)
		return false, nil
	})
	slices.SortFunc(all, func(a, b Letter) int { return a.Parked.Compare(b.Parked) })
	return all, err
}
