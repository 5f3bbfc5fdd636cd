// Command api serves Slack's Web API from Rollcall's copy of the directory.
package main

import (
	"context"
	"log/slog"
	"os"

	"rollcall/internal/api"
	"rollcall/internal/config"
	"rollcall/internal/service"
	"rollcall/internal/service/audit"
	"rollcall/internal/store/firestore"
)

func main() { service.Main(service.WithoutFlags("api", run)) }

func run(ctx context.Context) error {
	c, err := config.Load[config.API](os.Environ())
	if err != nil {
		return err
	}
	log := service.OpenLog(ctx, os.Stdout, c.Common)
	stopTracing, err := service.StartTracing(ctx, "api", c.Common, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends
	tokens, err := firestore.Open(ctx, c.Project, c.TokenDatabase)
	if err != nil {
		return err
	}
	defer tokens.Close() //nolint:errcheck // the process ends
	h := api.New(api.Options{
		People: store, Workspaces: store, History: store, Tokens: tokens, Rate: c.Rate, Log: log,
		// Audit lines are written whatever LOG_LEVEL says.
		Audit: audit.New(service.NewLogger(os.Stdout, min(c.LogLevel, slog.LevelInfo), c.Project), []byte(c.AuditHashKey.Reveal())),
	})
	return service.Serve(ctx, service.Host(), c.Port, h, log)
}
