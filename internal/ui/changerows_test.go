package ui

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

// TestChangeRow: the badge says what happened, and details need not say it again.
func TestChangeRow(t *testing.T) {
	who := map[string]subject{"U1": {ID: "U1", Name: "Ada"}, "U2": {ID: "U2"}}
	labels := map[string]string{"Xf1": "Desk No."}
	type shown struct {
		Badge badge
		Note  string
		Named bool
	}
	for name, tt := range map[string]struct {
		record directory.Record
		want   shown
	}{
		"joined":               {directory.Record{Type: "user.created", UserID: "U1", After: json.RawMessage(`{"profile.title":"Analyst"}`)}, shown{badge{"joined", "ok"}, "as Analyst", false}},
		"joined, since gone":   {directory.Record{Type: "user.created", UserID: "U2", After: json.RawMessage(`{"profile.title":"Secret"}`)}, shown{badge{"joined", "ok"}, "", false}},
		"left":                 {directory.Record{Type: "user.deactivated", UserID: "U1"}, shown{badge{"left", "bad"}, "account deactivated", false}},
		"came back":            {directory.Record{Type: "user.reactivated", UserID: "U1"}, shown{badge{"came back", "ok"}, "account reactivated", false}},
		"one field":            {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"tz"}}, shown{badge{"time zone", ""}, "", true}},
		"a custom field":       {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"profile.fields.Xf1"}}, shown{badge{"Desk No.", ""}, "", true}},
		"a name":               {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"profile.real_name"}}, shown{badge{"name", ""}, "", true}},
		"two names":            {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"name", "profile.real_name"}}, shown{badge{"name", ""}, "", false}},
		"a role":               {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"is_admin"}}, shown{badge{"role", "admin"}, "", false}},
		"two fields":           {directory.Record{Type: "user.updated", UserID: "U1", Changed: []string{"profile.title", "tz"}}, shown{badge{"profile", ""}, "", false}},
		"a type of 2030":       {directory.Record{Type: "user.merged", UserID: "U1"}, shown{badge{"user.merged", ""}, "", false}},
		"an update of nothing": {directory.Record{Type: "user.updated", UserID: "U1"}, shown{badge{"profile", ""}, "", false}},
	} {
		row := newChangeRow(tt.record, who, labels)
		if diff := cmp.Diff(tt.want, shown{row.Badge, row.Note, row.Named}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestChangeDays: each day has a heading that sorts before its rows and after those of the next day, in UTC.
func TestChangeDays(t *testing.T) {
	record := func(id string, at time.Time) directory.Record {
		return directory.Record{ID: id, Type: "user.updated", WrittenAt: at}
	}
	midnight := time.Date(2022, 3, 30, 0, 0, 0, 0, time.UTC)
	records := []directory.Record{
		record("f", noon), record("0", midnight), record("e", midnight.Add(-time.Microsecond)),
		record("d", midnight.AddDate(0, 0, -5).In(time.FixedZone("", 9*3600))), record("c", midnight.AddDate(-1, 0, 0)),
	}
	row := func(r directory.Record) changeRow { return newChangeRow(r, nil, nil) }
	var labels, keys []string
	for _, d := range byDay(records, true, noon, row) {
		labels = append(labels, d.Label)
		keys = append(keys, d.Key)
		for _, r := range d.Rows {
			labels = append(labels, r.ID)
			keys = append(keys, r.Key)
		}
	}
	want := []string{"Today", "f", "0", "Yesterday", "e", "Friday 25 March", "d", "Tuesday 30 March 2021", "c"}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(keys, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("not the newest first: %q", keys)
	}
	if days := byDay(nil, true, noon, row); len(days) != 1 || days[0].Label != "Today" {
		t.Errorf("an empty first page has no heading for what comes: %v", days)
	}
	if days := byDay(records[4:], false, noon, row); len(days) != 1 || days[0].Label != "Tuesday 30 March 2021" || days[0].Key >= sortKey(records[4].WrittenAt.Add(time.Microsecond)) {
		t.Errorf("a later page: %v", days)
	}
}

// TestPlaceOfDay: a page that follows a day's heading starts with all of that day, and has nothing of the next.
func TestPlaceOfDay(t *testing.T) {
	o := testOptions(t, people(t))
	newHistorian(t, o.Store).event(`{"id":"U9","name":"ida"}`)
	page, err := o.Store.Records(t.Context(), team, directory.RecordPageRequest{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	written := dayOf(page.Records[0].WrittenAt)
	h := New(t.Context(), o)
	for day, want := range map[time.Time]int{written: 1, written.AddDate(0, 0, -1): 0} {
		ids, _ := read(t, get(t, h, "/changes?after="+newChangeDay(day, noon).Place).Body.String())
		if len(ids) != want {
			t.Errorf("after the heading of %s: %d rows, want %d", day.Format(time.DateOnly), len(ids), want)
		}
	}
}

// TestChangeChips: each filter has a chip, which leads to the list without it.
func TestChangeChips(t *testing.T) {
	for query, want := range map[string][]changeChip{
		"":        nil,
		"user=U1": {{"Ada", "/changes", "U1"}},
		"type=user.created&type=user.deactivated": {{"Joined", "/changes?type=user.deactivated", ""}, {"Left", "/changes?type=user.created", ""}},
		"oldest=2022-03-30":                       {{"From 30 March 2022", "/changes", ""}},
		"oldest=2022-03-30&latest=2022-04-01":     {{"From 30 March 2022", "/changes?latest=2022-04-01", ""}, {"To 1 April 2022", "/changes?oldest=2022-03-30", ""}},
		"oldest=2022-03-30&latest=2022-03-30":     {{"30 March 2022", "/changes", ""}},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseChanges(q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, l.chips(subject{ID: "U1", Name: "Ada"})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}
