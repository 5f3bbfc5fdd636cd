// Command deadletters lets an operator look at parked messages, send them on
// their way again, or drop them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/config"
	"rollcall/internal/pubsub/deadletters"
	"rollcall/internal/service"
)

func main() { service.Main(run) }

func run(ctx context.Context) error {
	request, err := deadletters.Parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		os.Exit(2) // Parse has said why
	}
	c, err := config.Load[config.DeadLetters](os.Environ())
	if err != nil {
		return err
	}
	client, err := gcpubsub.NewClient(ctx, c.Project)
	if err != nil {
		return fmt.Errorf("open Pub/Sub: %w", err)
	}
	defer client.Close() //nolint:errcheck // the process ends
	return deadletters.Command{
		Parking: deadletters.Parking{Client: client, Subscription: c.Parking},
		Topic:   c.Topic, In: os.Stdin, Out: os.Stdout, Live: service.IsTerminal(os.Stdout),
	}.Run(ctx, request)
}
