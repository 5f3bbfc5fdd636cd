package events

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
)

// Stored waits until everybody is stored as in their newest event. It fails the test after
// the timeout, or if anybody is stored without an event.
func Stored(t *testing.T, s *system.System, all []Event, timeout time.Duration) {
	t.Helper()
	want := Newest(all)
	var wrong map[string]string
	deadline := time.Now().Add(timeout)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		var err error
		if wrong, err = differing(t.Context(), s, want); err == nil && len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			break
		}
		if pause > time.Second {
			t.Logf("%d people are not stored as wanted yet; error %v", len(wrong), err)
		}
		time.Sleep(pause)
	}
	for i, id := range slices.Sorted(maps.Keys(wrong)) {
		if i == 5 {
			t.Errorf("and %d more", len(wrong)-i)
			break
		}
		t.Errorf("%s: %s", id, wrong[id])
	}
	t.Errorf("after %v not everybody is stored as in their newest event", timeout)
}

// Parked waits until the events with the given ids are parked. It fails the test after
// the timeout, or if any other message is parked, for which it waits a little longer (late).
func Parked(t *testing.T, s *system.System, dead map[string]bool, timeout, late time.Duration) {
	t.Helper()
	seen := map[string]bool{}
	park := func(timeout time.Duration) {
		for _, m := range s.Parked(t, 1, timeout) {
			c, err := directory.DecodeChange(m.GetData())
			if err != nil || !dead[c.EventID] {
				t.Errorf("an unexpected dead letter: %s of %s, version %d, error %v", c.Operation, c.UserID, c.Version, err)
				continue
			}
			seen[c.EventID] = true
		}
	}
	for deadline := time.Now().Add(timeout); len(seen) < len(dead) && time.Now().Before(deadline); {
		park(time.Second)
	}
	park(late)
	if len(seen) < len(dead) {
		t.Errorf("%d different dead letters, want %d", len(seen), len(dead))
	}
}

// differing returns the difference for each person who is not stored as wanted,
// or is stored but not wanted.
func differing(ctx context.Context, s *system.System, want map[string]map[string]any) (map[string]string, error) {
	missing, wrong := maps.Clone(want), map[string]string{}
	for u, err := range people(ctx, s) {
		if err != nil {
			return nil, err
		}
		var got map[string]any
		if err := json.Unmarshal(u.Slack, &got); err != nil {
			return nil, fmt.Errorf("%s: %w", u.ID, err)
		}
		delete(missing, u.ID)
		if !cmp.Equal(want[u.ID], got) {
			wrong[u.ID] = cmp.Diff(want[u.ID], got)
		}
	}
	for id := range missing {
		wrong[id] = "not stored"
	}
	return wrong, nil
}

// people lists all stored people.
func people(ctx context.Context, s *system.System) iter.Seq2[directory.User, error] {
	return func(yield func(directory.User, error) bool) {
		for req := (directory.PageRequest{Limit: 300}); ; {
			page, err := s.Store.Users(ctx, system.Team, req)
			if err != nil {
				yield(directory.User{}, err)
				return
			}
			for _, u := range page.Users {
				if !yield(u, nil) {
					return
				}
			}
			if page.Next == nil {
				return
			}
			req.After = page.Next
		}
	}
}
