package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/directory"
)

// testHistoryPages: pages have exactly the records that match the filter, in both directions.
func testHistoryPages(t *testing.T, s Store) {
	for i := range 40 {
		id := fmt.Sprintf("U%d", i%7)
		applyKept(t, s, change(directory.Insert, directory.Version(i+1), fmt.Sprintf(`{"id":%q,"name":"n%d","deleted":%t}`, id, i, i%5 == 0)), kept)
	}
	other := change(directory.Insert, 1, `{"id":"U1","name":"elsewhere"}`)
	other.TeamID = "T2"
	applyKept(t, s, other, kept)
	everything, err := s.Records(t.Context(), team, directory.RecordPageRequest{Limit: 1000})
	if err != nil || len(everything.Records) != 40 || everything.Prev != nil || everything.Next != nil {
		t.Fatalf("%d records, error %v", len(everything.Records), err)
	}
	all := everything.Records
	if !slices.IsSortedFunc(all, func(a, b directory.Record) int {
		return -compareCursors(directory.RecordCursorOf(a), directory.RecordCursorOf(b))
	}) {
		t.Error("not the newest first")
	}
	for _, f := range []directory.RecordFilter{
		{}, {UserID: "U3"}, {Types: []directory.RecordType{directory.UserUpdated}}, {UserID: "U9"},
		{Types: []directory.RecordType{directory.UserCreated, directory.UserDeactivated}},
		{Types: []directory.RecordType{directory.UserUpdated, directory.UserReactivated}, UserID: "U2"},
		{Oldest: all[30].WrittenAt, Latest: all[5].WrittenAt},
		{Oldest: all[30].WrittenAt, UserID: "U2"},
		{Latest: all[5].WrittenAt, Types: []directory.RecordType{directory.UserUpdated}},
		{Oldest: all[30].WrittenAt, Latest: all[5].WrittenAt, Types: []directory.RecordType{directory.UserUpdated}, UserID: "U4"},
	} {
		var want []directory.Record
		for _, r := range all {
			if (len(f.Types) == 0 || slices.Contains(f.Types, r.Type)) && (f.UserID == "" || r.UserID == f.UserID) &&
				(f.Oldest.IsZero() || !r.WrittenAt.Before(f.Oldest)) && (f.Latest.IsZero() || r.WrittenAt.Before(f.Latest)) {
				want = append(want, r)
			}
		}
		if n, err := s.CountRecords(t.Context(), team, f); n != len(want) || err != nil {
			t.Errorf("%+v: count %d, want %d, error %v", f, n, len(want), err)
		}
		for _, limit := range []int{3, 1000} {
			forward, last := collectRecords(t, s, directory.RecordPageRequest{Filter: f, Limit: limit})
			if diff := cmp.Diff(want, forward, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%+v, %d at a time (-want +got):\n%s", f, limit, diff)
			}
			if last == nil {
				continue
			}
			backward, _ := collectRecords(t, s, directory.RecordPageRequest{Filter: f, Limit: limit, Before: last})
			if diff := cmp.Diff(want[:len(want)-1], backward, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%+v, %d at a time, back (-want +got):\n%s", f, limit, diff)
			}
		}
	}
}

