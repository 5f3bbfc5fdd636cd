// Command worker is the push-subscribed function that applies changes to the directory.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"rollcall/internal/config"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
	"rollcall/internal/store/firestore"
	"rollcall/internal/worker"
)

const function = "worker"

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

	// As an HTTP function, because the framework's CloudEvent of a push drops the delivery attempt.
	drain := service.NewDrain(ctx)
	h := service.Handler(worker.New(store, push.WorkWithin(push.AckDeadline), log), drain)
	functions.HTTP(function, h.ServeHTTP)
	if err := os.Setenv("FUNCTION_TARGET", function); err != nil { // serve it at the root
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- funcframework.StartHostPort(service.Host(), strconv.Itoa(c.Port)) }()
	log.InfoContext(ctx, "listening", "port", c.Port)
	select {
	case err := <-failed:
		return fmt.Errorf("listen: %w", err)
	case <-ctx.Done():
		// The framework does not drain: the process stays until the last answer is given.
		log.InfoContext(ctx, "draining")
		return drain.Wait()
	}
}
