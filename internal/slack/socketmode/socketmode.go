// Package socketmode receives events over a WebSocket that we open to Slack
// (Slack's page "Using Socket Mode"), which needs no public address.
package socketmode

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Receive connects with an app-level token and calls handle with the body of each
// Events API request, until ctx is done or Slack refuses the token. Each
// request is acknowledged once handle returns nil. Otherwise Slack sends it again.
func Receive(ctx context.Context, apiURL, appToken string, log *slog.Logger, handle func(context.Context, []byte) error) error {
	api := slackgo.New("", slackgo.OptionAppLevelToken(appToken), slackgo.OptionAPIURL(strings.TrimSuffix(apiURL, "/")+"/"))
	client := socketmode.New(api)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(ctx) }()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("socket mode: %w", err)
		case e := <-client.Events:
			id, body := request(e)
			if id == "" {
				logEvent(log, e)
				continue
			}
			if err := handle(ctx, body); err != nil {
				log.ErrorContext(ctx, "event not published, Slack will send it again", "error", err)
				continue
			}
			if err := client.AckCtx(ctx, id, nil); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "event not acknowledged, Slack will send it again", "error", err)
			}
		}
	}
}

// request returns the envelope id and the Events API body of e, if it has one.
// The library reports events that do not fit its types as bad messages: types it does
// not know, and users with an empty list for profile.fields.
func request(e socketmode.Event) (envelopeID string, body []byte) {
	switch data := e.Data.(type) {
	case *socketmode.ErrorBadMessage:
		var r socketmode.Request
		if err := json.Unmarshal(data.Message, &r); err != nil || r.Type != socketmode.RequestTypeEventsAPI {
			return "", nil
		}
		return r.EnvelopeID, r.Payload
	default:
		if e.Type != socketmode.EventTypeEventsAPI || e.Request == nil {
			return "", nil
		}
		return e.Request.EnvelopeID, e.Request.Payload
	}
}

// logEvent logs the state of the connection, and no message.
func logEvent(log *slog.Logger, e socketmode.Event) {
	switch e.Type {
	case socketmode.EventTypeConnected:
		log.Info("socket mode: connected")
	case socketmode.EventTypeConnectionError, socketmode.EventTypeInvalidAuth, socketmode.EventTypeErrorBadMessage, socketmode.EventTypeIncomingError, socketmode.EventTypeErrorWriteFailed:
		log.Warn("socket mode: " + string(e.Type))
	}
}
