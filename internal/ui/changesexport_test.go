package ui

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChangesExport(t *testing.T) {
	s := eventful(t)
	o := testOptions(t, &fake{})
	o.Store = s
	h := New(t.Context(), o)
	w := get(t, h, "/changes.csv")
	if got := w.Header().Get("Content-Disposition"); got != "attachment; filename=Marlow-Finch-changes-2022-03-30.csv" {
		t.Errorf("disposition %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 10 || !slices.Equal(rows[0], recordColumns) {
		t.Fatalf("%d rows: %v", len(rows), rows[0])
	}
	got := rows[9] // the oldest
	want := []string{"2022-03-29 23:31:53", "user.updated", "U1", "Ada Lovelace", "profile.title", `{"profile.title":"Analyst"}`, `{"profile.title":"Lead <b>analyst</b>"}`, "event"}
	if diff := cmp.Diff(want, got[:8]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got[8], time.Now().UTC().Format("2006-01-02")) || len(got[9]) != 32 || got[10] != team {
		t.Errorf("%q", got[8:])
	}
	var records []map[string]any
	if err := json.Unmarshal(get(t, h, "/changes.json?user=U1&type=user.updated").Body.Bytes(), &records); err != nil {
		t.Fatal(err)
	}
	if len(records) != 4 || records[3]["before"].(map[string]any)["profile.title"] != "Analyst" || records[3]["type"] != "user.updated" || records[3]["expire_at"] != nil {
		t.Errorf("%v", records)
	}
	if body := get(t, h, "/changes.json?user=U404").Body.String(); body != "[]\n" {
		t.Errorf("nothing: %q", body)
	}
}

// TestChangesExportAll: an export has every record on all pages once, harmless to a spreadsheet.
func TestChangesExportAll(t *testing.T) {
	o := testOptions(t, people(t))
	changes := newHistorian(t, o.Store)
	const all = exportPageSize + 7
	for i := range all {
		changes.event(fmt.Sprintf(`{"id":"U9","name":"=n%d;=1","profile":{"real_name":"=cmd"}}`, i))
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(get(t, New(t.Context(), o), "/changes.csv").Body.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, row := range rows[1:] {
		ids[row[9]] = true
		if row[3] != "'=cmd" || strings.Contains(row[6], ";=") {
			t.Fatalf("%q", row)
		}
	}
	if len(rows) != all+1 || len(ids) != all {
		t.Errorf("%d rows of %d records", len(rows)-1, len(ids))
	}
}
