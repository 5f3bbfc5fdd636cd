package operator

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/urfave/cli/v3"

	"rollcall/internal/config"
	"rollcall/internal/e2e/smoke"
	"rollcall/internal/pubsub"
)

func (p Program) smoke() *cli.Command {
	return &cli.Command{
		Name:  "smoke",
		Usage: "test a deployment",
		Description: "It invents a person in a hidden workspace, sends signed events to have them join, change and leave,\n" +
			"removes them, and waits each time until Firestore shows it. It reads SLACK_SIGNING_SECRET. It also\n" +
			"tests that the API is there and looks tokens up.",
		ArgValidator: noArguments,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "webhook", Usage: "the `address` that Slack posts to, https://…/slack/events", Required: true, Validator: isAddress},
			&cli.StringFlag{Name: "api", Usage: "the `address` of the API, https://…/api/; empty if there is none to test"},
			&cli.DurationFlag{Name: "within", Value: 30 * time.Second, Usage: "how long to wait for each step to be visible", Validator: positive},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			settings, err := config.Load[config.SmokeTest](p.Environ)
			if err != nil {
				return usageError{err}
			}
			return p.with(ctx, func(open *clients) error {
				publisher := pubsub.NewPublisher(open.pubsub, open.config.Topic)
				defer publisher.Stop()
				return smoke.Test{
					Webhook: c.String("webhook"), API: c.String("api"), Secret: settings.SigningSecret.Reveal(), Timeout: c.Duration("within"),
					Store: open.store, Publisher: publisher, Out: p.Out,
				}.Run(ctx)
			})
		},
	}
}

func isAddress(text string) error {
	if u, err := url.Parse(text); err != nil || u.Host == "" {
		return errors.New("give the address that Slack posts to")
	}
	return nil
}
