// Command worker is the push-subscribed function that applies changes to the directory.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"rollcall/internal/config"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
	"rollcall/internal/service/function"
	"rollcall/internal/service/identity"
	"rollcall/internal/store/firestore"
	"rollcall/internal/worker"
)

func main() { service.Main(service.WithoutFlags("worker", run)) }

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

	history := worker.History{TTL: c.HistoryTTL()}
	if c.HistoryDays > 0 {
		client, err := pubsub.Open(ctx, c.Project, c.TraceEndpoint != "")
		if err != nil {
			return err
		}
		defer client.Close() //nolint:errcheck // the process ends
		publisher := pubsub.NewRecordPublisher(client, c.ChangesTopic, c.ChangesValues)
		defer publisher.Stop()
		history.Publisher = publisher
	}

	h := service.Traced(worker.New(store, history, push.WorkTimeout(push.AckDeadline), log))
	if c.PushAudience != "" {
		validator, err := identity.NewValidator(ctx, http.DefaultTransport)
		if err != nil {
			return fmt.Errorf("open the token validator: %w", err)
		}
		caller := worker.Caller{Audience: c.PushAudience, Email: c.PushServiceAccount, SignatureRemoved: c.SignatureRemoved()}
		h = worker.RequirePush(validator, caller, log)(h)
	}
	return function.Serve(ctx, "worker", service.Host(), c.Port, h, log)
}
