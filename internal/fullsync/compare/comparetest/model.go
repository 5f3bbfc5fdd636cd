// Package comparetest has a model of a store for tests of comparisons.
package comparetest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"rollcall/internal/directory"
)

// Model counts what Firestore would bill: one read per thousand entries of an
// aggregation and per document of a fetch, and at least one.
type Model struct {
	users []directory.Stored // by fingerprint
	sums  []int64            // before each of users

	mu             sync.Mutex
	Queries, Reads int
}

// New returns a model that holds those users.
func New(users []directory.Stored) *Model {
	m := &Model{users: slices.Clone(users), sums: make([]int64, len(users)+1)}
	slices.SortFunc(m.users, func(a, b directory.Stored) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	for i, u := range m.users {
		m.sums[i+1] = m.sums[i] + u.Fingerprint
	}
	return m
}

func (m *Model) within(r directory.FingerprintRange) (from, to int) {
	at := func(fp int64) int {
		i, _ := slices.BinarySearchFunc(m.users, fp, func(u directory.Stored, fp int64) int { return cmp.Compare(u.Fingerprint, fp) })
		return i
	}
	return at(r.From), at(r.To)
}

// SumFingerprints returns the count and the sum of a range.
func (m *Model) SumFingerprints(_ context.Context, _ string, r directory.FingerprintRange) (count, sum int64, err error) {
	from, to := m.within(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Queries++
	m.Reads += max(1, (to-from+999)/1000)
	return int64(to - from), m.sums[to] - m.sums[from], nil
}

// Fingerprints returns all in a range.
func (m *Model) Fingerprints(_ context.Context, _ string, r directory.FingerprintRange) ([]directory.Stored, error) {
	from, to := m.within(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Reads += max(1, to-from)
	return m.users[from:to], nil
}
