package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// HistoryStore is the part of the contract that keeps history.
type HistoryStore interface {
	// Record returns a record of history, or [directory.ErrNotFound].
	Record(ctx context.Context, teamID, id string) (directory.Record, error)
	// EraseRecords deletes the history of a user, except that the user was forgotten.
	EraseRecords(ctx context.Context, teamID, userID string) error
	// Records returns a page of the history, the newest record first.
	Records(ctx context.Context, teamID string, req directory.RecordPageRequest) (directory.RecordPage, error)
	// CountRecords returns how many records match the filter.
	CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (int, error)
	// Feed returns the records after a cursor, the oldest first. A reader who goes on from
	// Next each time gets every record once, while others are written.
	Feed(ctx context.Context, teamID string, req directory.FeedRequest) (directory.Feed, error)
	// WatchRecords yields records as they are written, from its first use until ctx is
	// done. Records from shortly before may appear too.
	WatchRecords(ctx context.Context, teamID string) iter.Seq2[[]directory.Record, error]
}

const kept = 24 * time.Hour

// titled is an event by which a user gets a title.
func titled(id string, v directory.Version, title string) directory.Change {
	return change(directory.Insert, v, fmt.Sprintf(`{"id":%q,"name":"ada","profile":{"title":%q}}`, id, title))
}

// timeline returns a user's history, the oldest record first.
func timeline(t *testing.T, s Store, id string) []directory.Record {
	t.Helper()
	page, err := s.Records(t.Context(), team, directory.RecordPageRequest{Filter: directory.RecordFilter{UserID: id}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(page.Records)
	return page.Records
}

// testHistory: a record is written with each change that is one, and found by the message that made it.
func testHistory(t *testing.T, s Store) {
	if _, err := s.Record(t.Context(), team, "none"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no record: %v", err)
	}
	before := time.Now().Add(-time.Minute)
	var want []directory.Record
	for _, c := range []directory.Change{titled("U1", 1e6, "Analyst"), titled("U1", 2e6, "Baker")} {
		first := applyKept(t, s, c, kept)
		again := applyKept(t, s, c, kept)
		if first.Record == nil || again.Outcome != directory.Unchanged || again.Record == nil {
			t.Fatalf("first %+v, again %+v", first, again)
		}
		if diff := cmp.Diff(first.Record, again.Record, cmpopts.IgnoreFields(directory.Record{}, "WrittenAt")); diff != "" {
			t.Errorf("(-written +found):\n%s", diff)
		}
		if at := again.Record.WrittenAt; at.Before(before) || at.After(time.Now().Add(time.Minute)) {
			t.Errorf("written at %v", at)
		}
		want = append(want, *again.Record)
	}
	if diff := cmp.Diff(want, timeline(t, s, "U1")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if string(want[1].Before) != `{"profile.title":"Analyst"}` || string(want[1].After) != `{"profile.title":"Baker"}` {
		t.Errorf("from %s to %s", want[1].Before, want[1].After)
	}
	for name, c := range map[string]directory.Change{
		"status": change(directory.Update, 3e6, `{"id":"U1","name":"ada","profile":{"title":"Baker","status_text":"busy"}}`),
		"stale":  titled("U1", 2e6-1, "Cook"),
	} {
		if got := applyKept(t, s, c, kept); got.Record != nil {
			t.Errorf("%s: a record: %+v", name, got.Record)
		}
	}
	if got := applyKept(t, s, titled("U1", 4e6, "Dean"), 0); got.Record != nil || got.Outcome != directory.Updated {
		t.Errorf("no history is kept, and there is %+v", got)
	}
	if n := len(timeline(t, s, "U1")); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

// testHistoryIsAtomic: a record without its user is not written.
func testHistoryIsAtomic(t *testing.T, s Store) {
	u := directory.User{ID: "U1", TeamID: team, Version: 1, Source: directory.FromEvent}
	record := func(id string) *directory.Record {
		return &directory.Record{ID: id, Type: directory.UserUpdated, TeamID: team, UserID: "U1", At: time.UnixMicro(1).UTC(), ExpireAt: time.Now().Add(kept)}
	}
	for _, step := range []struct {
		id       string
		expected directory.Revision
		want     error
	}{{"r1", 7, directory.ErrConflict}, {"r2", 0, nil}, {"r3", 0, directory.ErrConflict}, {"r4", 7, directory.ErrConflict}} {
		if err := s.PutUser(t.Context(), u, step.expected, record(step.id)); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.id, err, step.want)
		}
		if _, err := s.Record(t.Context(), team, step.id); errors.Is(err, directory.ErrNotFound) != (step.want != nil) {
			t.Errorf("%s: read: %v", step.id, err)
		}
	}
	// A record that is there already is no reason against the user.
	if err := s.PutUser(t.Context(), directory.User{ID: "U2", TeamID: team, Version: 1}, 0, record("r2")); err != nil {
		t.Errorf("the same record again: %v", err)
	}
}

// testHistoryOfConcurrentWriters: when 32 deliveries fight over one user, each one that
// changes something leaves one record, and the records add up.
func testHistoryOfConcurrentWriters(t *testing.T, s Store) {
	const writers, each = 32, 3
	versions := rand.Perm(writers * each)
	applyKept(t, s, titled("U1", 1, "start"), kept)
	changed := make([]int, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for _, v := range versions[w*each : (w+1)*each] {
				c := titled("U1", directory.Version(v+2), fmt.Sprintf("v%d", v))
				if applyKept(t, s, c, kept).Outcome != directory.Unchanged {
					changed[w]++
				}
				applyKept(t, s, c, kept) // comes again
			}
		})
	}
	wg.Wait()
	all, want := timeline(t, s, "U1"), 1
	for _, n := range changed {
		want += n
	}
	if len(all) != want {
		t.Errorf("%d records of %d changes", len(all), want)
	}
	title := `{}`
	slices.SortFunc(all, func(a, b directory.Record) int { return a.At.Compare(b.At) })
	for _, r := range all {
		if r.Type == directory.UserUpdated && string(r.Before) != title {
			t.Errorf("%v: from %s, want from %s", r.At, r.Before, title)
		}
		if title = string(r.After); r.Type == directory.UserCreated {
			title = `{"profile.title":"start"}`
		}
	}
	if want := fmt.Sprintf(`{"profile.title":%q}`, get(t, s, "U1").Title); title != want {
		t.Errorf("history ends with %s, want %s", title, want)
	}
}

