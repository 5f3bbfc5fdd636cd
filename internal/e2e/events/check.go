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

// parkedLate is how long after the last dead letter that is expected another one may be on its way.
const parkedLate = 3 * time.Second

// Settle waits until everybody is stored as the newest event says, until the
// events with the ids in dead are parked, and fails the test if that does not come
// about, if others are parked, or if anybody is stored whom no event told of.
func Settle(t *testing.T, s *system.System, all []Event, dead map[string]bool, patience time.Duration) {
	t.Helper()
	want := Newest(all)
	settled := func() bool {
		wrong, err := differing(t.Context(), s, want)
		if err != nil {
			t.Logf("not readable now: %v", err)
		} else if len(wrong) > 0 {
			t.Logf("%d people are not as they should be", len(wrong))
		}
		return err == nil && len(wrong) == 0
	}
	deadline := time.Now().Add(patience)
	for pause := 100 * time.Millisecond; !settled() && time.Now().Before(deadline); pause = min(2*pause, 5*time.Second) {
		time.Sleep(pause)
	}
	seen := map[string]bool{}
	park := func(patience time.Duration) {
		for _, m := range s.Parked(t, 1, patience) {
			c, err := directory.DecodeChange(m.GetData())
			if err != nil || !dead[c.EventID] {
				t.Errorf("a dead letter that must not be there: %s of %s, version %d, error %v", c.Operation, c.UserID(), c.Version, err)
			}
			seen[c.EventID] = true
		}
	}
	for len(seen) < len(dead) && time.Now().Before(deadline) && !t.Failed() {
		park(time.Second)
	}
	park(parkedLate)
	if len(seen) < len(dead) {
		t.Errorf("%d different dead letters, want %d", len(seen), len(dead))
	}
	wrong, err := differing(t.Context(), s, want)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range slices.Sorted(maps.Keys(wrong)) {
		if i == 5 {
			t.Errorf("and %d more", len(wrong)-i)
			break
		}
		t.Errorf("%s: %s", id, wrong[id])
	}
}

// differing returns what is wrong of each person who is not stored as wanted,
// or who is stored and should not be.
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

// people are all whom the store lists.
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
