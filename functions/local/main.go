// Command local runs all of Rollcall in one process. It is the quickest way to see Rollcall
// work, or to keep a copy of a real workspace without a cloud.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"rollcall/internal/config"
	"rollcall/internal/local"
	"rollcall/internal/service"
	"rollcall/internal/terminal"
)

const usage = `Rollcall in one process: webhook, Pub/Sub, worker, store, page and API.

usage: go run ./functions/local [-data file]

By default it invents a Slack workspace of 250 people who change as you watch.
With SLACK_BOT_TOKENS it loads real workspaces, and with SLACK_APP_TOKEN it also
receives their events by Socket Mode. PUBSUB_EMULATOR_HOST and
FIRESTORE_EMULATOR_HOST name emulators to use.

`

// byDefault is the value of -data for a file in the user's cache folder.
const byDefault = "cache"

func main() { service.Main(run) }

func run(ctx context.Context) error {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	data := flags.String("data", byDefault, "`file` that keeps the directory; \""+byDefault+"\" means one in the user's cache folder, and \"\" none")
	changeInterval := flags.Duration("change-every", local.ChangeInterval, "time between changes in the invented workspace")
	syncInterval := flags.Duration("sync-every", local.SyncInterval, "time between full syncs")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		os.Exit(2) // the flag package has said why
	}
	c, err := config.Load[config.Local](os.Environ())
	if err != nil {
		return err
	}
	if *data == byDefault {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no cache folder: %w; choose a file with -data", err)
		}
		*data = filepath.Join(cache, "rollcall", local.FileName(c))
	}
	if *changeInterval <= 0 || *syncInterval <= 0 {
		return errors.New("-change-every and -sync-every: must be positive")
	}
	return local.Run(ctx, local.Options{Config: c, Data: *data, ChangeInterval: *changeInterval, SyncInterval: *syncInterval,
		Out: os.Stdout, Terminal: terminal.Is(os.Stdout)})
}
