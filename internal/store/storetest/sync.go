package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// SyncStore is the part of the contract that full syncs use.
type SyncStore interface {
	// SumFingerprints returns the count and the exact sum of the fingerprints in the range.
	SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error)
	// Fingerprints returns the users in the range, in any order.
	Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error)
	PutSync(ctx context.Context, sync syncs.Sync) error
	// Syncs returns the newest, the newest first.
	Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error)
	PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error
	// SyncPages returns a sync's pages in the order of their numbers.
	SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error)
	DeleteSyncPages(ctx context.Context, teamID, syncID string) error
	// Lease gives the workspace to holder until a time, or fails with [syncs.ErrLeased].
	Lease(ctx context.Context, teamID, holder string, until time.Time) error
	// Release ends holder's lease, if it still has it.
	Release(ctx context.Context, teamID, holder string) error
	// LeasedUntil returns when the lease ends or has ended; the zero time if there is none.
	LeasedUntil(ctx context.Context, teamID string) (time.Time, error)
}

// testFingerprints: sums and users are those of now, without removed ones.
func testFingerprints(t *testing.T, s Store) {
	before := time.Now().Add(-time.Second)
	for i := range 20 {
		apply(t, s, change(directory.Insert, 100, fmt.Sprintf(`{"id":"U%02d","updated":%d}`, i, i)))
	}
	apply(t, s, change(directory.Insert, 100, `{"id":"UX1","team_id":"T2"}`))
	apply(t, s, change(directory.Update, 200, `{"id":"U01","updated":7,"name":"changed"}`))
	apply(t, s, listed(250, `{"id":"U01","updated":9,"name":"listed"}`))
	apply(t, s, change(directory.Delete, 300, `{"id":"U02"}`))

	want := map[string]directory.Stored{}
	for i := range 20 {
		if i != 2 {
			u := get(t, s, fmt.Sprintf("U%02d", i))
			want[u.ID] = directory.StoredOf(u, time.Time{})
		}
	}
	if want["U01"].Version != 250 || want["U01"].Updated != 9 || want["U01"].Told.Updated != 7 || !want["U01"].Listed.InList {
		t.Errorf("U01 is %+v", want["U01"])
	}
	middle := directory.FingerprintLimit / 2
	ranges := []directory.FingerprintRange{directory.Listed, {From: 1, To: middle}, {From: middle, To: directory.FingerprintLimit}, {From: middle, To: middle}}
	for _, r := range ranges {
		inRange := map[string]directory.Stored{}
		var wantSum int64
		for id, u := range want {
			if u.Fingerprint >= r.From && u.Fingerprint < r.To {
				inRange[id] = u
				wantSum += u.Fingerprint
			}
		}
		count, sum, err := s.SumFingerprints(t.Context(), team, r)
		if err != nil {
			t.Fatal(err)
		}
		if count != int64(len(inRange)) || sum != wantSum {
			t.Errorf("%v: count %d, sum %d, want %d, %d", r, count, sum, len(inRange), wantSum)
		}
		all, err := s.Fingerprints(t.Context(), team, r)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]directory.Stored{}
		for _, u := range all {
			if u.Written.Before(before) || u.Written.After(time.Now().Add(time.Second)) {
				t.Errorf("%s was written at %v", u.ID, u.Written)
			}
			got[u.ID] = u
		}
		if diff := cmp.Diff(inRange, got, cmpopts.IgnoreFields(directory.Stored{}, "Written")); diff != "" {
			t.Errorf("%v (-want +got):\n%s", r, diff)
		}
	}
	externals, err := s.Fingerprints(t.Context(), team, directory.Externals)
	if err != nil || len(externals) != 1 || externals[0].ID != "UX1" {
		t.Errorf("externals %v, error %v", externals, err)
	}
	if count, sum, err := s.SumFingerprints(t.Context(), "T404", directory.Listed); count != 0 || sum != 0 || err != nil {
		t.Errorf("a workspace without users: %d, %d, %v", count, sum, err)
	}
}

func testSyncs(t *testing.T, s Store) {
	if all, err := s.Syncs(t.Context(), team, 3); len(all) != 0 || err != nil {
		t.Errorf("none yet: %v, %v", all, err)
	}
	var want []syncs.Sync
	for i := range 5 {
		sync := syncs.Sync{
			ID: fmt.Sprintf("2026%d", i), TeamID: team, State: syncs.Failed, Started: time.UnixMilli(1e12).UTC(),
			Since: 5, Error: "e", Pages: 1, Listed: 2, Inserted: 3, Updated: 4, Removed: 5, Unchanged: 6, Drift: 7, Calls: 8,
			Waits: 9, Waited: time.Second, Reads: 10, Writes: 11, Filling: true, ExpireAt: time.UnixMilli(2e12).UTC(),
		}
		if err := s.PutSync(t.Context(), sync); err != nil {
			t.Fatal(err)
		}
		sync.State, sync.Ended = syncs.Done, time.UnixMilli(1e12+5).UTC()
		if err := s.PutSync(t.Context(), sync); err != nil {
			t.Fatal(err)
		}
		want = append([]syncs.Sync{sync}, want...)
	}
	got, err := s.Syncs(t.Context(), team, 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[:3], got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testSyncPages(t *testing.T, s Store) {
	var want []syncs.Page
	for _, n := range []int{1, 2, 10} {
		p := syncs.Page{Number: n, Cursor: fmt.Sprint("c", n), Version: 7, Users: []byte{0, 255, byte(n)}, ExpireAt: time.UnixMilli(2e12).UTC()}
		want = append(want, p)
		for _, syncID := range []string{"S1", "S2"} {
			if err := s.PutSyncPage(t.Context(), team, syncID, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // the second time there is nothing left to delete
		if err := s.DeleteSyncPages(t.Context(), team, "S2"); err != nil {
			t.Fatal(err)
		}
	}
	for syncID, want := range map[string][]syncs.Page{"S1": want, "S2": nil} {
		got, err := s.SyncPages(t.Context(), team, syncID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", syncID, diff)
		}
	}
}

func testLease(t *testing.T, s Store) {
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	if until, err := s.LeasedUntil(t.Context(), team); err != nil || !until.IsZero() {
		t.Errorf("nobody has it: until %v, error %v", until, err)
	}
	steps := []struct {
		what string
		err  error
		want error
	}{
		{"the first", s.Lease(t.Context(), team, "a", later), nil},
		{"another", s.Lease(t.Context(), team, "b", later), syncs.ErrLeased},
		{"extended", s.Lease(t.Context(), team, "a", later), nil},
		{"another workspace", s.Lease(t.Context(), "T2", "b", later), nil},
		{"released by somebody else", s.Release(t.Context(), team, "b"), nil},
		{"so it still holds", s.Lease(t.Context(), team, "b", later), syncs.ErrLeased},
		{"released", s.Release(t.Context(), team, "a"), nil},
		{"free", s.Lease(t.Context(), team, "b", time.Now().Add(-time.Second)), nil},
		{"expired", s.Lease(t.Context(), team, "a", later), nil},
		{"its former holder", s.Lease(t.Context(), team, "b", later), syncs.ErrLeased},
	}
	for _, step := range steps {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: error %v, want %v", step.what, step.err, step.want)
		}
	}
	if until, err := s.LeasedUntil(t.Context(), team); err != nil || !until.Equal(later) {
		t.Errorf("until %v, want %v, error %v", until, later, err)
	}
}
