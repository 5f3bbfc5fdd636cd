package local

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/slack"
	"rollcall/internal/slack/socketmode"
	"rollcall/internal/slack/webapi"
)

// slackSide is the source of people: an invented workspace or real ones.
type slackSide struct {
	invented      bool
	othersKnown   bool // the store has people whom the invented workspace lacks
	signingSecret string
	tokens        []fullsync.Slack
	images        http.Handler // serves /avatars/ and /emoji/ on the page's port; nil: Slack serves its own

	// begin comes before the first sync: it invents the past, or moves the pictures of a kept file.
	begin func(ctx context.Context) error
	// serve runs the invented workspace's API, live delivers events; both until ctx is done.
	serve func(ctx context.Context, log *slog.Logger) error
	live  func(ctx context.Context) error
}

func openSlack(ctx context.Context, o Options, address string, back *backends, publisher *pubsub.Publisher, out io.Writer, log *slog.Logger) (*slackSide, error) {
	if len(o.Config.BotTokens) > 0 {
		return realSlack(o, publisher, log), nil
	}
	return inventedSlack(ctx, o, address, back, out, log)
}

// realSlack loads each workspace and, with an app token, receives events by Socket Mode.
func realSlack(o Options, publisher *pubsub.Publisher, log *slog.Logger) *slackSide {
	wait := func(ctx context.Context) error { <-ctx.Done(); return nil }
	// There is no signing secret, so /slack/events accepts no request.
	s := &slackSide{
		begin: func(context.Context) error { return nil },
		serve: func(ctx context.Context, _ *slog.Logger) error { return wait(ctx) },
		live:  wait,
	}
	for _, token := range o.Config.BotTokens {
		s.tokens = append(s.tokens, webapi.New(o.Config.APIURL, token.Reveal(), log))
	}
	if o.Config.AppToken != "" {
		s.live = func(ctx context.Context) error {
			return socketmode.Receive(ctx, o.Config.APIURL, o.Config.AppToken.Reveal(), log, func(ctx context.Context, body []byte) error {
				return publish(ctx, publisher, body, log)
			})
		}
	}
	return s
}

// publish treats a Socket Mode request as the webhook treats a signed one.
func publish(ctx context.Context, publisher *pubsub.Publisher, body []byte, log *slog.Logger) error {
	r, err := slack.DecodeRequest(body)
	switch {
	case err != nil:
		log.WarnContext(ctx, "event refused", "error", err) // it would be refused again
		return nil
	case r.RateLimited:
		log.WarnContext(ctx, "app_rate_limited: Slack is dropping events", "team_id", r.TeamID)
	case r.Change != nil:
		return publisher.Publish(ctx, *r.Change)
	}
	return nil
}
