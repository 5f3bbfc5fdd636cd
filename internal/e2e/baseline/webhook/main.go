// Command webhook opens what the webhook opens.
package main

import (
	"context"

	"cloud.google.com/go/pubsub/v2"

	"rollcall/internal/e2e/baseline"
)

func main() {
	_, err := pubsub.NewClient(context.Background(), baseline.Project())
	baseline.Serve(err)
}
