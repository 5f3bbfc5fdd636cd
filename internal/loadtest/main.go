// Command loadtest measures how many events Rollcall accepts, how fast, and at what cost.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/loadtest/driver"
	"rollcall/internal/service"
)

const usage = `Sends signed events as Slack would, and reports in Markdown: accepted events a
second, the time until they are answered and until documents are written,
failures, memory and allocations.

usage: go run ./internal/loadtest [-rate 0,500] [-duration 10s] [-against webhook,chain]

By default everything runs in this process, on loopback: the webhook with Google's
Pub/Sub client and in-process server; for the whole chain also push delivery,
worker and a store in a file; and as baselines a handler that only checks the
signature, and one that also publishes the body. Driver and servers share the
CPUs.

With -target and SLACK_SIGNING_SECRET it loads a running webhook, such as that of
go run ./functions/local. Its directory then contains the invented people.

`

func main() { service.Main(run) }

func run(ctx context.Context) error {
	o := driver.Options{Secret: os.Getenv("SLACK_SIGNING_SECRET"), Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	rates := flags.String("rate", "0,500,833", "`rates` in requests a second, one after the other; 0: as fast as the connections allow")
	against := flags.String("against", strings.Join(driver.Parts, ","), "the `parts` to load")
	flags.IntVar(&o.Connections, "connections", 32, "connections to each part")
	flags.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to load each part at each rate, at most "+driver.MaxDuration.String())
	flags.IntVar(&o.Rounds, "rounds", 5, "rounds to divide the duration into; the parts take turns")
	flags.TextVar(&o.Mix, "mix", driver.Mix{"team_join": 5, "user_change": 95}, "weight of each `type` of event")
	flags.IntVar(&o.Workspaces, "workspaces", 100, "workspaces to send events from")
	flags.IntVar(&o.People, "people", 20, "people in each")
	flags.StringVar(&o.Target, "target", "", "the `address` of a running webhook to load instead")
	flags.BoolVar(&o.BeyondLoopback, "beyond-loopback", false, "allow another machine as -target: one that is yours")
	flags.StringVar(&o.CPUProfile, "cpuprofile", "", "`file` for a CPU profile of this process, for go tool pprof")
	if err := service.ParseFlags(flags, usage, os.Args[1:]); err != nil {
		return err
	}
	o.Against = strings.Split(*against, ",")
	for rate := range strings.SplitSeq(*rates, ",") {
		n, err := strconv.Atoi(rate)
		if err != nil {
			return service.UsageError(fmt.Sprintf("-rate: %q is not a number", rate))
		}
		o.Rates = append(o.Rates, n)
	}
	report, err := driver.Run(ctx, o)
	if report != nil {
		fmt.Print(report.Markdown())
	}
	return err
}
