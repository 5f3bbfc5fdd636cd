package local

import (
	"context"
	"errors"
	"log/slog"

	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/embedded"
	"rollcall/internal/store/firestore"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/ui"
	"rollcall/internal/worker"
)

// backends are Pub/Sub and the store, embedded or emulated.
type backends struct {
	pubsub *gcpubsub.Client
	store  Store
	// keepsPast says that the store keeps the times that records of history already have.
	keepsPast bool
	// push delivers messages to the worker until ctx is done. The emulator pushes by itself.
	push func(ctx context.Context, t pubsub.Topology, log *slog.Logger)
	// deadLetters is nil on the emulator, where nothing counts them.
	deadLetters ui.DeadLetters
	// subscribers gets records of changes; nil in process, where nobody can subscribe.
	subscribers worker.Publisher
	// closePubSub closes the client and, if embedded, the server.
	closePubSub func() error
}

func openBackends(ctx context.Context, o Options, t pubsub.Topology) (*backends, error) {
	if o.Config.PubSubHost != "" {
		return openEmulated(ctx, o, t)
	}
	server, err := embedded.Start(ctx, o.Config.Project)
	if err != nil {
		return nil, err
	}
	b := &backends{pubsub: server.Client, push: server.Push, keepsPast: true, deadLetters: server, closePubSub: server.Close}
	if err := t.Ensure(ctx, server.Client); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	if o.Data == "" {
		b.store, err = sqlite.OpenTemporary()
	} else {
		b.store, err = sqlite.Open(o.Data)
	}
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return b, nil
}

// openEmulated uses the emulators in the environment variables that Google's libraries read.
func openEmulated(ctx context.Context, o Options, t pubsub.Topology) (*backends, error) {
	client, err := pubsub.Open(ctx, o.Config.Project, false)
	if err != nil {
		return nil, err
	}
	if err := t.Ensure(ctx, client); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	store, err := firestore.Open(ctx, o.Config.Project, o.Config.Database)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	told := pubsub.NewRecordPublisher(client, t.ChangesTopic, false)
	closeClient := func() error { told.Stop(); return client.Close() }
	wait := func(ctx context.Context, _ pubsub.Topology, _ *slog.Logger) { <-ctx.Done() }
	return &backends{pubsub: client, store: store, push: wait, subscribers: told, closePubSub: closeClient}, nil
}

func (b *backends) Close() error { return errors.Join(b.closePubSub(), b.store.Close()) }
