package socketmode

import (
	"errors"
	"testing"

	"github.com/slack-go/slack/socketmode"

	"rollcall/internal/slack"
)

// FuzzRequest: no message that the library cannot read causes a panic, and the request in it
// is decoded or refused like a request to the webhook.
func FuzzRequest(f *testing.F) {
	for _, message := range []string{
		`{"type":"events_api","envelope_id":"1","payload":{"type":"event_callback","team_id":"T1","event_time":1,"event":{"type":"user_change","user":{"id":"U1","profile":{"fields":[]}}}}}`,
		`{"type":"hello"}`, `{"type":"disconnect","reason":"warning"}`, `{"type":"events_api","payload":null}`, `[]`,
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		id, body := request(socketmode.Event{Type: socketmode.EventTypeErrorBadMessage, Data: &socketmode.ErrorBadMessage{Message: message}})
		if id == "" {
			return // it is not handled
		}
		if _, err := slack.DecodeRequest(body); err != nil && !errors.Is(err, slack.ErrNotJSON) && !errors.Is(err, slack.ErrMalformed) {
			t.Error(err)
		}
	})
}