// testHistoryOfTheForgotten: forgetting somebody erases the history, even if the first
// delivery dies halfway.
func testHistoryOfTheForgotten(t *testing.T, s Store) {
	applyKept(t, s, titled("U1", 1, "Analyst"), kept)
	applyKept(t, s, titled("U2", 1, "Baker"), kept)
	forget := change(directory.Update, 2, `{"id":"U1","is_forgotten":true,"name":"ada"}`)
	died := errors.New("died")
	if _, err := directory.ApplyTo(t.Context(), dying{s, died}, forget, kept); !errors.Is(err, died) {
		t.Fatalf("error %v", err)
	}
	if n := len(timeline(t, s, "U1")); n != 2 {
		t.Fatalf("%d records before the erasure: nothing is shown", n)
	}
	applied := applyKept(t, s, forget, kept)
	all := timeline(t, s, "U1")
	if len(all) != 1 || all[0].Type != directory.UserForgotten || len(all[0].Changed)+len(all[0].Before)+len(all[0].After) > 0 {
		t.Errorf("left: %+v", all)
	}
	if applied.Record == nil || applied.Record.ID != all[0].ID {
		t.Errorf("the delivery that came again returns %+v", applied.Record)
	}
	if n := len(timeline(t, s, "U2")); n != 1 {
		t.Errorf("somebody else has %d records", n)
	}
	if got := applyKept(t, s, titled("U1", 1, "Analyst"), kept); got.Record != nil {
		t.Errorf("an older message that comes again finds %+v", got.Record)
	}
}

// dying fails instead of erasing.
type dying struct {
	Store
	err error
}

func (s dying) EraseRecords(context.Context, string, string) error { return s.err }

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
	ready, seen := make(chan struct{}), make(chan directory.Record, 1000)
	var watching sync.WaitGroup
	watching.Go(func() {
		open := false
		for records, err := range s.WatchRecords(ctx, team) {
			if err != nil {
				t.Errorf("watch: %v", err)
			}
			for _, r := range records {
				seen <- r
			}
			if !open {
				open = true
				close(ready)
			}
		}
	})
	<-ready
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
	watching.Wait()
}
