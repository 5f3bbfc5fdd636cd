package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/directory"
)

// subscribers records what is published, unless before fails.
type subscribers struct {
	mu     sync.Mutex
	told   map[string]int // by record
	before func() error
}

func (s *subscribers) Publish(_ context.Context, r directory.Record) error {
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[r.ID]++
	return nil
}

// deliverTo returns the status, or 0 if the handler panicked.
func deliverTo(t *testing.T, h http.Handler, m string) (status int) {
	t.Helper()
	defer func() {
		if died := recover(); died != nil && died != "killed" {
			panic(died)
		}
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(delivery(t, m))))
	return w.Code
}

const kept = 24 * time.Hour

func titled(v directory.Version, id, title string) string {
	return message("insert", v, fmt.Sprintf(`{"id":%q,"name":"ada","profile":{"title":%q,"status_text":"s%d"}}`, id, title, v))
}

// TestKilledBeforePublish: a worker that is killed 1,000 times between commit and publish
// loses no record. The next delivery publishes the first one's record under the same id, even if
// newer messages have arrived in between.
func TestKilledBeforePublish(t *testing.T) {
	const kills = 1000
	store := newStore(t)
	start := func(p *subscribers) http.Handler {
		return New(store, History{TTL: kept, Publisher: p}, time.Second, slog.New(slog.DiscardHandler))
	}
	alive := &subscribers{told: map[string]int{}}
	dying := &subscribers{told: map[string]int{}, before: func() error { panic("killed") }}
	var unacknowledged []string
	for i := range kills {
		// Each of ten people gets another title with each message.
		m := titled(directory.Version(i+1), fmt.Sprintf("U%d", i%10), fmt.Sprint(i))
		if status := deliverTo(t, start(dying), m); status != 0 {
			t.Fatalf("the worker lives, and answers %d", status)
		}
		unacknowledged = append(unacknowledged, m)
		// Redeliver sometimes at once, sometimes after newer messages about the same person.
		if i%3 == 0 || i == kills-1 {
			for _, m := range unacknowledged {
				if status := deliverTo(t, start(alive), m); status != http.StatusOK {
					t.Fatalf("status %d", status)
				}
			}
			unacknowledged = nil
		}
	}
	n, err := store.Store.(historyStore).CountRecords(t.Context(), "T1", directory.RecordFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if n != kills || len(alive.told) != kills || len(dying.told) != 0 {
		t.Errorf("%d records, %d of them published, want %d", n, len(alive.told), kills)
	}
	for id, times := range alive.told {
		if _, err := store.Record(t.Context(), "T1", id); err != nil || times != 1 {
			t.Errorf("%s was published %d times, error %v", id, times, err)
		}
	}
}

type historyStore interface {
	CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (int, error)
}

// TestHistory: which records are published, and how messages are answered.
func TestHistory(t *testing.T) {
	first := strings.Replace(titled(10, "U1", "Analyst"), `"source":"event"`, `"source":"sync","in_list":true,"first_load":true`, 1)
	refuse := func() error { return errors.New("unavailable") }
	for _, tt := range []struct {
		name     string
		messages []string
		ttl      time.Duration
		refuse   func() error // of the last message
		status   int          // of the last message
		told     int
	}{
		{"joined", []string{titled(1, "U1", "Analyst")}, kept, nil, 200, 1},
		{"first load", []string{first}, kept, nil, 200, 0},
		{"first load again", []string{first, first}, kept, nil, 200, 0},
		{"a title after it", []string{first, titled(11, "U1", "Baker")}, kept, nil, 200, 1},
		{"status", []string{titled(1, "U1", "Analyst"), titled(2, "U1", "Analyst")}, kept, nil, 200, 1},
		{"no history", []string{titled(1, "U1", "Analyst"), titled(2, "U1", "Baker")}, 0, nil, 200, 0},
		{"refused", []string{titled(1, "U1", "Analyst")}, kept, refuse, 503, 0},
		{"comes again", []string{titled(1, "U1", "Analyst"), titled(1, "U1", "Analyst")}, kept, nil, 200, 2},
		{"refused when it comes again", []string{titled(1, "U1", "Analyst"), titled(1, "U1", "Analyst")}, kept, refuse, 503, 1},
		{"forgotten", []string{titled(1, "U1", "Analyst"), message("insert", 2, `{"id":"U1","is_forgotten":true}`)}, kept, nil, 200, 2},
		{"an older message of somebody forgotten", []string{titled(1, "U1", "Analyst"), message("insert", 2, `{"id":"U1","is_forgotten":true}`), titled(1, "U1", "Analyst")}, kept, nil, 200, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &subscribers{told: map[string]int{}}
			var log bytes.Buffer
			h := New(newStore(t), History{TTL: tt.ttl, Publisher: p}, time.Second, slog.New(slog.NewJSONHandler(&log, nil)))
			for i, m := range tt.messages {
				want := http.StatusOK
				if i == len(tt.messages)-1 {
					p.before, want = tt.refuse, tt.status
				}
				if status := deliverTo(t, h, m); status != want {
					t.Errorf("message %d: status %d, want %d", i+1, status, want)
				}
			}
			told := 0
			for _, n := range p.told {
				told += n
			}
			if told != tt.told {
				t.Errorf("published %d times, want %d", told, tt.told)
			}
			if tt.refuse != nil && !strings.Contains(log.String(), `"outcome":"publish"`) {
				t.Errorf("the log does not say why: %s", &log)
			}
		})
	}
}
