// Command local runs all of Rollcall in one process. It is the quickest way to see Rollcall
// work, or to keep a copy of a real workspace without a cloud.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cli/browser"

	"rollcall/internal/config"
	"rollcall/internal/local"
	"rollcall/internal/service"
	"rollcall/internal/terminal"
)

const usage = `Rollcall in one process: webhook, Pub/Sub, worker, store, page and API.

usage: go run ./functions/local [-open] [-people N] [-data file]

By default it invents a Slack workspace of 250 people who change as you watch, with
six weeks of changes behind them, and keeps them in a file for the next start.
With SLACK_BOT_TOKENS it loads real workspaces, and with SLACK_APP_TOKEN it also
receives their events by Socket Mode. PUBSUB_EMULATOR_HOST and
FIRESTORE_EMULATOR_HOST name emulators to use.

`

// byDefault is the value of -data for a file in the user's cache folder.
const byDefault = "cache"

func main() { service.Main(run) }

func run(ctx context.Context) (err error) {
	o := local.Options{Out: os.Stdout, Terminal: terminal.Is(os.Stdout)}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.StringVar(&o.Data, "data", byDefault, "`file` that keeps the directory; \""+byDefault+"\" is one in the user's cache folder, \"\" keeps nothing")
	flags.DurationVar(&o.ChangeInterval, "change-every", local.ChangeInterval, "time between changes in the invented workspace")
	flags.DurationVar(&o.SyncInterval, "sync-every", local.SyncInterval, "time between full syncs")
	open := flags.Bool("open", false, "open the page in a browser once it is ready")
	people := fmt.Sprintf("`number` of people to invent, from %d to %d, by default 250; those in a kept file stay, and a higher number adds to them",
		local.MinPeople, local.MaxPeople)
	flags.Func("people", people, func(s string) (err error) {
		o.People, err = local.ParsePeople(s)
		return err
	})
	if err := service.ParseFlags(flags, usage, os.Args[1:]); err != nil {
		return err
	}
	for _, every := range []struct {
		flag     string
		interval time.Duration
	}{{"change-every", o.ChangeInterval}, {"sync-every", o.SyncInterval}} {
		if every.interval <= 0 {
			return service.UsageError(fmt.Sprintf("local: invalid value %q for flag -%s: must be positive; see -help", every.interval, every.flag))
		}
	}
	if *open {
		browser.Stdout, browser.Stderr = io.Discard, io.Discard
		o.Browse = browser.OpenURL
	}
	if o.Config, err = config.Load[config.Local](os.Environ()); err != nil {
		return err
	}
	if o.Data == byDefault {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no cache folder: %w; choose a file with -data", err)
		}
		o.Data = filepath.Join(cache, "rollcall", local.FileName(o.Config))
	}
	return local.Run(ctx, o)
}
