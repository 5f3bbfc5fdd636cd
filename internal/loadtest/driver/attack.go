package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"rollcall/internal/fakeslack"
)

// answerTimeout is how long Slack waits for an answer.
const answerTimeout = 3 * time.Second

// sender posts signed events to one address.
type sender struct {
	url, secret string
	connections int
	client      *http.Client
}

func newSender(url, secret string, connections int) *sender {
	return &sender{url, secret, connections, &http.Client{
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true},
	}}
}

// attack posts what next returns, at the rate (0: as fast as the connections allow), for
// the duration (0: unlimited) or until ctx is done or next fails.
func (s *sender) attack(ctx context.Context, into *tally, next func() ([]byte, error), rate int, d time.Duration) error {
	workers := uint64(s.connections)
	maxWorkers := workers
	if rate > 0 {
		maxWorkers = max(1000, 10*workers) // so that a slow answer does not delay the next request: the wait for a connection counts as latency
	}
	attacker := vegeta.NewAttacker(vegeta.Client(s.client), vegeta.Workers(workers), vegeta.MaxWorkers(maxWorkers))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	var failure atomic.Pointer[error]
	target := func(t *vegeta.Target) error {
		body, err := next()
		if err != nil {
			failure.CompareAndSwap(nil, &err)
			return err
		}
		t.Method, t.URL, t.Body = http.MethodPost, s.url, body
		t.Header = fakeslack.Sign(s.secret, time.Now(), body)
		t.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
		return nil
	}
	began := time.Now()
	for r := range attacker.Attack(target, vegeta.Rate{Freq: rate, Per: time.Second}, d, "") {
		if r.URL != "" { // empty if next failed
			into.add(r)
		}
	}
	into.took += time.Since(began)
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// each posts every body once.
func (s *sender) each(ctx context.Context, into *tally, bodies [][]byte) error {
	var sent atomic.Int64
	err := s.attack(ctx, into, func() ([]byte, error) {
		if i := sent.Add(1); i <= int64(len(bodies)) {
			return bodies[i-1], nil
		}
		return nil, vegeta.ErrNoTargets
	}, 0, 0)
	if errors.Is(err, vegeta.ErrNoTargets) {
		return nil
	}
	return err
}

// tally is the outcome of requests.
type tally struct {
	answered vegeta.LatencyMetrics
	statuses map[string]int // of requests not accepted
	accepted int
	took     time.Duration
	memory   uint64 // maximum of the process, in bytes
	cpu      time.Duration

	// Of the whole chain:
	applied   int           // messages
	through   time.Duration // until all were applied
	documents vegeta.LatencyMetrics
}

func newTally() *tally { return &tally{statuses: map[string]int{}} }

func (t *tally) add(r *vegeta.Result) {
	switch {
	case r.Code == http.StatusOK:
		t.accepted++
	case r.Code != 0:
		t.statuses[fmt.Sprint(r.Code)]++
	case strings.Contains(r.Error, "Client.Timeout"):
		t.statuses["no answer in time"]++
	default:
		t.statuses["no connection"]++
	}
	t.answered.Add(r.Latency)
}

// errors lists the statuses of requests not accepted.
func (t *tally) errors() string {
	var all []string
	for _, status := range slices.Sorted(maps.Keys(t.statuses)) {
		all = append(all, fmt.Sprintf("%d × %s", t.statuses[status], status))
	}
	if all == nil {
		return "none"
	}
	return strings.Join(all, ", ")
}

func (t *tally) perSecond() float64 { return float64(t.accepted) / t.took.Seconds() }
