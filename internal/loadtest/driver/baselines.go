package driver

import (
	"io"
	"net/http"

	gcpubsub "cloud.google.com/go/pubsub/v2"
	slackgo "github.com/slack-go/slack"

	"rollcall/internal/pubsub"
)

// attributes are as many as those of Rollcall's messages, because attributes cost as much as the
// rest of a small message.
var attributes = map[string]string{
	"operation": "update", "team_id": "T0000000001", "source": "event", "event_type": "user_change", "event_id": "Ev0000000001",
}

// baseline is a minimal webhook: it checks the signature and, with a publisher,
// publishes the body with fixed attributes.
func baseline(secret string, publisher *gcpubsub.Publisher) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack/events", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		verifier, err := slackgo.NewSecretsVerifier(r.Header, secret)
		if err == nil {
			verifier.Write(body) //nolint:errcheck // a hash does not fail
			err = verifier.Ensure()
		}
		if err != nil {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
		if publisher == nil {
			return
		}
		if _, err := publisher.Publish(r.Context(), &gcpubsub.Message{Data: body, Attributes: attributes}).Get(r.Context()); err != nil {
			http.Error(w, "publish", http.StatusServiceUnavailable)
		}
	})
	return mux
}

// plainPublisher has the client's defaults, except that it waits no longer for other messages than
// Rollcall's own publisher. With the default of 10 ms it would be the slower one.
func plainPublisher(client *gcpubsub.Client, topic string) *gcpubsub.Publisher {
	p := client.Publisher(topic)
	p.PublishSettings.DelayThreshold = pubsub.DelayThreshold
	p.PublishSettings.CountThreshold = pubsub.CountThreshold
	return p
}
