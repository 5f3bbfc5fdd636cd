// Command ui serves the directory's pages.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"rollcall/internal/config"
	"rollcall/internal/googlecloud"
	"rollcall/internal/service"
	"rollcall/internal/service/audit"
	"rollcall/internal/service/identity"
	"rollcall/internal/store/firestore"
	"rollcall/internal/ui"
)

func main() { service.Main(service.WithoutFlags("ui", run)) }

func run(ctx context.Context) error {
	c, err := config.Load[config.UI](os.Environ())
	if err != nil {
		return err
	}
	log := service.OpenLog(ctx, os.Stdout, c.Common)
	stopTracing, err := service.StartTracing(ctx, "ui", c.Common, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends

	var authenticate func(http.Handler) http.Handler
	if c.Auth == "iap" {
		validator, err := identity.NewValidator(ctx, http.DefaultTransport)
		if err != nil {
			return fmt.Errorf("open the token validator: %w", err)
		}
		authenticate = ui.RequireIAP(validator, c.IAPAudience, log)
	}
	o := ui.Options{Store: store, Log: log, Authenticate: authenticate, Viewers: ui.Viewers(c.Viewers),
		// Audit lines are written whatever LOG_LEVEL says.
		Audit: audit.New(service.NewLogger(os.Stdout, min(c.LogLevel, slog.LevelInfo), c.Project), []byte(c.AuditHashKey.Reveal()))}
	if c.SyncJob != "" {
		job, err := googlecloud.OpenJob(ctx, c.SyncJob)
		if err != nil {
			return err
		}
		defer job.Close() //nolint:errcheck // the process ends
		o.Syncer = job
	}
	if c.SyncSchedule.Schedule != nil {
		o.Schedule = c.SyncSchedule
	}
	if c.DeadLetters != "" {
		letters, err := googlecloud.OpenDeadLetters(ctx, c.Project, c.DeadLetters)
		if err != nil {
			return err
		}
		defer letters.Close() //nolint:errcheck // the process ends
		o.DeadLetters, o.DeadLettersCommand = letters, "rollcallctl deadletters list"
	}
	h := service.Traced(ui.New(ctx, o))
	if c.Auth == "none" && c.OnCloudRun == "" {
		h = service.LoopbackHosts(h)
	}
	return service.Serve(ctx, service.Host(), c.Port, h, log)
}
