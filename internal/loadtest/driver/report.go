package driver

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Report is what was measured.
type Report struct {
	Options
	Loads       []Load
	Interrupted bool
	allocs      []partAllocs
}

// Load is what was measured at one rate, a row for each part.
type Load struct {
	Rate int
	rows []*tally
}

type partAllocs struct {
	part      string
	one, many allocs
}

// Slack's ceiling is 30,000 events an hour from each workspace (its page "Rate limits").
const (
	ceilingOf = 100 // workspaces
	ceiling   = 30_000 * ceilingOf / 3600.0
)

// does describes each part.
var does = map[string]string{
	Signature: "checks the signature only",
	Publishes: "publishes the body as well",
	Webhook:   "webhook",
	Chain:     "whole chain",
	target:    "target",
}

func rateName(rate, connections int) string {
	if rate == 0 {
		return fmt.Sprintf("as fast as %d connections allow", connections)
	}
	return fmt.Sprintf("%d requests a second", rate)
}

// Markdown returns the report as tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	mix, _ := r.Mix.MarshalText()
	fmt.Fprintf(&b, "%d connections, %v in %d rounds by turns, %d workspaces of %d people, %s; %s, %d CPUs\n",
		r.Connections, r.Duration, r.Rounds, r.Workspaces, r.People, mix, runtime.Version(), runtime.GOMAXPROCS(0))
	for _, l := range r.Loads {
		r.load(&b, l)
	}
	r.allocations(&b)
	r.room(&b)
	if r.Interrupted {
		b.WriteString("\nInterrupted: these are the measurements until then.\n")
	}
	return b.String()
}

func (r *Report) load(b *strings.Builder, l Load) {
	fmt.Fprintf(b, "\n| %s | accepted a second | times | p50 | p95 | p99 | p99.9 | errors | to document, p50 | p99 | CPU a request | memory |\n", rateName(l.Rate, r.Connections))
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for i, part := range r.Against {
		t := l.rows[i]
		if t.took == 0 {
			continue // interrupted before this part
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", does[part],
			thousands(t.perSecond()), times(t.perSecond(), l.rows[0].perSecond(), r.Against[0] == Signature),
			quantiles(t.answered, 0.5, 0.95, 0.99, 0.999), t.errors(), strings.Join([]string{quantiles(t.documents, 0.5, 0.99), r.process(t)}, " | "))
	}
}

// process returns CPU and memory of this process, including the driver.
func (r *Report) process(t *tally) string {
	if r.Target != "" || t.accepted == 0 {
		return "– | –"
	}
	cpu := "–"
	if t.cpu > 0 {
		cpu = fmt.Sprintf("%d µs", t.cpu.Microseconds()/int64(t.accepted))
	}
	return fmt.Sprintf("%s | %d MiB", cpu, t.memory>>20)
}

func (r *Report) allocations(b *strings.Builder) {
	if len(r.allocs) == 0 {
		return
	}
	var base *partAllocs
	for i := range r.allocs {
		if r.allocs[i].part == Publishes {
			base = &r.allocs[i]
		}
	}
	fmt.Fprintf(b, "\n| allocations a request | one by one | times | bytes | %d at once | times | bytes |\n|---|---:|---:|---:|---:|---:|---:|\n", r.Connections)
	for _, a := range r.allocs {
		cells := func(a allocs, base allocs, ok bool) string {
			return fmt.Sprintf("%.0f | %s | %s", a.objects, times(a.objects, base.objects, ok), thousands(a.bytes))
		}
		if base == nil {
			base = &partAllocs{}
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", does[a.part], cells(a.one, base.one, base.part != ""), cells(a.many, base.many, base.part != ""))
	}
}

// room compares the maximum rate with Slack's ceiling.
func (r *Report) room(b *strings.Builder) {
	for _, l := range r.Loads {
		if l.Rate != 0 {
			continue
		}
		fmt.Fprintf(b, "\nSlack's ceiling is %.0f events a second from %d workspaces together.\n", ceiling, ceilingOf)
		for i, part := range r.Against {
			switch t := l.rows[i]; {
			case t.took == 0:
			case part == Webhook, part == target:
				fmt.Fprintf(b, "The %s takes %.1f times as many.\n", does[part], t.perSecond()/ceiling)
			case part == Chain && t.through > 0:
				perSecond := float64(t.applied) / t.through.Seconds()
				fmt.Fprintf(b, "The whole chain applies %s a second, %.1f times as many.\n", thousands(perSecond), perSecond/ceiling)
			}
		}
	}
}

func quantiles(l vegeta.LatencyMetrics, at ...float64) string {
	cells := make([]string, len(at))
	for i, q := range at {
		cells[i] = "–"
		if l.Total > 0 {
			cells[i] = duration(l.Quantile(q))
		}
	}
	return strings.Join(cells, " | ")
}

func duration(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func times(a, b float64, known bool) string {
	if !known || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// thousands writes 12345.6 as 12,346.
func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
