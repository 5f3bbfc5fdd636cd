package faults

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// fault can be switched on and off.
type fault struct {
	name    string
	on, off func()
}

// lane has the faults of one part, and the bounds of how long they are on and off. Only one
// is on at a time, but faults of different lanes may coincide.
type lane struct {
	faults        []fault
	maxOn, maxOff time.Duration
	minOn, minOff time.Duration

	is     *fault // the fault that is on; nil if none
	due    time.Time
	counts map[string]int
}

func (r *rig) publishingLane() *lane {
	on := func(name string, put func()) fault { return fault{"Pub/Sub " + name, put, r.topic.heal} }
	judged := func(name string, j judges) fault {
		return fault{"Pub/Sub " + name, func() { r.publishing.disturb(j) }, r.publishing.pass}
	}
	return &lane{minOn: 300 * time.Millisecond, maxOn: 3 * time.Second, minOff: time.Second, maxOff: 6 * time.Second, faults: []fault{
		on("slow", func() { r.topic.slow(400 * time.Millisecond) }),
		on("too slow", func() { r.topic.slow(6 * time.Second) }),
		on("refusing", r.topic.refuse),
		on("silent", r.topic.silence),
		on("cut during publish", func() { r.topic.cutThere(10_000) }),
		on("cut during its answer", func() { r.topic.cutBack(1000) }),
		judged("unavailable", judges{before: r.often(50, always(codes.Unavailable), "Publish")}),
		judged("publishing and denying it", judges{after: r.often(50, always(codes.Internal), "Publish")}),
	}}
}

// The faults of the other lanes make deliveries fail, of which a message has only five. They
// must be off most of the time, or messages are rightly parked.

func (r *rig) writingLane() *lane {
	on := func(name string, put func()) fault { return fault{"Firestore " + name, put, r.store.heal} }
	judged := func(name string, j judges) fault {
		return fault{"Firestore " + name, func() { r.writing.disturb(j) }, r.writing.pass}
	}
	return &lane{minOn: 300 * time.Millisecond, maxOn: 2 * time.Second, minOff: 2 * time.Second, maxOff: 8 * time.Second, faults: []fault{
		on("slow", func() { r.store.slow(200 * time.Millisecond) }),
		on("refusing", r.store.refuse),
		on("silent", r.store.silence),
		on("cut during a write", func() { r.store.cutThere(50_000) }),
		judged("aborting writes", judges{before: r.often(50, always(codes.Aborted), "Commit")}),
		judged("unavailable at times", judges{before: r.often(10, always(codes.Unavailable), "Commit", "BatchGetDocuments", "RunQuery")}),
		judged("writing and calling it aborted", judges{after: r.often(50, always(codes.Aborted), "Commit")}),
		judged("writing and calling it unavailable", judges{after: r.often(50, always(codes.Unavailable), "Commit")}),
		judged("writing and not saying so", judges{after: r.often(2, silent, "Commit")}),
	}}
}

func (r *rig) deliveryLane() *lane {
	on := func(name string, put func()) fault { return fault{"delivery " + name, put, r.push.heal} }
	messed := func(name string, m mess) fault {
		return fault{"delivery " + name, func() { r.deliveries.disturb(m) }, func() { r.deliveries.disturb(mess{}) }}
	}
	return &lane{minOn: 200 * time.Millisecond, maxOn: time.Second, minOff: 3 * time.Second, maxOff: 10 * time.Second, faults: []fault{
		on("slow", func() { r.push.slow(100 * time.Millisecond) }),
		on("refused", r.push.refuse),
		on("cut", func() { r.push.cutThere(20_000) }),
		messed("duplicated", mess{perMille: [kinds]int{unheard: 50, together: 100, again: 200}, again: 10 * time.Second}),
		messed("reordered", mess{perMille: [kinds]int{late: 100, again: 200}, late: 200 * time.Millisecond, again: 10 * time.Second}),
		messed("lossy", mess{perMille: [kinds]int{lost: 100, unheard: 100}}),
	}}
}

func (r *rig) slackLane() *lane {
	on := func(name string, put func()) fault { return fault{"Slack's line " + name, put, r.hook.heal} }
	return &lane{minOn: 200 * time.Millisecond, maxOn: 2 * time.Second, minOff: 3 * time.Second, maxOff: 10 * time.Second, faults: []fault{
		on("slow", func() { r.hook.slow(200 * time.Millisecond) }),
		on("refused", r.hook.refuse),
		on("silent", r.hook.silence),
		on("cut during a request", func() { r.hook.cutThere(20_000) }),
		on("cut during an answer", func() { r.hook.cutBack(3000) }),
	}}
}

func (r *rig) killLane(t *testing.T) *lane {
	killed := func(p *program) fault {
		return fault{"killed " + p.name, func() { p.Kill() }, func() { p.start(t) }} // a new process each time
	}
	return &lane{minOn: 50 * time.Millisecond, maxOn: 500 * time.Millisecond, minOff: 4 * time.Second, maxOff: 12 * time.Second, faults: []fault{
		killed(r.webhook), killed(r.worker),
	}}
}

// disturb switches the faults of some lanes on and off, independently, until
// work is done. The rig's seed determines its choices. It logs progress.
func (r *rig) disturb(t *testing.T, work func(), progress func() string, lanes ...*lane) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	start, told := time.Now(), time.Now()
	for _, l := range lanes {
		l.toggle(r.rng, true)
	}
	for {
		next := slices.MinFunc(lanes, func(a, b *lane) int { return a.due.Compare(b.due) })
		select {
		case <-done:
			counts := map[string]int{}
			for _, l := range lanes {
				l.end()
				maps.Copy(counts, l.counts)
			}
			t.Logf("%v: done; the faults end: %s", since(start), listed(counts))
			return
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Until(next.due)):
		}
		next.toggle(r.rng, false)
		if time.Since(told) > progressInterval {
			told = time.Now()
			t.Logf("%v: %s; %s", since(start), progress(), now(lanes))
		}
	}
}

// toggle switches the current fault off, or another one on.
func (l *lane) toggle(rng *rand.Rand, first bool) {
	dueIn := func(least, most time.Duration) {
		l.due = time.Now().Add(least + time.Duration(rng.Int64N(int64(most-least))))
	}
	switch {
	case first:
		l.counts = map[string]int{}
		dueIn(0, l.maxOff)
	case l.is == nil:
		l.is = &l.faults[rng.IntN(len(l.faults))]
		l.is.on()
		l.counts[l.is.name]++
		dueIn(l.minOn, l.maxOn)
	default:
		l.end()
		dueIn(l.minOff, l.maxOff)
	}
}

func (l *lane) end() {
	if l.is != nil {
		l.is.off()
		l.is = nil
	}
}

// now lists the faults that are on.
func now(lanes []*lane) string {
	var names []string
	for _, l := range lanes {
		if l.is != nil {
			names = append(names, l.is.name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "no fault")
}

func listed(counts map[string]int) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%s %d×", name, counts[name]))
	}
	return strings.Join(lines, ", ")
}

func since(start time.Time) time.Duration { return time.Since(start).Round(time.Second) }
