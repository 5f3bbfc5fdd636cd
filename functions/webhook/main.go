// Command webhook receives Slack's Events API and publishes user changes.
package main

import (
	"context"
	"os"

	"rollcall/internal/config"
	"rollcall/internal/pubsub"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/webhook"
)

func main() { service.Main(service.WithoutFlags("webhook", run)) }

func run(ctx context.Context) error {
	c, err := config.Load[config.Webhook](os.Environ())
	if err != nil {
		return err
	}
	log := service.OpenLog(ctx, os.Stdout, c.Common)
	stopTracing, err := service.StartTracing(ctx, "webhook", c.Common, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	client, err := pubsub.Open(ctx, c.Project, c.TraceEndpoint != "")
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the process ends
	publisher := pubsub.NewPublisher(client, c.Topic)
	defer publisher.Stop()

	h := webhook.New(slack.NewVerifier(c.SigningSecret.Reveal()), publisher, c.AppID, log)
	return service.Serve(ctx, service.Host(), c.Port, h, log)
}
