// Command fullsync compares all workspaces with Firestore once, and repairs what differs.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"

	"rollcall/internal/config"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/service"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/firestore"
	"rollcall/internal/terminal"
)

const usage = `usage: go run ./functions/fullsync [-dry-run] [-allow-mass-delete] [-profiles N]

Lists every workspace that SLACK_BOT_TOKENS opens, compares it with Firestore and publishes
what differs. It resumes where an interrupted run stopped. The exit code is 0 only if every
workspace was synced.
`

func main() { service.Main(run) }

func run(ctx context.Context) error {
	var o fullsync.Options
	flags := flag.NewFlagSet("fullsync", flag.ContinueOnError)
	flags.BoolVar(&o.DryRun, "dry-run", false, "print what would change, and change nothing")
	flags.BoolVar(&o.AllowMassDelete, "allow-mass-delete", false, "remove users even if they are more than a tenth of the directory")
	flags.IntVar(&o.Profiles, "profiles", fullsync.DefaultProfiles, "ask Slack for the custom fields of up to `N` people per workspace; 0 for none")
	if err := service.ParseFlags(flags, usage, os.Args[1:]); err != nil {
		return err
	}
	c, err := config.Load[config.FullSync](os.Environ())
	if err != nil {
		return err
	}
	o.Log = service.OpenLog(ctx, os.Stderr, c.Common)
	stopTracing, err := service.StartTracing(ctx, "fullsync", c.Common, o.Log)
	if err != nil {
		return err
	}
	defer stopTracing()
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends
	client, err := pubsub.Open(ctx, c.Project, c.TraceEndpoint != "")
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the process ends
	publisher := pubsub.NewPublisher(client, c.Topic)
	defer publisher.Stop()

	var out io.Writer // without one, progress goes to the log
	live := terminal.Is(os.Stderr)
	if live || o.DryRun {
		out = terminal.NewWriter(os.Stderr)
	}
	o.Store, o.Publisher, o.Plan, o.Progress = store, publisher, terminal.NewWriter(os.Stdout), fullsync.NewProgress(out, live, o.Log)
	tokens := make([]fullsync.Slack, len(c.BotTokens))
	for i, token := range c.BotTokens {
		tokens[i] = webapi.New(c.APIURL, token.Reveal(), o.Log)
	}
	for _, failed := range fullsync.All(ctx, tokens, o) {
		err = errors.Join(err, failed)
	}
	return err
}
