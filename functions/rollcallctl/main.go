// Command rollcallctl is the operator's command: parked messages, people, workspaces, the
// API's tokens, and the smoke test of a deployment.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"rollcall/internal/operator"
	"rollcall/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := operator.Program{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Live: terminal.Is(os.Stdout),
	}.Run(ctx, os.Args)
	stop()
	os.Exit(code)
}
