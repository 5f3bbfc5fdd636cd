// Command webhook receives Slack's Events API and publishes what it tells about users.
package main

import (
	"context"
	"fmt"
	"os"

	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/config"
	"rollcall/internal/pubsub"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/webhook"
)

func main() { service.Main(run) }

func run(ctx context.Context) error {
	c, err := config.Load[config.Webhook](os.Environ())
	if err != nil {
		return err
	}
	log := service.NewLogger(os.Stdout, c.LogLevel, c.Project)
	client, err := gcpubsub.NewClient(ctx, c.Project)
	if err != nil {
		return fmt.Errorf("open Pub/Sub: %w", err)
	}
	defer client.Close() //nolint:errcheck // the process ends
	publisher := pubsub.NewPublisher(client, c.Topic)
	defer publisher.Stop()

	h := webhook.New(slack.NewVerifier(c.SigningSecret.Reveal()), publisher, log)
	return service.Serve(ctx, service.Host(), c.Port, h, log)
}
