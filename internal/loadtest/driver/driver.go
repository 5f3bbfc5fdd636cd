// Package driver loads Rollcall's webhook with signed events as Slack would, at a
// chosen rate, and measures it next to minimal webhooks on the same machine at the
// same time.
package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// Options say what to load and how.
type Options struct {
	Against     []string      // of [Parts]
	Rates       []int         // in requests a second, one after the other; 0: as fast as the connections allow
	Connections int           // to each part
	Duration    time.Duration // of each part at each rate
	Rounds      int           // to divide the duration into; the parts take turns
	Mix         Mix
	Workspaces  int
	People      int // in each

	// Target is the URL of a running webhook to load instead, and Secret its signing secret.
	Target         string
	Secret         string
	BeyondLoopback bool // the target may be another machine

	CPUProfile string // a file for a CPU profile; empty for none

	Progress func(string) // called with what is being measured
}

// MaxDuration is the maximum of Options.Duration.
const MaxDuration = 10 * time.Minute

// target is the part that Options.Target names.
const target = "target"

func (o Options) validate() error {
	var faults []error
	check := func(ok bool, fault string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(fault, args...))
		}
	}
	for _, part := range o.Against {
		check(slices.Contains(Parts, part), "-against: %q is not one of %s", part, strings.Join(Parts, ", "))
	}
	check(len(o.Against) > 0, "-against: nothing to load")
	check(len(o.Rates) > 0, "-rate: none given")
	for _, rate := range o.Rates {
		check(rate >= 0 && rate <= 100_000, "-rate: %d is not between 0 and 100000", rate)
	}
	check(o.Connections >= 1 && o.Connections <= 1000, "-connections: must be between 1 and 1000")
	check(o.Rounds >= 1 && o.Rounds <= 100, "-rounds: must be between 1 and 100")
	check(o.Duration >= time.Second && o.Duration <= MaxDuration, "-duration: must be between 1s and %v", MaxDuration)
	check(o.Workspaces >= 1 && o.Workspaces <= 1000, "-workspaces: must be between 1 and 1000")
	check(o.People >= 1 && o.Workspaces*o.People <= 100_000, "-people: must be at least 1, and 100000 in all workspaces at most")
	if o.Target != "" {
		u, err := url.Parse(o.Target)
		ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
		check(ok, "-target: %q is not the URL that Slack posts to", o.Target)
		check(!ok || o.BeyondLoopback || isLoopback(u.Hostname()), "-target: %s is not on this machine: add -beyond-loopback if it is yours and you mean it", o.Target)
		check(o.Secret != "", "SLACK_SIGNING_SECRET: required with -target")
	}
	return errors.Join(faults...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Run measures. If ctx ends, the report has the measurements until then.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &run{Options: o, events: newTraffic(o.Mix, o.Workspaces, o.People), senders: map[string]*sender{}}
	if o.Target != "" {
		r.Against = []string{target}
		r.senders[target] = newSender(o.Target, o.Secret, o.Connections)
	} else {
		if r.stack, err = newStack(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.stack.close()) }()
		for _, part := range o.Against {
			r.senders[part] = newSender(r.stack.urls[part], secret, o.Connections)
		}
	}
	report = &Report{Options: r.Options}
	err = r.profiled(func() error { return r.measure(ctx, report) })
	if ctx.Err() != nil {
		report.Interrupted, err = true, nil
	}
	return report, err
}

type run struct {
	Options
	events  *traffic
	stack   *stack // nil with a Target
	senders map[string]*sender
}

func (r *run) profiled(measure func() error) (err error) {
	if r.CPUProfile == "" {
		return measure()
	}
	f, err := os.Create(r.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return measure()
}

func (r *run) measure(ctx context.Context, report *Report) error {
	for _, part := range r.Against {
		r.Progress(fmt.Sprintf("%s: everybody joins (not counted)", part))
		if err := r.arrive(ctx, part); err != nil {
			return err
		}
	}
	for _, rate := range r.Rates {
		rows := make([]*tally, len(r.Against))
		for i := range rows {
			rows[i] = newTally()
		}
		report.Loads = append(report.Loads, Load{Rate: rate, rows: rows})
		for round := range r.Rounds {
			for i, part := range r.Against {
				if err := r.load(ctx, part, rate, rows[i]); err != nil {
					return err
				}
				r.Progress(fmt.Sprintf("%s, %s, round %d of %d: %.0f accepted a second so far, errors: %s",
					part, rateName(rate, r.Connections), round+1, r.Rounds, rows[i].perSecond(), rows[i].errors()))
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
	}
	if r.stack == nil {
		return nil
	}
	return r.countAllocs(ctx, report)
}

// arrive has everybody join, so that there are people to change. It also warms up the part.
func (r *run) arrive(ctx context.Context, part string) error {
	arrived := newTally()
	err := r.through(ctx, part, arrived, func() error {
		return r.senders[part].each(ctx, arrived, r.events.arrivals)
	})
	if err == nil && ctx.Err() == nil && arrived.accepted < len(r.events.arrivals) {
		return fmt.Errorf("%s: %d of %d arrivals were accepted; errors: %s", part, arrived.accepted, len(r.events.arrivals), arrived.errors())
	}
	return err
}

// load runs one round of one part.
func (r *run) load(ctx context.Context, part string, rate int, into *tally) error {
	memory, cpu := watchMemory(), cpuTime()
	err := r.through(ctx, part, into, func() error {
		return r.senders[part].attack(ctx, into, r.events.next, rate, r.Duration/time.Duration(r.Rounds))
	})
	into.memory = max(into.memory, memory())
	into.cpu += cpuTime() - cpu
	return err
}

// through posts and, for the whole chain, waits until the messages have been applied.
func (r *run) through(ctx context.Context, part string, into *tally, post func() error) error {
	if r.stack == nil {
		return post()
	}
	defer r.stack.pubsub.Forget()
	if part == Chain {
		return r.stack.chain.during(ctx, into, post)
	}
	return post()
}

// How many requests to count allocations over.
const (
	sequentialRequests = 1_000
	concurrentRequests = 10_000
)

// countAllocs posts the most frequent event to each part.
func (r *run) countAllocs(ctx context.Context, report *Report) error {
	body, err := r.events.event("user_change")
	if err != nil {
		return err
	}
	for _, part := range r.Against {
		if part == Chain {
			continue // its webhook is the same, and its worker would count too
		}
		r.Progress(part + ": counting allocations")
		one, err1 := countAllocs(ctx, r.stack.urls[part], secret, body, 1, sequentialRequests)
		many, err2 := countAllocs(ctx, r.stack.urls[part], secret, body, r.Connections, concurrentRequests)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: allocations: %w", part, err)
		}
		report.allocs = append(report.allocs, partAllocs{part, one, many})
		r.stack.pubsub.Forget()
	}
	return nil
}
