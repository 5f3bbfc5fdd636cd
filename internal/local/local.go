// Package local puts all of Rollcall into one process: the real webhook, worker
// and ui between embedded or emulated backends and an invented or real Slack.
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

// ChangeInterval is how often somebody in the invented workspace changes by default.
const ChangeInterval = 2 * time.Second

// SyncInterval is the interval of full syncs by default.
const SyncInterval = time.Hour

// historyTTL is for how long changes are kept.
const historyTTL = 90 * 24 * time.Hour

// Options say what to run.
type Options struct {
	Config         config.Local
	Data           string        // the file; empty to keep nothing
	ChangeInterval time.Duration // in the invented workspace
	SyncInterval   time.Duration // between full syncs; the first is at the start
	Out            io.Writer     // for the person who watches
	Terminal       bool          // Out is one

	pushing func(pubsub.Topology) // told, in tests, where Pub/Sub pushes to
}

// FileName returns the name of the file that keeps the directory: an invented
// workspace does not mix with a real one.
func FileName(c config.Local) string {
	if len(c.BotTokens) > 0 {
		return "rollcall.db"
	}
	return "invented.db"
}

// Store is all that the parts need of a store.
type Store interface {
	worker.Store
	ui.Store
	fullsync.Store
	Close() error
}

// Run serves until ctx is done.
func Run(ctx context.Context, o Options) (err error) {
	out := &console{w: terminal.NewWriter(o.Out)}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: o.Config.LogLevel}))

	page, err := service.Listen("127.0.0.1", o.Config.Port)
	if err != nil {
		return err
	}
	push, err := service.Listen("127.0.0.1", 0)
	if err != nil {
		return errors.Join(err, page.Close())
	}
	topology := pubsub.Production()
	// Only Pub/Sub is told the path: whoever else finds the port cannot make up messages.
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
	people, err := openSlack(o, address, publisher, log)
	if err != nil {
		return errors.Join(err, page.Close(), push.Close())
	}

	watched := &watchedStore{Store: back.store, out: out, address: address}
	syncer := &syncer{tokens: people.tokens, interval: o.SyncInterval, asked: make(chan struct{}, 1), options: fullsync.Options{
		Store: back.store, Publisher: publisher, Log: log, Progress: fullsync.NewProgress(out, o.Terminal, log),
		AllowMassDelete: people.invented, // it is another one at each start
		Profiles:        fullsync.DefaultProfiles,
	}}
	front := http.NewServeMux()
	front.Handle("/slack/events", webhook.New(slack.NewVerifier(people.signingSecret), publisher, "", log))
	front.Handle("/", ui.New(ctx, ui.Options{Store: back.store, Syncer: syncer, DeadLetters: back.deadLetters, Log: log, ImageSources: people.imageSources}))

	if o.pushing != nil {
		o.pushing(topology)
	}
	fmt.Fprintf(out, "Rollcall is at %s (Ctrl-C ends it)\n", address)
	pushed := http.StripPrefix(pushPath, worker.New(watched, worker.History{TTL: historyTTL, Publisher: back.subscribers}, topology.WorkTimeout(), log))
	return serve(ctx, log, back, topology, people, page, onlyHere(front), push, onlyHere(pushed), syncer)
}

// onlyHere keeps out pages of other sites in a browser on this machine, whether they
// come by a name of their own or say where they come from.
func onlyHere(h http.Handler) http.Handler {
	return service.LoopbackHosts(http.NewCrossOriginProtection().Handler(h))
}

// serve runs all parts. At the end those that take something in stop first,
// so that what is on its way still arrives.
func serve(ctx context.Context, log *slog.Logger, back *backends, topology pubsub.Topology, people *slackSide,
	page net.Listener, front http.Handler, push net.Listener, worker http.Handler, syncer *syncer,
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
		loaded, err := syncer.run(intakeCtx)
		if err != nil {
			return err
		}
		return syncer.repeat(intakeCtx, loaded)
	})
	intake.Go(func() error { return people.live(intakeCtx) })
	err := intake.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to stop
	}
	stopDelivering()
	return errors.Join(err, delivery.Wait())
}
