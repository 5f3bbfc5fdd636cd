package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
)

// answer is the answer to one attempt at an event.
type answer struct {
	asked  time.Time
	status int // 0: none
	took   time.Duration
}

// answerTimeout is the longest that the webhook takes to answer.
const answerTimeout = 2500 * time.Millisecond

// try posts once. Slack would hang up after three seconds. Here the answer's time is measured.
func (r *rig) try(ctx context.Context, body string, signed time.Time) (a answer) {
	a.asked = time.Now()
	defer func() { a.took = time.Since(a.asked) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Webhook+"/slack/events", bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err) // its address is wrong
	}
	request.Header = fakeslack.Sign(system.Secret, signed, []byte(body))
	response, err := r.client.Do(request)
	if err == nil {
		defer response.Body.Close()
		if _, err = io.Copy(io.Discard, response.Body); err == nil {
			a.status = response.StatusCode
		}
	}
	return a
}

// sending are events that Slack is sending to the webhook.
type sending struct {
	wg sync.WaitGroup

	mu       sync.Mutex
	answers  []answer
	accepted int
}

// send posts each body until it is accepted, maxConcurrent at once, and starts one in each interval.
func (r *rig) send(t *testing.T, bodies []string, maxConcurrent int, interval time.Duration) *sending {
	s := &sending{}
	queue := make(chan string)
	s.wg.Go(func() {
		defer close(queue)
		for _, body := range bodies {
			select {
			case queue <- body:
			case <-t.Context().Done():
				return
			}
			time.Sleep(interval)
		}
	})
	for range maxConcurrent {
		s.wg.Go(func() {
			for body := range queue {
				for pause := 50 * time.Millisecond; t.Context().Err() == nil; pause = min(2*pause, 2*time.Second) {
					a := r.try(t.Context(), body, time.Now())
					s.add(t, a)
					if a.status == http.StatusOK {
						break
					}
					time.Sleep(pause)
				}
			}
		})
	}
	return s
}

func (s *sending) add(t *testing.T, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	switch a.status {
	case http.StatusOK:
		s.accepted++
	case 0, http.StatusServiceUnavailable:
	default:
		t.Errorf("answer %d", a.status)
	}
}

// progress returns the number of accepted events.
func (s *sending) progress() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// tally counts the answers in some period.
type tally struct {
	accepted, refused, unanswered int
	slowest                       time.Duration // of all answers
}

func (n tally) String() string {
	return fmt.Sprintf("%d accepted, %d refused, %d unanswered, the slowest answer after %v", n.accepted, n.refused, n.unanswered, n.slowest.Round(time.Millisecond))
}

// between returns the tally of attempts that started and were answered within a period.
func (s *sending) between(from, to time.Time) (n tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.answers {
		if a.asked.Before(from) || a.asked.Add(a.took).After(to) {
			continue
		}
		switch a.status {
		case http.StatusOK:
			n.accepted++
		case 0:
			n.unanswered++
			continue
		default:
			n.refused++
		}
		n.slowest = max(n.slowest, a.took)
	}
	return n
}
