// Package baseline is what the start of a service is compared with: programs
// that open the same clients, link nothing else, and serve one route.
package baseline

import (
	"errors"
	"log"
	"net/http"
	"os"
	"time"
)

// Project is where the clients are opened.
func Project() string { return os.Getenv("GOOGLE_CLOUD_PROJECT") }

// Serve answers GET /health, unless opening the clients failed.
func Serve(opened ...error) {
	if err := errors.Join(opened...); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	server := http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), ReadHeaderTimeout: time.Second}
	log.Fatal(server.ListenAndServe())
}
