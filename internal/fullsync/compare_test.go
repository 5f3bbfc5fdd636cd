package fullsync

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

// model is a store that counts what Firestore would bill: one read per thousand
// entries of an aggregation and per document of a fetch, and at least one.
type model struct {
	users []directory.Stored // by fingerprint
	sums  []int64            // before each of users

	mu             sync.Mutex
	queries, reads int
}

func newModel(users []directory.Stored) *model {
	m := &model{users: slices.Clone(users), sums: make([]int64, len(users)+1)}
	slices.SortFunc(m.users, func(a, b directory.Stored) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	for i, u := range m.users {
		m.sums[i+1] = m.sums[i] + u.Fingerprint
	}
	return m
}

func (m *model) within(r directory.FingerprintRange) (from, to int) {
	at := func(fp int64) int {
		i, _ := slices.BinarySearchFunc(m.users, fp, func(u directory.Stored, fp int64) int { return cmp.Compare(u.Fingerprint, fp) })
		return i
	}
	return at(r.From), at(r.To)
}

func (m *model) SumFingerprints(_ context.Context, _ string, r directory.FingerprintRange) (count, sum int64, err error) {
	from, to := m.within(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queries++
	m.reads += max(1, (to-from+999)/1000)
	return int64(to - from), m.sums[to] - m.sums[from], nil
}

func (m *model) Fingerprints(_ context.Context, _ string, r directory.FingerprintRange) ([]directory.Stored, error) {
	from, to := m.within(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads += max(1, to-from)
	return m.users[from:to], nil
}

// invent makes n stored users and the listing that is equal to them.
func invent(rng *rand.Rand, n int) ([]directory.Stored, *listing) {
	l := &listing{versions: []directory.Version{1000}}
	stored := make([]directory.Stored, n)
	for i := range n {
		// As fingerprints are: 12 bits of the id over 31 of the content, uniform both.
		fp := 1 + rng.Int64N(directory.FingerprintLimit-1)
		stored[i] = directory.Stored{ID: fmt.Sprintf("U%07d", i), Fingerprint: fp, Version: 10}
		l.users = append(l.users, listed{id: stored[i].ID, fingerprint: fp})
	}
	return stored, l
}

const contentMask = 1<<31 - 1

// disturb makes some of the listed changed, some extra and some missing, and
// returns their ids: those who are not stored as listed, and those not listed as stored.
func disturb(rng *rand.Rand, stored []directory.Stored, l *listing, changed, extra, missing int) (_ []directory.Stored, notStored, notListed []string) {
	order := rng.Perm(len(stored))
	changed = min(changed, len(order))
	for _, i := range order[:changed] {
		fp := l.users[i].fingerprint
		l.users[i].fingerprint = fp&^contentMask | (fp+1+rng.Int64N(contentMask-1))&contentMask
		if l.users[i].fingerprint == 0 {
			l.users[i].fingerprint = contentMask
		}
		notStored, notListed = append(notStored, l.users[i].id), append(notListed, l.users[i].id)
	}
	for i := range extra {
		u := listed{id: fmt.Sprintf("UNEW%07d", i), fingerprint: 1 + rng.Int64N(directory.FingerprintLimit-1)}
		l.users = append(l.users, u)
		notStored = append(notStored, u.id)
	}
	gone := map[string]bool{}
	for _, i := range order[changed:min(changed+missing, len(order))] {
		gone[stored[i].ID] = true
		notListed = append(notListed, stored[i].ID)
	}
	l.users = slices.DeleteFunc(l.users, func(u listed) bool { return gone[u.id] })
	slices.Sort(notStored)
	slices.Sort(notListed)
	return stored, notStored, notListed
}

func checkComparison(t *testing.T, seed uint64, n, changed, extra, missing int) *comparison {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	stored, l := invent(rng, n)
	stored, notStored, notListed := disturb(rng, stored, l, changed, extra, missing)
	l.sort()
	m := newModel(stored)
	c := &comparison{sums: m, teamID: "T1", listing: l}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got [2][]string
	for _, u := range c.found.listed {
		got[0] = append(got[0], u.id)
	}
	for _, u := range c.found.stored {
		got[1] = append(got[1], u.ID)
	}
	slices.Sort(got[0])
	slices.Sort(got[1])
	if diff := gocmp.Diff([2][]string{notStored, notListed}, got); diff != "" {
		t.Errorf("n %d, changed %d, extra %d, missing %d (-want +got):\n%.1500s", n, changed, extra, missing, diff)
	}
	if c.reads != m.reads || c.queries != m.queries || c.total != int64(n) {
		t.Errorf("counted %d reads, %d queries, %d users; it was %d, %d, %d", c.reads, c.queries, c.total, m.reads, m.queries, n)
	}
	return c
}

func TestCompare(t *testing.T) {
	for _, n := range []int{0, 1, 2, 50, 3000} {
		for _, d := range [][3]int{{}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {5, 5, 5}, {n / 2, 0, 0}, {n, 0, 0}, {0, n, 0}, {0, 0, n}, {n / 3, n / 3, n / 3}} {
			checkComparison(t, uint64(n), n, d[0], d[1], d[2])
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(uint64(1), uint16(1000), uint16(3), uint16(2), uint16(1))
	f.Add(uint64(2), uint16(0), uint16(0), uint16(40), uint16(0))
	f.Add(uint64(3), uint16(500), uint16(0), uint16(0), uint16(500))
	f.Add(uint64(4), uint16(4000), uint16(2000), uint16(2000), uint16(1000))
	f.Fuzz(func(t *testing.T, seed uint64, n, changed, extra, missing uint16) {
		checkComparison(t, seed, int(n%5000), int(changed%5000), int(extra%5000), int(missing%5000))
	})
}

// TestCostOfComparing keeps to what the README promises.
func TestCostOfComparing(t *testing.T) {
	const n = 100_000
	for _, tt := range []struct{ changed, extra, missing, atMost int }{
		{0, 0, 0, n / 500},
		{10, 0, 0, n / 20},
		{4, 3, 3, n / 20},
		{0, 1000, 0, n / 4},
		{1000, 0, 0, n / 3},
		{n / 20, 0, 0, n},
		{n / 10, 0, 0, n},
		{n / 4, 0, 0, n * 11 / 10},
		{n, 0, 0, n * 11 / 10}, // hardly more than reading everybody
		{0, n, 0, n * 11 / 10},
	} {
		c := checkComparison(t, 1, n, tt.changed, tt.extra, tt.missing)
		t.Logf("%d changed, %d extra, %d missing: %d queries, %d reads", tt.changed, tt.extra, tt.missing, c.queries, c.reads)
		if c.reads > tt.atMost {
			t.Errorf("%+v: %d reads", tt, c.reads)
		}
	}
}

// TestSumsStayWithinInt64 also for more people than one sum can hold.
func TestSumsStayWithinInt64(t *testing.T) {
	l := &listing{versions: []directory.Version{1}}
	var stored []directory.Stored
	for i := range 3 << 19 { // all at the upper end of what they can be
		fp := directory.FingerprintLimit / (3<<19 + 1) * int64(i+1)
		stored = append(stored, directory.Stored{ID: fmt.Sprint("U", i), Fingerprint: fp})
		l.users = append(l.users, listed{id: stored[i].ID, fingerprint: fp})
	}
	c := &comparison{sums: newModel(stored), teamID: "T1", listing: l}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.found.listed)+len(c.found.stored) > 0 || c.queries != 2 && c.queries != 4 {
		t.Errorf("found %d and %d with %d queries", len(c.found.listed), len(c.found.stored), c.queries)
	}
}

// TestListedTwice: of a user on two pages the later one counts.
func TestListedTwice(t *testing.T) {
	l := &listing{users: []listed{{"U1", 5, 0}, {"U2", 3, 0}, {"U1", 4, 1}}, versions: []directory.Version{1, 2}}
	l.sort()
	want := []listed{{"U2", 3, 0}, {"U1", 4, 1}}
	if !slices.Equal(l.users, want) {
		t.Errorf("got %v, want %v", l.users, want)
	}
}
