// Package compare finds the people who differ between a listing and a store, for
// little more than the price of counting them.
//
// Each person has a fingerprint (see package directory), and a store can count
// and sum the fingerprints of a range cheaply. [Run] compares the counts and
// sums of the whole range first. Where they differ it compares the halves, and
// so on, until reading a range's people costs less than halving it. The right half's
// sum is the whole minus the left half's, so each split takes one query.
//
// # When sums lie
//
// Two changes can cancel out and leave the sum unchanged. Somebody who controls two
// accounts finds such a pair of statuses within seconds. If the events of both are
// lost, comparing one sum never finds them. A thorough comparison, made once a day,
// does: it compares up to [maxRanges] people one by one. If there are more, it
// compares the sums of [maxRanges] ranges, cut at random places. Changes cancel out
// only within a range, and nobody knows the next day's cuts. It costs at most
// [maxRanges] reads more than a plain comparison, $0.07 a month at Firestore's
// prices. Reading everybody once a day would cost $1.80 a month for 100,000 people.
// A second sum, keyed with a secret, would cost no reads, but it would need a second index
// for every user, and a secret ($0.06 a month) whose rotation repairs everybody.
package compare

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// maxSummed is how many people a range may have, so that its sum fits an int64 with room to spare.
	maxSummed = 1 << 19
	// maxRanges is how many ranges a thorough comparison starts with.
	maxRanges = 1 << 12
	// maxConcurrentQueries bounds the queries that run at the same time.
	maxConcurrentQueries = 16
)

// Sums is the part of a store that comparing needs.
type Sums interface {
	// SumFingerprints returns how many fingerprints a range holds and their exact sum.
	SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error)
	// Fingerprints returns everybody in the range.
	Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error)
}

// Person is what a sync keeps of a listed person: about 60 bytes, because all of a
// workspace must fit in memory.
type Person struct {
	ID          string
	Fingerprint int64
	Updated     int64 // Slack's own time of the last change, in Unix seconds
	Page        int32 // index of the page that listed the person
	Forgotten   bool  // Slack says is_forgotten
}

// People are sorted by fingerprint, without duplicates. [Sorted] makes them.
type People []Person

// Sorted sorts people. If a person is listed twice, as happens when people come and go
// during the walk, the later page counts.
func Sorted(people []Person) People {
	slices.SortFunc(people, func(a, b Person) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Page, a.Page)) })
	people = slices.CompactFunc(people, func(a, b Person) bool { return a.ID == b.ID })
	slices.SortFunc(people, func(a, b Person) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return people
}

// within returns the people whose fingerprints are in the range.
func (p People) within(r directory.FingerprintRange) People {
	at := func(fp int64) int {
		i, _ := slices.BinarySearchFunc(p, fp, func(one Person, fp int64) int { return cmp.Compare(one.Fingerprint, fp) })
		return i
	}
	return p[at(r.From):at(r.To)]
}

func (p People) sum() (sum int64) {
	for _, one := range p {
		sum += one.Fingerprint
	}
	return sum
}

// Difference is what differs between a listing and a store.
type Difference struct {
	NotStored []Person           // listed people who are not stored as listed
	NotListed []directory.Stored // stored people who are not listed as stored; changed people are in both
	Stored    int                // how many people are stored
}

// firstRanges returns the ranges that a comparison of n listed people starts with.
func firstRanges(n int, thorough bool) []directory.FingerprintRange {
	count := 1
	if thorough && n > maxRanges {
		count = maxRanges
	}
	for ; n/count > maxSummed; count *= 2 {
	}
	width := (directory.Listed.To - directory.Listed.From) / int64(count)
	cuts := make([]int64, 0, count+1)
	for i := range int64(count - 1) {
		cut := directory.Listed.From + (i+1)*width
		if thorough {
			cut = directory.Listed.From + 1 + rand.Int64N(directory.Listed.To-directory.Listed.From-1) //nolint:gosec // nobody sees the cuts of a sync
		}
		cuts = append(cuts, cut)
	}
	cuts = append(cuts, directory.Listed.From, directory.Listed.To)
	slices.Sort(cuts)
	ranges := make([]directory.FingerprintRange, count)
	for i := range ranges {
		ranges[i] = directory.FingerprintRange{From: cuts[i], To: cuts[i+1]}
	}
	return ranges
}

