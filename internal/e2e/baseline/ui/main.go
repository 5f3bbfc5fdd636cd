// Command ui opens what the ui opens where it is deployed.
package main

import (
	"context"

	"cloud.google.com/go/firestore"
	monitoring "cloud.google.com/go/monitoring/apiv3/v2"
	run "cloud.google.com/go/run/apiv2"
	"google.golang.org/api/idtoken"

	"rollcall/internal/e2e/baseline"
)

func main() {
	ctx := context.Background()
	_, store := firestore.NewClient(ctx, baseline.Project())
	_, tokens := idtoken.NewValidator(ctx)
	_, jobs := run.NewJobsClient(ctx)
	_, executions := run.NewExecutionsClient(ctx)
	_, metrics := monitoring.NewMetricClient(ctx)
	baseline.Serve(store, tokens, jobs, executions, metrics)
}
