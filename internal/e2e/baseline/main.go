// Command baseline is what BenchmarkStart compares the services with: it opens
// one of Google's clients and serves one route, by net/http or by the Functions Framework.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/pubsub/v2"
)

func main() {
	ctx, project, address := context.Background(), os.Getenv("GOOGLE_CLOUD_PROJECT"), "127.0.0.1:"+os.Getenv("PORT")
	var err error
	switch os.Args[1] {
	case "pubsub":
		_, err = pubsub.NewClient(ctx, project)
	case "firestore":
		_, err = firestore.NewClient(ctx, project)
	}
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(address, nil))
}
