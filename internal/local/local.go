// Package local runs all of Rollcall in one process: the real webhook, worker,
// ui and api, with embedded or emulated backends and an invented or real Slack.
//
// Everything about the invented Slack is made up: the people, what they do while it runs, and, in a new file, six
// weeks of changes from before the first start. Those go through the directory's own rules, but not through the webhook
// and Pub/Sub, and their records have the times at which the changes would have been written. A later start reads
// the people from the file, so the workspace goes on as it was left.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/api"
	"rollcall/internal/config"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/terminal"
	"rollcall/internal/ui"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

// ChangeInterval is the default time between changes of people in the invented workspace.
const ChangeInterval = 2 * time.Second

// SyncInterval is the default time between full syncs.
const SyncInterval = time.Hour

// historyTTL is how long changes are kept.
const historyTTL = 90 * 24 * time.Hour

// Options say what to run.
type Options struct {
	Config         config.Local
	Data           string                 // the store's file; empty to keep nothing
	People         int                    // in the invented workspace; 0: those in the store, or 250 if it is new
	ChangeInterval time.Duration          // in the invented workspace
	SyncInterval   time.Duration          // between full syncs, after one at the start
	Out            io.Writer              // for the user
	Terminal       bool                   // Out is a terminal
	Browse         func(url string) error // opens the page once it is ready; nil: no browser is opened

	pushing func(pubsub.Topology) // tells tests where Pub/Sub pushes to
}

// FileName returns the name of the store's file. An invented workspace and
// real ones have different files.
func FileName(c config.Local) string {
	if len(c.BotTokens) > 0 {
		return "rollcall.db"
	}
	return "invented.db"
}

// Store is the store of all parts.
type Store interface {
	worker.Store
	ui.Store
	fullsync.Store
	api.PeopleStore
	api.WorkspaceStore
	api.HistoryStore
	PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (int, error)
	Close() error
}

// Run serves until ctx is done.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	out := &console{w: terminal.NewWriter(o.Out)}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: o.Config.LogLevel}))

	if o.People > 0 && len(o.Config.BotTokens) > 0 {
		return errors.New("-people applies only to an invented workspace, but SLACK_BOT_TOKENS opens a real one: leave out one of the two")
	}
	page, err := service.Listen("127.0.0.1", o.Config.Port)
	if err != nil {
		return err
	}
	push, err := service.Listen("127.0.0.1", 0)
	if err != nil {
		return errors.Join(err, page.Close())
	}
	topology := pubsub.Production()
	// The path is secret, so that nobody but our Pub/Sub can post messages to this port.
	pushPath := "/" + rand.Text()
	topology.PushEndpoint = "http://" + push.Addr().String() + pushPath + "/"
	address := "http://" + page.Addr().String()

	back, err := openBackends(ctx, o, topology)
	if err != nil {
		return errors.Join(err, page.Close(), push.Close())
	}
	defer func() { err = errors.Join(err, back.Close()) }()
	publisher := pubsub.NewPublisher(back.pubsub, topology.Topic)
	defer publisher.Stop()
	people, err := openSlack(ctx, o, address, back, publisher, out, log)
	if err != nil {
		return errors.Join(err, page.Close(), push.Close())
	}

	watched := &watchedStore{Store: back.store, out: out, address: address, values: people.invented}
	shown := fullsync.NewProgress(out, o.Terminal, log)
	shown.Free = true // SQLite or an emulator
	syncer := &syncer{tokens: people.tokens, interval: o.SyncInterval, asked: make(chan struct{}, 1), options: fullsync.Options{
		Store: back.store, Publisher: publisher, Log: log, Progress: shown,
		AllowMassDelete: people.othersKnown, // nobody can pass the flag that the refusal asks for
	}}
	front := http.NewServeMux()
	front.Handle("/slack/events", onlyHere(webhook.New(slack.NewVerifier(people.signingSecret), publisher, "", log)))
	var imageSources []string
	if people.images != nil {
		imageSources = []string{address} // its number, even to a browser that knows us as localhost
		front.Handle("/avatars/", onlyHere(people.images))
		front.Handle("/emoji/", onlyHere(people.images))
	}
	pages := ui.New(ctx, ui.Options{Store: back.store, Syncer: syncer, Schedule: syncer, DeadLetters: back.deadLetters, Log: log, ImageSources: imageSources})
	front.Handle("/", service.LoopbackHosts(pages)) // they refuse other sites themselves, with a page that says so

	key, err := newKey(back.store, time.Now())
	if err != nil {
		return errors.Join(err, page.Close(), push.Close())
	}
	programs := api.New(api.Options{People: back.store, Workspaces: back.store, History: back.store, Tokens: key, Rate: apiRate, Log: log})

	if o.pushing != nil {
		o.pushing(topology)
	}
	fmt.Fprintf(out, "Rollcall is at %s (Ctrl-C ends it)\n", address)
	fmt.Fprintf(out, "Slack's Web API, read from the copy, is at %s/api/ with the token %s\n", address, key.text)
	pushed := http.StripPrefix(pushPath, worker.New(watched, worker.History{TTL: historyTTL, Publisher: back.subscribers}, topology.WorkTimeout(), log))
	ready := func() {
		fmt.Fprintf(out, "Ready after %v: %s\n", time.Since(began).Round(time.Millisecond), address)
		o.browse(address, out)
	}
	return serve(ctx, log, back, topology, people, page, split(onlyHere(programs), front), push, onlyHere(pushed), syncer, ready)
}

// browse opens the page, if the user asked for that. If it cannot, it says so and prints the address. A browser may
// keep its caller waiting until it is closed.
func (o Options) browse(address string, out io.Writer) {
	if o.Browse == nil {
		return
	}
	go func() {
		if err := o.Browse(address); err != nil {
			fmt.Fprintf(out, "No browser opened (%v): open %s yourself\n", err, address)
		}
	}()
}

// onlyHere refuses requests from other sites' pages in a browser on this machine: those under
// another host name, and cross-origin ones.
func onlyHere(h http.Handler) http.Handler {
	return service.LoopbackHosts(http.NewCrossOriginProtection().Handler(h))
}

// serve runs all parts. At the end it stops the intake first, and the worker finishes the messages that it has. Those
// still waiting in the embedded Pub/Sub are lost; the full sync of the next start finds what they would have changed.
func serve(ctx context.Context, log *slog.Logger, back *backends, topology pubsub.Topology, people *slackSide,
	page net.Listener, front http.Handler, push net.Listener, worker http.Handler, syncer *syncer, ready func(),
) error {
	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	var delivery errgroup.Group
	delivery.Go(func() error { return service.ServeListener(delivering, push, worker, log) })
	delivery.Go(func() error { back.push(delivering, topology, log); return nil })

	intake, intakeCtx := errgroup.WithContext(ctx)
	intake.Go(func() error { return service.ServeListener(intakeCtx, page, front, log) })
	intake.Go(func() error { return people.serve(intakeCtx, log) })
	intake.Go(func() error {
		if err := people.begin(intakeCtx); err != nil {
			return err
		}
		intake.Go(func() error { return people.live(intakeCtx) })
		profiles := fullsync.DefaultProfiles
		if people.invented {
			profiles = 0
		}
		loaded, err := syncer.run(intakeCtx, profiles)
		if err != nil {
			return err
		}
		ready()
		return syncer.repeat(intakeCtx, loaded || profiles == 0)
	})
	err := intake.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to stop
	}
	stopDelivering()
	return errors.Join(err, delivery.Wait())
}
