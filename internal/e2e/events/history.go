package events

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/pubsub"
)

// FirstLoad publishes every other member as a full sync of an empty directory would, and
// waits until they are stored. It returns what readers see of them.
func (m Mix) FirstLoad(t *testing.T, s *system.System) Seen {
	t.Helper()
	publisher := pubsub.NewPublisher(s.PubSub, s.Topology.Topic)
	defer publisher.Stop()
	n := 0
	for i := 0; i < m.Members; i += 2 {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: system.Team, Version: 1648596711000000,
			Source: directory.FromSync, InList: true, FirstLoad: true,
			User: fmt.Appendf(nil, `{"id":%q,"name":"listed%d","deleted":false,"profile":{"real_name":"Listed %d","title":"Typographer"}}`, member(i), i, i)})
		if err == nil {
			err = publisher.Publish(t.Context(), c)
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	var seen Seen
	system.Eventually(t, 5*time.Minute, "the first load is stored", func() bool {
		seen = See(t, s)
		return len(seen) == n
	})
	return seen
}

// Seen is what readers see of everybody, by user and path, in the fields that history covers.
type Seen map[string]map[string]json.RawMessage

// See returns what readers see now.
func See(t *testing.T, s *system.System) Seen {
	t.Helper()
	seen := Seen{}
	for u, err := range people(t.Context(), s) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := directory.RecordOf(nil, u, directory.Change{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		seen.apply(t, *r)
	}
	return seen
}

// apply applies a record, as a subscriber would.
func (all Seen) apply(t *testing.T, r directory.Record) {
	t.Helper()
	if r.Type == directory.UserRemoved || r.Type == directory.UserForgotten {
		delete(all, r.UserID)
		return
	}
	after := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.After, &after); err != nil {
		t.Fatal(err)
	}
	fields := maps.Clone(all[r.UserID])
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	for _, path := range r.Changed {
		delete(fields, path)
	}
	maps.Copy(fields, after)
	all[r.UserID] = fields
}

// Feed waits until the feed has everything, and returns all of it.
func Feed(t *testing.T, s *system.System) (all []directory.Record) {
	t.Helper()
	n, err := s.Store.CountRecords(t.Context(), system.Team, directory.RecordFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var next directory.RecordCursor
	system.Eventually(t, 2*time.Minute, "the feed has every record", func() bool {
		for more := true; more; {
			feed, err := s.Store.Feed(t.Context(), system.Team, directory.FeedRequest{After: next, Limit: 500})
			if err != nil {
				t.Fatal(err)
			}
			all, next, more = append(all, feed.Records...), feed.Next, feed.More
		}
		return len(all) >= n
	})
	if len(all) != n {
		t.Errorf("the feed has %d records of %d", len(all), n)
	}
	return all
}

// Replayed fails the test unless the feed, applied to the first load, leads to what readers
// see now. It returns the records.
func Replayed(t *testing.T, s *system.System, first Seen) []directory.Record {
	t.Helper()
	all, got := Feed(t, s), maps.Clone(first)
	if got == nil {
		got = Seen{}
	}
	for _, r := range all {
		got.apply(t, r)
	}
	if diff := cmp.Diff(See(t, s), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the feed of %d records does not lead to what readers see (-want +got):\n%.3000s", len(all), diff)
	}
	return all
}

// Subscribe creates a subscription to records of changes.
func Subscribe(t *testing.T, s *system.System) (name string) {
	t.Helper()
	name = fmt.Sprintf("projects/%s/subscriptions/subscriber", s.Project)
	if _, err := s.PubSub.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: name, Topic: fmt.Sprintf("projects/%s/topics/%s", s.Project, s.Topology.ChangesTopic), AckDeadlineSeconds: 10, // so that messages come again after a lost answer
	}); err != nil {
		t.Fatal(err)
	}
	return name
}

// Told fails the test unless the subscription has messages for exactly these records. It
// returns the messages.
func Told(t *testing.T, s *system.System, subscription string, records []directory.Record) (messages []*pubsubpb.PubsubMessage) {
	t.Helper()
	missing := map[string]directory.Record{}
	for _, r := range records {
		missing[r.ID] = r
	}
	known := maps.Clone(missing)
	for deadline := time.Now().Add(time.Minute); len(missing) > 0 && time.Now().Before(deadline); {
		for _, m := range pull(t, s, subscription) {
			messages = append(messages, m)
			var d pubsub.RecordData
			if err := json.Unmarshal(m.GetData(), &d); err != nil {
				t.Fatal(err)
			}
			r, ok := known[d.ID]
			if !ok || m.GetAttributes()["ce-id"] != d.ID || d.UserID != r.UserID || d.Type != r.Type || d.Version != r.Version() {
				t.Errorf("published %+v, recorded %+v", d, r)
			}
			delete(missing, d.ID)
		}
	}
	for _, r := range missing {
		t.Errorf("%d of %d records were not published: %s of %s at %v", len(missing), len(known), r.Type, r.UserID, r.At)
		break
	}
	return messages
}

func pull(t *testing.T, s *system.System, subscription string) (all []*pubsubpb.PubsubMessage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer, err := s.PubSub.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1000})
	if err != nil {
		return nil // nothing arrived before the timeout
	}
	var ids []string
	for _, m := range answer.GetReceivedMessages() {
		all, ids = append(all, m.GetMessage()), append(ids, m.GetAckId())
	}
	if len(ids) == 0 {
		return nil
	}
	if err := s.PubSub.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: subscription, AckIds: ids}); err != nil {
		t.Fatal(err)
	}
	return all
}