// Run compares everybody. Make it thorough once a day: see the package comment.
func Run(ctx context.Context, sums Sums, teamID string, people People, thorough bool) (Difference, error) {
	c := &comparison{sums: sums, teamID: teamID, people: people}
	var level []span
	for _, r := range firstRanges(len(people), thorough) {
		level = append(level, span{FingerprintRange: r})
	}
	if thorough && len(people) <= maxRanges {
		_, err := c.each(ctx, level, func(ctx context.Context, s span) ([]span, error) {
			stored, err := c.read(ctx, s)
			c.found.Stored = stored
			return nil, err
		})
		return c.found, err
	}
	err := c.descend(ctx, level)
	return c.found, err
}

// span is a range with what the store holds in it.
type span struct {
	directory.FingerprintRange
	count, sum int64
}

func (s span) halves() (left, right directory.FingerprintRange) {
	middle := s.From + (s.To-s.From)/2
	return directory.FingerprintRange{From: s.From, To: middle}, directory.FingerprintRange{From: middle, To: s.To}
}

type comparison struct {
	sums   Sums
	teamID string
	people People

	mu    sync.Mutex
	found Difference
}

// descend halves what differs, level by level.
func (c *comparison) descend(ctx context.Context, level []span) error {
	ranges := len(level) // how many there would be at this depth if all differed
	level, err := c.each(ctx, level, func(ctx context.Context, s span) ([]span, error) {
		s, err := c.query(ctx, s.FingerprintRange)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.found.Stored += int(s.count)
		return c.unequal(s), err
	})
	settled := 0 // ranges at this depth inside those already read, which all count as unequal
	for err == nil && len(level) > 0 {
		density := density(len(level)+settled, ranges)
		var split, read []span
		for _, s := range level {
			// At least as many people differ as the two counts are apart.
			least := math.Abs(float64(s.count) - float64(len(c.people.within(s.FingerprintRange))))
			if s.To-s.From >= 2 && worthSplitting(float64(s.count), max(density, least)) {
				split = append(split, s)
			} else {
				read = append(read, s)
			}
		}
		ranges, settled = 2*ranges, 2*(settled+len(read))
		_, err = c.each(ctx, read, func(ctx context.Context, s span) ([]span, error) {
			if s.count == 0 { // everybody is missing
				c.add(c.people.within(s.FingerprintRange), nil)
				return nil, nil
			}
			_, err := c.read(ctx, s)
			return nil, err
		})
		if err != nil {
			return err
		}
		level, err = c.each(ctx, split, c.split)
	}
	return err
}

// each runs step for every span and collects the spans that step returns.
func (c *comparison) each(ctx context.Context, level []span, step func(context.Context, span) ([]span, error)) ([]span, error) {
	var mu sync.Mutex
	var next []span
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrentQueries)
	for _, s := range level {
		group.Go(func() error {
			left, err := step(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			next = append(next, left...)
			return err
		})
	}
	err := group.Wait()
	return next, err
}

// split queries the left half. The right half is the rest.
func (c *comparison) split(ctx context.Context, s span) ([]span, error) {
	l, r := s.halves()
	left, err := c.query(ctx, l)
	if err != nil {
		return nil, err
	}
	right := span{r, s.count - left.count, s.sum - left.sum}
	if right.count < 0 { // somebody was written between the two queries
		if right, err = c.query(ctx, r); err != nil {
			return nil, err
		}
	}
	return append(c.unequal(left), c.unequal(right)...), nil
}

func (c *comparison) query(ctx context.Context, r directory.FingerprintRange) (span, error) {
	count, sum, err := c.sums.SumFingerprints(ctx, c.teamID, r)
	return span{r, count, sum}, err
}

// unequal returns s unless the listing has the same count and sum in that range.
func (c *comparison) unequal(s span) []span {
	if people := c.people.within(s.FingerprintRange); int64(len(people)) == s.count && people.sum() == s.sum {
		return nil
	}
	return []span{s}
}

// read compares the people of a span one by one.
func (c *comparison) read(ctx context.Context, s span) (count int, err error) {
	stored, err := c.sums.Fingerprints(ctx, c.teamID, s.FingerprintRange)
	if err != nil {
		return 0, err
	}
	known := make(map[string]int64, len(stored))
	for _, u := range stored {
		known[u.ID] = u.Fingerprint
	}
	var notStored []Person
	for _, p := range c.people.within(s.FingerprintRange) {
		if known[p.ID] == p.Fingerprint {
			delete(known, p.ID)
		} else {
			notStored = append(notStored, p)
		}
	}
	var notListed []directory.Stored
	for _, u := range stored {
		if _, left := known[u.ID]; left {
			notListed = append(notListed, u)
		}
	}
	c.add(notStored, notListed)
	return len(stored), nil
}

func (c *comparison) add(notStored []Person, notListed []directory.Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.NotStored = append(c.found.NotStored, notStored...)
	c.found.NotListed = append(c.found.NotListed, notListed...)
}
