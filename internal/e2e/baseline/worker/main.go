// Command worker opens what the worker opens.
package main

import (
	"context"

	"cloud.google.com/go/firestore"

	"rollcall/internal/e2e/baseline"
)

func main() {
	_, err := firestore.NewClient(context.Background(), baseline.Project())
	baseline.Serve(err)
}