func compareCursors(a, b directory.RecordCursor) int {
	if c := a.WrittenAt.Compare(b.WrittenAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// collectRecords walks all pages, and returns the cursor of the last record.
func collectRecords(t *testing.T, s Store, req directory.RecordPageRequest) (all []directory.Record, last *directory.RecordCursor) {
	t.Helper()
	backward := req.Before != nil
	for range 1000 {
		page, err := s.Records(t.Context(), team, req)
		if err != nil {
			t.Fatal(err)
		}
		if backward {
			all = append(page.Records, all...)
			if req.Before = page.Prev; req.Before == nil {
				return all, nil
			}
			continue
		}
		all = append(all, page.Records...)
		if n := len(page.Records); n > 0 {
			c := directory.RecordCursorOf(page.Records[n-1])
			last = &c
		}
		if req.After = page.Next; req.After == nil {
			return all, last
		}
	}
	t.Fatal("paging does not end")
	return nil, nil
}

// testFeed: 32 writers, of whom some commit late, and a reader who polls: the reader gets
// every record once, in order.
func testFeed(t *testing.T, s Store) {
	const writers, each = 32, 8
	empty, err := s.Feed(t.Context(), team, directory.FeedRequest{Limit: 5})
	if err != nil || len(empty.Records) != 0 || empty.Next != (directory.RecordCursor{}) || empty.More {
		t.Errorf("nothing yet: %+v, error %v", empty, err)
	}
	written := make(chan string, writers*each)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				time.Sleep(rand.N(50 * time.Millisecond))
				id := fmt.Sprintf("U%d", w)
				if i%2 == 0 {
					id = fmt.Sprintf("U%d", w%4) // fought over
				}
				if r := applyKept(t, s, titled(id, directory.Version(i*writers+w+1), fmt.Sprintf("%d/%d", w, i)), kept).Record; r != nil {
					written <- r.ID
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	seen := map[string]int{}
	var got []directory.Record
	var next directory.RecordCursor
	poll := func() {
		for more := true; more; {
			feed, err := s.Feed(t.Context(), team, directory.FeedRequest{After: next, Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			if len(feed.Records) > 7 || feed.More && len(feed.Records) < 7 {
				t.Errorf("%d records, more: %v", len(feed.Records), feed.More)
			}
			for _, r := range feed.Records {
				seen[r.ID]++
				got = append(got, r)
			}
			next, more = feed.Next, feed.More
		}
	}
	for writes := true; writes; {
		select {
		case <-done:
			writes = false
		case <-time.After(10 * time.Millisecond):
		}
		poll()
	}
	close(written)
	want := map[string]int{}
	for id := range written {
		want[id] = 1
	}
	for deadline := time.Now().Add(time.Minute); len(seen) < len(want) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		poll()
	}
	poll()
	if diff := cmp.Diff(want, seen); diff != "" || len(want) < writers {
		t.Errorf("of %d records (-want +got):\n%s", len(want), diff)
	}
	if !slices.IsSortedFunc(got, func(a, b directory.Record) int {
		return compareCursors(directory.RecordCursorOf(a), directory.RecordCursorOf(b))
	}) {
		t.Error("not the oldest first")
	}
	// The same from the beginning, by the text of the cursor, and for one user.
	var again []directory.Record
	for c, more := (directory.RecordCursor{}), true; more; {
		feed, err := s.Feed(t.Context(), team, directory.FeedRequest{After: c, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, feed.Records...)
		if c, err = directory.ParseRecordCursor(feed.Next.String()); err != nil {
			t.Fatal(err)
		}
		more = feed.More
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("from the beginning (-want +got):\n%s", diff)
	}
	one, err := s.Feed(t.Context(), team, directory.FeedRequest{Filter: directory.RecordFilter{UserID: "U3", Types: directory.RecordTypes}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(timeline(t, s, "U3"), one.Records); diff != "" {
		t.Errorf("of one user (-want +got):\n%s", diff)
	}
}

// testWatchHistory: every record that is written is yielded.
func testWatchHistory(t *testing.T, s Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen, ended := watch(t, s.WatchRecords(ctx, team))
	want := map[string]bool{}
	for i := range 20 {
		want[applyKept(t, s, titled(fmt.Sprintf("U%d", i%3), directory.Version(i+1), fmt.Sprint(i)), kept).Record.ID] = true
	}
	other := titled("U1", 9, "elsewhere")
	other.TeamID = "T2"
	applyKept(t, s, other, kept)
	for got := map[string]bool{}; len(got) < len(want); {
		select {
		case r := <-seen:
			got[r.ID] = true
			if !want[r.ID] || r.WrittenAt.IsZero() || r.TeamID != team {
				t.Errorf("told of %+v", r)
			}
		case <-ctx.Done():
			t.Fatalf("told of %d records, want %d", len(got), len(want))
		}
	}
	cancel()
	<-ended
}
