package ui

import (
	"errors"
	"sync"
)

const (
	// maxConcurrentStreams is per viewer: each live page holds one of the requests that an instance serves at once.
	maxConcurrentStreams = 20
	// maxConcurrentExports is per viewer: each export reads the whole directory.
	maxConcurrentExports = 2
)

var errTooMany = errors.New("viewer has too many requests in progress")

// limiter bounds how many requests each viewer has under way on this instance.
type limiter struct {
	max   int
	mu    sync.Mutex
	taken map[string]int // by e-mail address
}

func newLimiter(maxRequests int) *limiter { return &limiter{max: maxRequests, taken: map[string]int{}} }

// take fails with [errTooMany] if v is at the limit. Without authentication there is no
// limit, because all viewers look the same.
func (l *limiter) take(v viewer) (giveBack func(), err error) {
	if v == (viewer{}) {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken[v.Email] >= l.max {
		return nil, errTooMany
	}
	l.taken[v.Email]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.taken[v.Email]--; l.taken[v.Email] == 0 {
			delete(l.taken, v.Email)
		}
	}, nil
}
