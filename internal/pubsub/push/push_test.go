package push

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	// The example of Google's page "Receive push messages".
	const google = `{"message":{"attributes":{"key":"value"},"data":"SGVsbG8gQ2xvdWQgUHViL1N1YiEgSGVyZSBpcyBteSBtZXNzYWdlIQ==",
		"messageId":"2070443601311540","message_id":"2070443601311540","publishTime":"2021-02-26T19:13:55.749Z","publish_time":"2021-02-26T19:13:55.749Z"},
		"subscription":"projects/myproject/subscriptions/mysubscription","deliveryAttempt":3}`
	published := time.Date(2021, 2, 26, 19, 13, 55, 749e6, time.UTC)
	tests := []struct {
		name, body string
		want       Message
		err        error
	}{
		{"Google's example", google, Message{
			ID: "2070443601311540", Data: []byte("Hello Cloud Pub/Sub! Here is my message!"),
			Attributes: map[string]string{"key": "value"}, PublishTime: published,
			Subscription: "projects/myproject/subscriptions/mysubscription", DeliveryAttempt: 3}, nil},
		{"old names", `{"message":{"message_id":"1","publish_time":"2021-02-26T19:13:55.749Z"}}`, Message{ID: "1", PublishTime: published}, nil},
		{"no message", `{"subscription":"s"}`, Message{}, ErrEnvelope},
		{"no id", `{"message":{"data":"eA=="}}`, Message{}, ErrEnvelope},
		{"data is not base64", `{"message":{"messageId":"1","data":"!"}}`, Message{}, ErrEnvelope},
		{"attributes of numbers", `{"message":{"messageId":"1","attributes":{"a":1}}}`, Message{}, ErrEnvelope},
		{"a name in another case", `{"message":{"MessageId":"1"}}`, Message{}, ErrEnvelope},
		{"a name twice", `{"message":{"messageId":"1","messageId":"2"}}`, Message{}, ErrEnvelope},
		{"an id without end", `{"message":{"messageId":"` + strings.Repeat("1", 201) + `"}}`, Message{}, ErrEnvelope},
		{"unwrapped", `{"operation":"insert"}`, Message{}, ErrEnvelope},
		{"null", `null`, Message{}, ErrEnvelope},
		{"empty", ``, Message{}, ErrEnvelope},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode([]byte(tt.body))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecode: no input panics, and every decoded message survives encoding and decoding.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"message":{"attributes":{"key":"value"},"data":"SGVsbG8=","messageId":"1","publishTime":"2021-02-26T19:13:55.749Z"},"subscription":"s","deliveryAttempt":1}`))
	f.Add([]byte(`{"message":{"message_id":"1"}}`))
	f.Add([]byte(`{"message":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Decode(body)
		if err != nil {
			if !errors.Is(err, ErrEnvelope) {
				t.Error(err)
			}
			return
		}
		encoded, err := m.Encode()
		if err != nil {
			t.Skip("a year that JSON cannot write")
		}
		back, err := Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, back, cmp.Transformer("empty", func(b []byte) string { return string(b) }), cmp.Transformer("attributes", func(m map[string]string) map[string]string {
			if len(m) == 0 {
				return nil
			}
			return m
		})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAcked(t *testing.T) {
	for status, want := range map[int]bool{102: true, 200: true, 201: true, 202: true, 204: true, 203: false, 206: false, 301: false, 400: false, 503: false} {
		if Acked(status) != want {
			t.Errorf("Acked(%d) = %v", status, !want)
		}
	}
}
