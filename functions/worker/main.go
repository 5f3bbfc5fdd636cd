// Command worker is the push-subscribed function that applies changes to the directory.
package main

import (
	"context"
	"os"

	"rollcall/internal/config"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
	"rollcall/internal/service/function"
	"rollcall/internal/store/firestore"
	"rollcall/internal/worker"
)

func main() { service.Main(run) }

func run(ctx context.Context) error {
	c, err := config.Load[config.Worker](os.Environ())
	if err != nil {
		return err
	}
	log := service.OpenLog(ctx, os.Stdout, c.Common)
	stopTracing, err := service.StartTracing(ctx, "worker", c.Common, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends

	h, err := function.Handler(ctx, "worker", service.Traced(worker.New(store, push.WorkWithin(push.AckDeadline), log)))
	if err != nil {
		return err
	}
	return service.Serve(ctx, service.Host(), c.Port, h, log)
}
