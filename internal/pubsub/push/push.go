// Package push reads and writes the envelope in which Pub/Sub delivers a
// message to a push endpoint (Google's page "Receive push messages", wrapped).
package push

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"rollcall/internal/ijson"
)

// ErrEnvelope means that a body is not a push envelope. Its text quotes nothing of the body.
var ErrEnvelope = errors.New("not a Pub/Sub push envelope")

// AckDeadline is how long Pub/Sub waits for the answer to a push.
const AckDeadline = 30 * time.Second

// WorkTimeout is how long an endpoint may work on one message to answer before the ack deadline.
func WorkTimeout(ackDeadline time.Duration) time.Duration { return ackDeadline * 2 / 3 }

// maxMessageID bounds an id, which goes into every log line. Pub/Sub's are far shorter.
const maxMessageID = 200

// Message is a delivered message.
type Message struct {
	ID              string
	Data            []byte
	Attributes      map[string]string
	PublishTime     time.Time
	Subscription    string
	DeliveryAttempt int // from 1; 0 if the subscription has no dead-letter policy, and always on the emulator
}

type envelope struct {
	Message         *message `json:"message"`
	Subscription    string   `json:"subscription"`
	DeliveryAttempt int      `json:"deliveryAttempt,omitempty"`
}

// message has two names each for id and time, because Pub/Sub writes both.
type message struct {
	Data         []byte            `json:"data,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	MessageID    string            `json:"messageId"`
	MessageIDOld string            `json:"message_id"`
	Time         time.Time         `json:"publishTime,omitzero"`
	TimeOld      time.Time         `json:"publish_time,omitzero"`
}

// Decode reads an envelope.
func Decode(body []byte) (Message, error) {
	var e envelope
	if err := ijson.Unmarshal(body, &e); err != nil || e.Message == nil {
		return Message{}, ErrEnvelope
	}
	m := Message{
		ID:              e.Message.MessageID,
		Data:            e.Message.Data,
		Attributes:      e.Message.Attributes,
		PublishTime:     e.Message.Time,
		Subscription:    e.Subscription,
		DeliveryAttempt: e.DeliveryAttempt,
	}
	if m.ID == "" {
		m.ID = e.Message.MessageIDOld
	}
	if m.PublishTime.IsZero() {
		m.PublishTime = e.Message.TimeOld
	}
	if m.ID == "" || len(m.ID) > maxMessageID {
		return Message{}, ErrEnvelope
	}
	return m, nil
}

// Trace returns ctx with the trace of m's publisher, if m's attributes have one. The
// Pub/Sub client has a carrier for this, but would add the whole client to the worker.
func (m Message) Trace(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": m.Attributes["googclient_traceparent"],
		"tracestate":  m.Attributes["googclient_tracestate"],
	})
}

// Encode writes the envelope of m.
func (m Message) Encode() ([]byte, error) {
	return json.Marshal(envelope{
		Subscription:    m.Subscription,
		DeliveryAttempt: m.DeliveryAttempt,
		Message: &message{
			Data: m.Data, Attributes: m.Attributes,
			MessageID: m.ID, MessageIDOld: m.ID,
			Time: m.PublishTime, TimeOld: m.PublishTime,
		},
	})
}

// Acked reports whether an endpoint's status acknowledges the message. Any other is a nack.
func Acked(status int) bool {
	switch status {
	case 102, 200, 201, 202, 204:
		return true
	}
	return false
}
