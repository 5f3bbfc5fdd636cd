// Command loadtest measures how many events Rollcall takes, how fast, and at what cost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/loadtest/driver"
	"rollcall/internal/service"
)

const usage = `Sends signed events as Slack would, and reports in Markdown how many are accepted
a second, how long the answers take and how long it is until the document is
written, what fails, and what memory and allocations it costs.

usage: go run ./internal/loadtest [-rate 0,500] [-duration 10s] [-against webhook,chain]

By default all of it runs in this process, on loopback: the webhook between
Google's Pub/Sub client and its in-process server; behind them, for the whole
chain, push delivery, worker and a store in a file; and for comparison, on the
same server, a handler that checks the signature only, and one that publishes
the body as well. Driver and servers share the CPUs.

With -target and SLACK_SIGNING_SECRET it loads a running webhook, for instance that
of go run ./functions/local: the invented people are in its directory afterwards.

`

func main() { service.Main(run) }

func run(ctx context.Context) error {
	o := driver.Options{Secret: os.Getenv("SLACK_SIGNING_SECRET"), Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	rates := flags.String("rate", "0,500,833", "`rates`, in requests a second, one after the other; 0: as fast as the connections allow")
	against := flags.String("against", strings.Join(driver.Parts, ","), "the `parts` to load")
	flags.IntVar(&o.Connections, "connections", 32, "connections to each")
	flags.DurationVar(&o.Duration, "duration", 10*time.Second, "how long each is loaded at each rate, "+driver.MaxDuration.String()+" at most")
	flags.IntVar(&o.Rounds, "rounds", 5, "that the duration is divided into; the parts take turns")
	flags.TextVar(&o.Mix, "mix", driver.Mix{"team_join": 5, "user_change": 95}, "how often each `type` of event comes, in parts")
	flags.IntVar(&o.Workspaces, "workspaces", 100, "workspaces that events come from")
	flags.IntVar(&o.People, "people", 20, "people in each")
	flags.StringVar(&o.Target, "target", "", "the `address` of a running webhook to load instead")
	flags.BoolVar(&o.BeyondLoopback, "beyond-loopback", false, "let -target be another machine: one that is yours")
	flags.StringVar(&o.CPUProfile, "cpuprofile", "", "`file` for a profile of this process meanwhile, to look at with go tool pprof")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(os.Args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		os.Exit(2) // the flag package has said why
	}
	o.Against = strings.Split(*against, ",")
	for rate := range strings.SplitSeq(*rates, ",") {
		n, err := strconv.Atoi(rate)
		if err != nil {
			return fmt.Errorf("-rate: %q is not a number", rate)
		}
		o.Rates = append(o.Rates, n)
	}
	report, err := driver.Run(ctx, o)
	if report != nil {
		fmt.Print(report.Markdown())
	}
	return err
}
