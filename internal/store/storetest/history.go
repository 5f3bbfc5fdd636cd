package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
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

// testHistory: a record is written with each change that history covers, and found by the message that made it.
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
	// A record that exists already does not keep the user from being written.
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
