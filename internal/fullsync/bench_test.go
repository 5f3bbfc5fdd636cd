package fullsync

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/directory"
)

// roster is a Slack that lists people by the thousand and counts the calls.
type roster struct {
	people []person
	filler string // makes objects as large as Slack's
	usage  directory.Usage
}

type person struct {
	id      string
	edition int
}

func (r *roster) object(p person) json.RawMessage {
	return fmt.Appendf(nil, `{"id":%q,"name":"name%d","deleted":false,"profile":{"title":%q}}`, p.id, p.edition, r.filler)
}

func (r *roster) Workspace(context.Context) (directory.Workspace, error) {
	r.usage.Calls += 2
	return directory.Workspace{ID: "T1", Name: "Roster"}, nil
}

func (r *roster) Users(_ context.Context, _, cursor string) iter.Seq2[directory.ListingPage, error] {
	return func(yield func(directory.ListingPage, error) bool) {
		for chunk := range slices.Chunk(r.people, 1000) {
			r.usage.Calls++
			page := directory.ListingPage{Version: directory.Version(time.Now().UnixMicro())}
			for _, p := range chunk {
				page.Users = append(page.Users, r.object(p))
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

func (r *roster) Emoji(context.Context) (map[string]string, error) { return nil, nil }

func (r *roster) User(_ context.Context, id string) (json.RawMessage, directory.Version, error) {
	r.usage.Calls++
	i, found := slices.BinarySearchFunc(r.people, id, func(p person, id string) int { return strings.Compare(p.id, id) })
	if !found {
		return nil, 0, directory.ErrNotFound
	}
	return r.object(r.people[i]), directory.Version(time.Now().UnixMicro()), nil
}

func (r *roster) Usage() directory.Usage { return r.usage }

// records is the part of a store that the cost of a sync does not depend on.
type records struct{ writes, deletes, leases atomic.Int32 }

func (*records) PutWorkspace(context.Context, directory.Workspace) error   { return nil }
func (*records) PutEmoji(context.Context, string, map[string]string) error { return nil }
func (*records) Emoji(context.Context, string) (map[string]string, error)  { return nil, nil }
func (r *records) PutSync(context.Context, directory.Sync) error           { r.writes.Add(1); return nil }
func (*records) Syncs(context.Context, string, int) ([]directory.Sync, error) {
	return []directory.Sync{{ID: "0", State: directory.SyncDone}}, nil
}
func (r *records) PutSyncPage(context.Context, string, string, directory.SyncPage) error {
	r.writes.Add(1)
	r.deletes.Add(1) // in the end
	return nil
}
func (*records) SyncPages(context.Context, string, string) ([]directory.SyncPage, error) {
	return nil, nil
}
func (*records) DeleteSyncPages(context.Context, string, string) error { return nil }
func (r *records) Lease(context.Context, string, string, time.Time) error {
	r.leases.Add(1)
	return nil
}
func (*records) Release(context.Context, string, string) error { return nil }

type modelStore struct {
	*model
	records
}

type countingPublisher struct{ messages atomic.Int32 }

func (p *countingPublisher) Publish(context.Context, directory.Change) error {
	p.messages.Add(1)
	return nil
}

// differ makes a roster of n people and what is stored, which differs from it in k of
// them: four tenths changed, three missing, three gone.
func differ(tb testing.TB, n, k int) (r *roster, stored []person) {
	tb.Helper()
	r = &roster{}
	rng := rand.New(rand.NewPCG(uint64(n), uint64(k)))
	order := rng.Perm(n)
	kind := make(map[int]int, k)
	for i, who := range order[:k] {
		kind[who] = i%10 + 1 // 1 to 10
	}
	for i := range n {
		p := person{id: fmt.Sprintf("U%08d", i), edition: 1}
		old := p
		switch d := kind[i]; {
		case d == 0:
		case d <= 4:
			p.edition = 2
		case d <= 7: // not stored
			r.people = append(r.people, p)
			continue
		}
		stored = append(stored, old)
		if kind[i] <= 7 {
			r.people = append(r.people, p)
		}
	}
	return r, stored
}

// modelOf is a model that holds those people.
func modelOf(tb testing.TB, r *roster, people []person) *modelStore {
	tb.Helper()
	var stored []directory.Stored
	for _, p := range people {
		u, err := directory.FromListing("T1", r.object(p))
		if err != nil {
			tb.Fatal(err)
		}
		stored = append(stored, directory.Stored{ID: u.ID, Fingerprint: u.Fingerprint, Version: 1})
	}
	return &modelStore{model: newModel(stored)}
}

// BenchmarkCost is where the README's table comes from: what a sync costs on a
// model that counts as Firestore bills.
//
//	go test -run '^$' -bench Cost -benchtime 1x ./internal/fullsync
func BenchmarkCost(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 500_000} {
		for _, k := range []int{0, 10, 1_000} {
			b.Run(fmt.Sprintf("people=%d/differences=%d", n, k), func(b *testing.B) {
				for b.Loop() {
					r, stored := differ(b, n, k)
					store := modelOf(b, r, stored)
					publisher := &countingPublisher{}
					s, err := Run(b.Context(), Options{Slack: r, Store: store, Publisher: publisher, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true})
					if err != nil {
						b.Fatal(err)
					}
					if found := s.Inserted + s.Updated + s.Removed; found != k || int(publisher.messages.Load()) != k {
						b.Fatalf("%d of %d differences found, %d messages", found, k, publisher.messages.Load())
					}
					messages := float64(publisher.messages.Load())
					b.ReportMetric(0, "ns/op") // not what this is about
					b.ReportMetric(float64(r.usage.Calls), "slack-calls")
					b.ReportMetric(float64(store.queries), "aggregations")
					b.ReportMetric(float64(store.reads)+messages, "reads") // the worker reads one document for each message
					b.ReportMetric(messages, "writes")                     // and writes it
					b.ReportMetric(messages, "messages")
					b.ReportMetric(float64(store.writes.Load()+store.leases.Load()), "own-writes")
					b.ReportMetric(float64(store.deletes.Load()), "own-deletes")
				}
			})
		}
	}
}

// agreeing is a store whose sums are those of the run's own listing, so that
// it takes no memory of its own.
type agreeing struct {
	records
	count, sum *int64
}

func (s *agreeing) SumFingerprints(_ context.Context, _ string, r directory.FingerprintRange) (int64, int64, error) {
	if r == directory.Externals {
		return 0, 0, nil
	}
	return *s.count, *s.sum, nil
}

func (*agreeing) Fingerprints(context.Context, string, directory.FingerprintRange) ([]directory.Stored, error) {
	return nil, nil
}

// crowd lists n people without holding them.
type crowd struct {
	roster
	n          int
	count, sum int64
	most       uint64
}

func (c *crowd) Users(_ context.Context, _, _ string) iter.Seq2[directory.ListingPage, error] {
	return func(yield func(directory.ListingPage, error) bool) {
		for from := 0; from < c.n; from += 1000 {
			page := directory.ListingPage{Version: directory.Version(time.Now().UnixMicro())}
			for i := range 1000 {
				user := c.object(person{fmt.Sprintf("U%010d", from+i), 1})
				u, _ := directory.FromListing("T1", user)
				c.count++
				c.sum += u.Fingerprint
				page.Users = append(page.Users, user)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			c.most = max(c.most, m.Sys-m.HeapReleased)
			if !yield(page, nil) {
				return
			}
		}
	}
}

// BenchmarkMemory measures what the process takes from the system while it syncs 500,000 people.
func BenchmarkMemory(b *testing.B) {
	const people = 500_000
	for b.Loop() {
		debug.FreeOSMemory() // what other benchmarks have left
		c := &crowd{n: people, roster: roster{filler: strings.Repeat("x", 1500)}}
		s, err := Run(b.Context(), Options{Slack: c, Store: &agreeing{count: &c.count, sum: &c.sum}, Publisher: &countingPublisher{}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.most = max(c.most, m.Sys-m.HeapReleased)
		if s.Unchanged != people {
			b.Fatalf("%+v", s)
		}
		const allowed = 64<<20 + 100*people
		if c.most > allowed {
			b.Errorf("%d bytes, more than %d", c.most, allowed)
		}
		b.ReportMetric(float64(c.most)/(1<<20), "MiB")
		b.ReportMetric(float64(allowed)/(1<<20), "MiB-allowed")
		b.ReportMetric(float64(c.most)/people, "bytes/user")
	}
}
