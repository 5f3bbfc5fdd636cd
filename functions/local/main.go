// Command local runs all of Rollcall in one process: the quickest way to see it
// work, and to keep a copy of a real workspace without any cloud.
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

const usage = `Rollcall in one process: webhook, Pub/Sub, worker, store and page.

usage: go run ./functions/local [-data file]

Without further ado it invents a Slack workspace of 250 people who change as you
watch. With SLACK_BOT_TOKENS it loads a real workspace, and with SLACK_APP_TOKEN
as well it receives that workspace's events by Socket Mode. With
PUBSUB_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST it uses those emulators.

`

// byDefault is the value of -data that stands for a file in the user's cache folder.
const byDefault = "cache"

func main() { service.Main(run) }

func run(ctx context.Context) error {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	data := flags.String("data", byDefault, "`file` to keep the directory in; \""+byDefault+"\" for one in the user's cache folder, empty to keep nothing")
	every := flags.Duration("change-every", local.ChangeInterval, "how often somebody in the invented workspace changes")
	syncEvery := flags.Duration("sync-every", local.SyncInterval, "how often everybody is compared with Slack's list")
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
	if *every <= 0 || *syncEvery <= 0 {
		return errors.New("-change-every and -sync-every: must be positive")
	}
	return local.Run(ctx, local.Options{Config: c, Data: *data, ChangeInterval: *every, SyncInterval: *syncEvery,
		Out: os.Stdout, Terminal: terminal.Is(os.Stdout)})
}
