package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare/comparetest"
)

// invent makes n stored users and the people who are equal to them.
func invent(rng *rand.Rand, n int) ([]directory.Stored, People) {
	people := make(People, 0, n)
	stored := make([]directory.Stored, n)
	for i := range n {
		// As fingerprints are: 12 bits of the id over 31 of the content, uniform both.
		fp := 1 + rng.Int64N(directory.FingerprintLimit-1)
		stored[i] = directory.Stored{ID: fmt.Sprintf("U%07d", i), Fingerprint: fp, Version: 10}
		people = append(people, Person{ID: stored[i].ID, Fingerprint: fp})
	}
	return stored, people
}

const contentMask = 1<<31 - 1

// disturb makes some of the listed changed, some extra and some missing, and
// returns their ids: those who are not stored as listed, and those not listed as stored.
func disturb(rng *rand.Rand, stored []directory.Stored, people People, changed, extra, missing int) (_ People, notStored, notListed []string) {
	order := rng.Perm(len(stored))
	changed = min(changed, len(order))
	for _, i := range order[:changed] {
		fp := people[i].Fingerprint
		people[i].Fingerprint = fp&^contentMask | (fp+1+rng.Int64N(contentMask-1))&contentMask
		if people[i].Fingerprint == 0 {
			people[i].Fingerprint = contentMask
		}
		notStored, notListed = append(notStored, people[i].ID), append(notListed, people[i].ID)
	}
	for i := range extra {
		u := Person{ID: fmt.Sprintf("UNEW%07d", i), Fingerprint: 1 + rng.Int64N(directory.FingerprintLimit-1)}
		people = append(people, u)
		notStored = append(notStored, u.ID)
	}
	gone := map[string]bool{}
	for _, i := range order[changed:min(changed+missing, len(order))] {
		gone[stored[i].ID] = true
		notListed = append(notListed, stored[i].ID)
	}
	people = slices.DeleteFunc(people, func(u Person) bool { return gone[u.ID] })
	slices.Sort(notStored)
	slices.Sort(notListed)
	return people, notStored, notListed
}

func checkComparison(t *testing.T, seed uint64, n, changed, extra, missing int, thorough bool) *comparetest.Model {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	stored, people := invent(rng, n)
	people, notStored, notListed := disturb(rng, stored, people, changed, extra, missing)
	m := comparetest.New(stored)
	d, err := Run(t.Context(), m, "T1", Sorted(people), thorough)
	if err != nil {
		t.Fatal(err)
	}
	var got [2][]string
	for _, u := range d.NotStored {
		got[0] = append(got[0], u.ID)
	}
	for _, u := range d.NotListed {
		got[1] = append(got[1], u.ID)
	}
	slices.Sort(got[0])
	slices.Sort(got[1])
	if diff := gocmp.Diff([2][]string{notStored, notListed}, got); diff != "" {
		t.Errorf("n %d, changed %d, extra %d, missing %d (-want +got):\n%.1500s", n, changed, extra, missing, diff)
	}
	if d.Stored != n {
		t.Errorf("counted %d users, want %d", d.Stored, n)
	}
	return m
}

func TestCompare(t *testing.T) {
	for _, n := range []int{0, 1, 2, 50, 3000} {
		for _, d := range [][3]int{{}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {5, 5, 5}, {n / 2, 0, 0}, {n, 0, 0}, {0, n, 0}, {0, 0, n}, {n / 3, n / 3, n / 3}} {
			for _, thorough := range []bool{false, true} {
				checkComparison(t, uint64(n), n, d[0], d[1], d[2], thorough)
			}
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(uint64(1), uint16(1000), uint16(3), uint16(2), uint16(1))
	f.Add(uint64(2), uint16(0), uint16(0), uint16(40), uint16(0))
	f.Add(uint64(3), uint16(500), uint16(0), uint16(0), uint16(500))
	f.Add(uint64(4), uint16(4000), uint16(2000), uint16(2000), uint16(1000))
	f.Fuzz(func(t *testing.T, seed uint64, n, changed, extra, missing uint16) {
		checkComparison(t, seed, int(n%5000), int(changed%5000), int(extra%5000), int(missing%5000), seed%2 == 1)
	})
}

// TestCostOfComparing: the cost stays within what the README promises.
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
		m := checkComparison(t, 1, n, tt.changed, tt.extra, tt.missing, false)
		t.Logf("%d changed, %d extra, %d missing: %d queries, %d reads", tt.changed, tt.extra, tt.missing, m.Queries, m.Reads)
		if m.Reads > tt.atMost {
			t.Errorf("%+v: %d reads", tt, m.Reads)
		}
	}
}

// TestSumsStayWithinInt64: sums do not overflow, however many people there are.
func TestSumsStayWithinInt64(t *testing.T) {
	const n = 3 << 19
	stored, people := make([]directory.Stored, n), make(People, n)
	for i := range n { // spread over all that they can be
		fp := directory.FingerprintLimit / (n + 1) * int64(i+1)
		stored[i] = directory.Stored{ID: fmt.Sprint("U", i), Fingerprint: fp}
		people[i] = Person{ID: stored[i].ID, Fingerprint: fp}
	}
	m := comparetest.New(stored)
	d, err := Run(t.Context(), m, "T1", people, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.NotStored)+len(d.NotListed) > 0 || m.Queries != 4 {
		t.Errorf("found %d and %d with %d queries", len(d.NotStored), len(d.NotListed), m.Queries)
	}
}

// TestListedTwice: if somebody is on two pages, the later one counts.
func TestListedTwice(t *testing.T) {
	got := Sorted([]Person{{ID: "U1", Fingerprint: 5}, {ID: "U2", Fingerprint: 3}, {ID: "U1", Fingerprint: 4, Page: 1}})
	want := People{{ID: "U2", Fingerprint: 3}, {ID: "U1", Fingerprint: 4, Page: 1}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChangesThatCancel: only a thorough comparison finds them.
func TestChangesThatCancel(t *testing.T) {
	for _, n := range []int{100, 20_000} {
		rng := rand.New(rand.NewPCG(uint64(n), 0))
		stored, people := invent(rng, n)
		a, b := 3, 71
		people[a].Fingerprint += 12345
		people[b].Fingerprint -= 12345
		people = Sorted(people)
		m := comparetest.New(stored)
		if d, err := Run(t.Context(), m, "T1", people, false); err != nil || len(d.NotStored) > 0 || m.Queries != 1 {
			t.Fatalf("%d people: no changes that cancel: %+v, %v", n, d, err)
		}
		m = comparetest.New(stored)
		d, err := Run(t.Context(), m, "T1", people, true)
		var ids []string
		for _, p := range d.NotStored {
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		if diff := gocmp.Diff([]string{stored[a].ID, stored[b].ID}, ids); diff != "" || err != nil {
			t.Errorf("%d people: error %v (-want +got):\n%s", n, err, diff)
		}
		if m.Reads > min(n, maxRanges)+100 {
			t.Errorf("%d people: %d reads", n, m.Reads)
		}
	}
}

// TestRanges: the ranges cover every fingerprint exactly once.
func TestRanges(t *testing.T) {
	for _, n := range []int{0, 10, maxRanges + 1, 3 << 19} {
		for _, thorough := range []bool{false, true} {
			ranges := firstRanges(n, thorough)
			at := directory.Listed.From
			for _, r := range ranges {
				if r.From != at || r.To < r.From {
					t.Fatalf("%d people: %v begins where %d should", n, r, at)
				}
				at = r.To
			}
			if at != directory.Listed.To {
				t.Errorf("%d people: the ranges end at %d", n, at)
			}
		}
	}
}
