package fullsync

import (
	"context"
	"math"
	"sync"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// perRead is how many index entries an aggregation counts for one billed read
	// (Firestore's page "Understand Cloud Firestore billing").
	perRead = 1000
	// summedAtMost keeps a range's sum far from where an int64 ends.
	summedAtMost = 1 << 19
	// saturated makes a directory that differs everywhere cost hardly more than to
	// read it, and costs little where differences are merely many.
	saturated = 4
	// queriesAtOnce bounds the queries under way.
	queriesAtOnce = 16
)

// Sums is the part of a store that comparing needs.
type Sums interface {
	// SumFingerprints returns how many fingerprints a range holds and their exact sum.
	SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error)
	// Fingerprints returns all who are in the range.
	Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error)
}

// span is a range that is not the same in the store and in the listing, with
// what the store holds in it.
type span struct {
	directory.FingerprintRange
	count, sum int64
}

// comparison finds out where a sorted listing and the store differ.
type comparison struct {
	sums    Sums
	teamID  string
	listing *listing

	mu      sync.Mutex
	found   difference
	total   int64 // stored
	queries int   // aggregations
	reads   int   // billed for them and for what was fetched
}

// difference holds the listed users who are not stored as listed, and the stored
// users who are not listed as stored. Who is in both has changed.
type difference struct {
	listed []listed
	stored []directory.Stored
}

// run compares the whole first and then, level by level, the halves of what differs.
func (c *comparison) run(ctx context.Context) error {
	level := []span{{FingerprintRange: directory.Listed}}
	for users := len(c.listing.users); users > summedAtMost; users /= 2 {
		var halves []span
		for _, s := range level {
			left, right := s.halves()
			halves = append(halves, span{FingerprintRange: left}, span{FingerprintRange: right})
		}
		level = halves
	}
	ranges := len(level) // at this depth, if nothing had been found equal
	level, err := c.each(ctx, level, func(ctx context.Context, s span) ([]span, error) {
		s, err := c.query(ctx, s.FingerprintRange)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.total += s.count
		return c.unequal(s), err
	})
	settled := 0 // ranges at this depth within those that were fetched: all taken for unequal
	for err == nil && len(level) > 0 {
		density := density(len(level)+settled, ranges)
		var split, fetch []span
		for _, s := range level {
			// At least as many differ as there are more on one side.
			least := math.Abs(float64(s.count) - float64(len(c.listing.within(s.FingerprintRange))))
			if s.To-s.From >= 2 && worthSplitting(float64(s.count), max(density, least)) {
				split = append(split, s)
			} else {
				fetch = append(fetch, s)
			}
		}
		ranges, settled = 2*ranges, 2*(settled+len(fetch))
		if _, err := c.each(ctx, fetch, c.fetch); err != nil {
			return err
		}
		level, err = c.each(ctx, split, c.split)
	}
	return err
}

// each does step for every span and gathers the spans that it leaves.
func (c *comparison) each(ctx context.Context, level []span, step func(context.Context, span) ([]span, error)) ([]span, error) {
	var mu sync.Mutex
	var next []span
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(queriesAtOnce)
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

// split asks for the left half; the right one is what remains.
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queries++
	c.reads += int(aggregationReads(float64(count)))
	return span{r, count, sum}, err
}

// unequal returns s unless the listing has the same there.
func (c *comparison) unequal(s span) []span {
	if count, total := sum(c.listing.within(s.FingerprintRange)); count == s.count && total == s.sum {
		return nil
	}
	return []span{s}
}

// fetch compares one by one.
func (c *comparison) fetch(ctx context.Context, s span) ([]span, error) {
	users := c.listing.within(s.FingerprintRange)
	if s.count == 0 { // all are missing
		c.add(users, nil)
		return nil, nil
	}
	stored, err := c.sums.Fingerprints(ctx, c.teamID, s.FingerprintRange)
	if err != nil {
		return nil, err
	}
	known := make(map[string]int64, len(stored))
	for _, u := range stored {
		known[u.ID] = u.Fingerprint
	}
	var notStored []listed
	for _, u := range users {
		if known[u.id] == u.fingerprint {
			delete(known, u.id)
		} else {
			notStored = append(notStored, u)
		}
	}
	var notListed []directory.Stored
	for _, u := range stored {
		if _, left := known[u.ID]; left {
			notListed = append(notListed, u)
		}
	}
	c.add(notStored, notListed)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads += int(fetchReads(float64(len(stored))))
	return nil, nil
}

func (c *comparison) add(users []listed, stored []directory.Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.listed = append(c.found.listed, users...)
	c.found.stored = append(c.found.stored, stored...)
}

func (s span) halves() (left, right directory.FingerprintRange) {
	middle := s.From + (s.To-s.From)/2
	return directory.FingerprintRange{From: s.From, To: middle}, directory.FingerprintRange{From: middle, To: s.To}
}

// The cost model, in billed reads: an aggregation costs one read per thousand
// entries and at least one, a fetch one for each document and at least one. The
// write of a repair costs three, but the same however its need was found.

func aggregationReads(entries float64) float64 { return max(1, math.Ceil(entries/perRead)) }

func fetchReads(documents float64) float64 { return max(1, documents) }

// density estimates how many differences each of the unequal ranges has, from
// how many of all ranges of this size are unequal: differences fall into ranges at random.
func density(unequal, ranges int) float64 {
	m, k := float64(unequal), float64(ranges)
	if unequal == ranges {
		// It takes log(k) for each range, on average, to hit them all; but when all
		// are hit there may as well be many more.
		return max(1, saturated*math.Log(k))
	}
	return max(1, -k*math.Log1p(-m/k)/m)
}

// worthSplitting says whether halving a range of n stored users with d
// differences is cheaper than fetching it.
func worthSplitting(n, d float64) bool { return n > 0 && splitReads(n, d) < fetchReads(n) }

// splitReads is what it costs to ask for one half and then to go on with the
// halves that differ, each in the cheaper way.
func splitReads(n, d float64) float64 {
	half, differs := n/2, 1-math.Exp2(-d)
	d = d / 2 / differs // in a half that has some
	return aggregationReads(half) + 2*differs*findReads(half, d)
}

// findReads is the cost of finding d differences among n users.
func findReads(n, d float64) float64 {
	if n <= 2 {
		return fetchReads(n)
	}
	return min(fetchReads(n), splitReads(n, d))
}
