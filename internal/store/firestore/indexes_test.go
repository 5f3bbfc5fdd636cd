package firestore

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

var update = flag.Bool("update", false, "write infra/firestore-indexes.json")

// TestIndexes: no index twice, none that a single field has by itself, and as few as Firestore allows.
func TestIndexes(t *testing.T) {
	seen := map[string]bool{}
	for _, ix := range Indexes {
		name := fmt.Sprint(ix)
		if seen[name] || len(ix.Fields) < 2 {
			t.Errorf("index %s", name)
		}
		seen[name] = true
	}
	if len(Indexes) != 31 {
		t.Errorf("%d indexes, 25 of them of people, as internal/ui/README.md says", len(Indexes))
	}
	exempt := map[string]bool{}
	for _, e := range Exemptions {
		exempt[e.Collection+"."+e.Field] = true
	}
	// What queries ask for alone keeps its own index.
	for _, field := range []string{"sort_name", "sort_version", "fingerprint"} {
		if exempt["users."+field] {
			t.Errorf("%s is exempt, and asked for", field)
		}
	}
}

// TestTerraform: what infra/ provisions is what the queries here need.
func TestTerraform(t *testing.T) {
	const path = "../../../infra/firestore-indexes.json"
	want, err := json.MarshalIndent(map[string]any{"indexes": Indexes, "exemptions": Exemptions}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not up to date: go test ./internal/store/firestore -update (-want +got):\n%s", path, diff)
	}
}

// BenchmarkIndexSize reports what the composite indexes take for a person, by
// Google's page "Storage size calculations".
func BenchmarkIndexSize(b *testing.B) {
	people, tokens, entries, size := 0, 0, 0, 0
	for b.Loop() {
		for _, person := range fakeslack.New(fakeslack.Options{People: 1000, Log: slog.New(slog.DiscardHandler)}).People() {
			u, err := directory.FromListing("T0ROLLCALL", person.EventObject()) // which has custom fields
			if err != nil {
				b.Fatal(err)
			}
			d := document(u)
			people++
			tokens += len(directory.SearchTokens(u))
			for _, ix := range Indexes {
				n, bytes := indexed(ix, d)
				entries += n
				size += bytes
			}
		}
	}
	for unit, total := range map[string]int{"tokens/person": tokens, "entries/person": entries, "bytes/person": size} {
		b.ReportMetric(float64(total)/float64(people), unit)
	}
}

// indexed returns the entries of one document in one index, and their bytes.
func indexed(ix Index, d map[string]any) (entries, bytes int) {
	text := func(name string) string { s, _ := d[name].(string); return s }
	search, _ := d["search"].([]string)
	const parent = len("workspaces") + 1 + len("T0ROLLCALL") + 1 + 16
	entry := parent + len("users") + 1 + len(text("id")) + 1 + parent + 32
	for _, f := range ix.Fields {
		switch f.Path {
		case "search":
		case "sort_version", "updated":
			entry += 8
		default:
			value := text(f.Path)
			if value == "" {
				return 0, 0 // without the field there is no entry
			}
			entry += len(value) + 1
		}
	}
	if !slices.ContainsFunc(ix.Fields, func(f IndexField) bool { return f.Path == "search" }) {
		return 1, entry
	}
	return len(search), len(search)*(entry+1) + len(strings.Join(search, ""))
}
