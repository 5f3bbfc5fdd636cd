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
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync/compare/comparetest"
	"rollcall/internal/slack"
	"rollcall/internal/syncs"
)

// roster is a Slack that lists people by the thousand and counts the calls.
type roster struct {
	people []person
	filler string // makes objects as large as Slack's
	usage  syncs.Usage
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

func (r *roster) Users(_ context.Context, _, cursor string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		for chunk := range slices.Chunk(r.people, 1000) {
			r.usage.Calls++
			page := syncs.ListingPage{Version: directory.Version(time.Now().UnixMicro())}
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

func (r *roster) TeamProfile(context.Context) (json.RawMessage, error) { return nil, nil }

func (r *roster) Profile(context.Context, string) (json.RawMessage, directory.Version, error) {
	return nil, 0, directory.ErrNotFound
}

func (r *roster) User(_ context.Context, id string) (json.RawMessage, directory.Version, error) {
	r.usage.Calls++
	i, found := slices.BinarySearchFunc(r.people, id, func(p person, id string) int { return strings.Compare(p.id, id) })
	if !found {
		return nil, 0, directory.ErrNotFound
	}
	return r.object(r.people[i]), directory.Version(time.Now().UnixMicro()), nil
}

func (r *roster) Usage() syncs.Usage { return r.usage }

// people is a store whose sums are the model's. It keeps no documents.
type people struct {
	*memory
	*comparetest.Model
}

func (p people) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	return p.Model.SumFingerprints(ctx, teamID, r)
}

func (p people) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error) {
	return p.Model.Fingerprints(ctx, teamID, r)
}

// synced is a store in which a sync, thorough and done, has left nothing but its record.
func synced(teamID string) *memory {
	m := newMemory()
	m.records["0"] = syncs.Sync{ID: "0", TeamID: teamID, State: syncs.Done, Thorough: time.Now()}
	return m
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
func modelOf(tb testing.TB, r *roster, all []person) people {
	tb.Helper()
	var stored []directory.Stored
	for _, p := range all {
		u, err := directory.FromListing("T1", r.object(p))
		if err != nil {
			tb.Fatal(err)
		}
		stored = append(stored, directory.Stored{ID: u.ID, Fingerprint: u.Fingerprint, Version: 1})
	}
	return people{synced("T1"), comparetest.New(stored)}
}

// BenchmarkCost is where the table in this package's README comes from: what a
// sync costs on a model that counts as Firestore bills.
//
//	go test -run '^$' -bench Cost -benchtime 1x ./internal/fullsync
func BenchmarkCost(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 500_000} {
		for _, k := range []int{0, 10, 1_000} {
			b.Run(fmt.Sprintf("people=%d/differences=%d", n, k), func(b *testing.B) {
				for b.Loop() {
					r, stored := differ(b, n, k)
					reportCost(b, r, modelOf(b, r, stored), k)
				}
			})
		}
		b.Run(fmt.Sprintf("people=%d/thorough", n), func(b *testing.B) {
			for b.Loop() {
				r, stored := differ(b, n, 0)
				store := modelOf(b, r, stored)
				store.records["0"] = syncs.Sync{ID: "0", TeamID: "T1", State: syncs.Done}
				reportCost(b, r, store, 0)
			}
		})
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("people=%d/an hour of a working day", n), func(b *testing.B) {
			for b.Loop() {
				w := newWorld(b, fakeslack.Options{People: n})
				stored := workingHour(b, w)
				reportCost(b, w.client, people{synced(team), comparetest.New(stored)}, 0)
			}
		})
	}
}

// workingHour returns what is stored of everybody after a full sync and later events
// about a sixth of the people: half of those huddles and statuses, half other changes.
func workingHour(tb testing.TB, w *world) (stored []directory.Stored) {
	tb.Helper()
	users := map[string]*directory.User{}
	apply := func(c directory.Change) {
		u, _, err := directory.Apply(users[c.UserID], c, time.Now())
		if err != nil {
			tb.Fatal(err)
		}
		users[c.UserID] = &u
	}
	at := directory.VersionOf(w.slack.Options().Clock())
	for _, person := range w.slack.People() {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: person.ListObject(true), Version: at, Source: directory.FromSync, InList: true})
		if err != nil {
			tb.Fatal(err)
		}
		apply(c)
	}
	w.pass(time.Hour)
	changes := []func(string) ([]fakeslack.Event, error){w.slack.JoinHuddle, w.slack.Retitle, w.slack.SetStatus, w.slack.Rename}
	for i, id := range w.active(tb) {
		if i%6 != 0 {
			continue
		}
		events, err := changes[i/6%len(changes)](id)
		if err != nil {
			tb.Fatal(err)
		}
		for _, e := range events {
			r, err := slack.DecodeRequest(e.Envelope)
			if err != nil {
				tb.Fatal(err)
			}
			apply(*r.Change)
		}
	}
	w.pass(time.Minute)
	for _, u := range users {
		stored = append(stored, directory.StoredOf(*u, time.Now()))
	}
	return stored
}

// reportCost syncs, and fails unless the sync finds k differences.
func reportCost(b *testing.B, slack Slack, store people, k int) {
	b.Helper()
	publisher := &countingPublisher{}
	s, err := Run(b.Context(), Options{Slack: slack, Store: store, Publisher: publisher, Log: slog.New(slog.DiscardHandler), AllowMassDelete: true})
	if err != nil {
		b.Fatal(err)
	}
	messages := int(publisher.messages.Load())
	if found := s.Inserted + s.Updated + s.Removed; found != k || messages != k {
		b.Fatalf("%d of %d differences found, %d messages", found, k, messages)
	}
	b.ReportMetric(0, "ns/op") // not what this is about
	b.ReportMetric(float64(s.Calls), "slack-calls")
	b.ReportMetric(float64(store.Queries), "aggregations")
	b.ReportMetric(float64(s.Reads), "reads")
	b.ReportMetric(float64(messages), "messages")
	b.ReportMetric(float64(s.Writes-messages), "own-writes") // the worker's are one for each message
}

// agreeing is a store whose sums are those of the run's own listing, so that
// it takes no memory of its own.
type agreeing struct {
	*memory
	count, sum *int64
}

func (s agreeing) SumFingerprints(_ context.Context, _ string, r directory.FingerprintRange) (int64, int64, error) {
	if r == directory.Externals {
		return 0, 0, nil
	}
	return *s.count, *s.sum, nil
}

func (agreeing) PutSyncPage(context.Context, string, string, syncs.Page) error { return nil }

// crowd lists n people without holding them.
type crowd struct {
	roster
	n          int
	count, sum int64
	most       uint64
}

func (c *crowd) Users(_ context.Context, _, _ string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		for from := 0; from < c.n; from += 1000 {
			page := syncs.ListingPage{Version: directory.Version(time.Now().UnixMicro())}
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
		s, err := Run(b.Context(), Options{Slack: c, Store: agreeing{synced("T1"), &c.count, &c.sum}, Publisher: &countingPublisher{}, Log: slog.New(slog.DiscardHandler)})
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
