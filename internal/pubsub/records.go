package pubsub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"rollcall/internal/directory"
)

// RecordPublisher publishes records of history as CloudEvents in binary content mode: the
// context in attributes, and the data in JSON.
type RecordPublisher struct {
	publisher *Publisher
	values    bool
}

// NewRecordPublisher returns a publisher to a topic of the client's project. Unless values is
// set, messages name the changed fields without their values, so that subscriptions hold no
// personal data. Stop it after use.
func NewRecordPublisher(client *pubsub.Client, topicID string, values bool) *RecordPublisher {
	return &RecordPublisher{NewPublisher(client, topicID), values}
}

// Publish returns nil once Pub/Sub has accepted the message. After an error Pub/Sub may
// have accepted it too. Publish it again: subscribers recognise a repeat by its id.
func (p *RecordPublisher) Publish(ctx context.Context, r directory.Record) error {
	m, err := recordMessage(r, p.values)
	if err != nil {
		return err
	}
	return p.publisher.publish(ctx, m)
}

// Stop sends the waiting messages and returns once they are sent.
func (p *RecordPublisher) Stop() { p.publisher.Stop() }

// RecordData is the data of a message. A topic's schema can describe it: before and
// after are JSON in strings, because schemas have no type for arbitrary JSON.
type RecordData struct {
	ID      string               `json:"id"`
	Type    directory.RecordType `json:"type"`
	TeamID  string               `json:"team_id"`
	UserID  string               `json:"user_id"`
	Changed []string             `json:"changed"`
	Version directory.Version    `json:"version"` // At in microseconds
	At      time.Time            `json:"at"`      // Slack's
	Source  directory.Source     `json:"source"`
	Before  string               `json:"before,omitempty"`
	After   string               `json:"after,omitempty"`
}

// recordMessage returns the message of a record. The attributes have the names of the
// CloudEvents binding for Pub/Sub (protocol/pubsub/v2 of github.com/cloudevents/sdk-go). team_id is
// for filters of subscriptions.
func recordMessage(r directory.Record, values bool) (*pubsub.Message, error) {
	d := RecordData{r.ID, r.Type, r.TeamID, r.UserID, r.Changed, r.Version(), r.At, r.Source, "", ""}
	if d.Changed == nil {
		d.Changed = []string{}
	}
	if values {
		d.Before, d.After = string(r.Before), string(r.After)
	}
	data, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return &pubsub.Message{Data: data, Attributes: map[string]string{
		"ce-specversion": "1.0",
		"ce-id":          r.ID,
		"ce-type":        string(r.Type),
		"ce-source":      "/workspaces/" + r.TeamID,
		"ce-subject":     r.UserID,
		"ce-time":        r.At.Format(time.RFC3339Nano),
		"content-type":   "application/json",
		"team_id":        r.TeamID,
	}}, nil
}
