// Command smoke shows that a deployment works: it invents a person in a
// workspace that no page offers, has them join, change, leave and go, each by
// the way that Slack or a full sync would, and waits until the store says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/pubsub"
	"rollcall/internal/service"
	"rollcall/internal/store/firestore"
)

const usage = `Sends a signed event for each thing that can happen to a person, and waits until
Firestore shows it. The exit code is 0 only if all of it did, in time.

usage: go run ./internal/e2e/smoke -webhook https://…/slack/events

It reads GOOGLE_CLOUD_PROJECT, SLACK_SIGNING_SECRET, USER_EVENTS_TOPIC and
FIRESTORE_DATABASE, and with PUBSUB_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST
tests a local mode that uses the same emulators.

`

func main() { service.Main(run) }

func run(ctx context.Context) error {
	flags := flag.NewFlagSet("smoke", flag.ContinueOnError)
	webhook := flags.String("webhook", "", "the webhook's `address`")
	within := flags.Duration("within", 30*time.Second, "how long each step may take until it is visible")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(os.Args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		os.Exit(2) // the flag package has said why
	}
	if u, err := url.Parse(*webhook); err != nil || u.Host == "" || *within <= 0 {
		return errors.New("-webhook: give the address that Slack posts to; -within: must be positive")
	}
	c, err := config.Load[config.SmokeTest](os.Environ())
	if err != nil {
		return err
	}
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends
	client, err := pubsub.Open(ctx, c.Project, false)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the process ends
	publisher := pubsub.NewPublisher(client, c.Topic)
	defer publisher.Stop()

	return test{
		webhook: *webhook, secret: c.SigningSecret.Reveal(), within: *within,
		store: store, publisher: publisher, out: os.Stdout,
	}.run(ctx)
}
