package local

import (
	"testing"
	"time"
)

// TestNextSync: the page learns when the ticker starts the next sync. A sync on request does not put it off.
func TestNextSync(t *testing.T) {
	s := &syncer{interval: time.Hour}
	start := time.Date(2022, 3, 30, 12, 0, 0, 0, time.UTC)
	if next := s.Next(start); !next.IsZero() {
		t.Errorf("before the first sync: %v", next)
	}
	s.ticking.Store(&start)
	for after, want := range map[time.Duration]time.Duration{-time.Minute: time.Hour, 0: time.Hour, 59 * time.Minute: time.Hour, time.Hour: 2 * time.Hour, 150 * time.Minute: 3 * time.Hour} {
		if next := s.Next(start.Add(after)); !next.Equal(start.Add(want)) {
			t.Errorf("%v after the start: the next in %v, want %v", after, next.Sub(start), want)
		}
	}
}
