package firestore

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// TestIndexes: no index twice, none that a single field has by itself, and as few as Firestore allows.
func TestIndexes(t *testing.T) {
	seen := map[string]bool{}
	for _, ix := range Indexes() {
		name := fmt.Sprint(ix)
		if seen[name] || len(ix.Fields) < 2 {
			t.Errorf("index %s", name)
		}
		seen[name] = true
	}
	if n := len(Indexes()); n != 31 {
		t.Errorf("%d indexes, not 31, of which 25 are of people, as internal/ui/README.md says", n)
	}
	exempt := map[string]bool{}
	for _, e := range Exemptions() {
		exempt[e.Collection+"."+e.Field] = true
	}
	// What queries ask for alone keeps its own index.
	for _, field := range []string{"sort_name", "sort_version", "fingerprint"} {
		if exempt["users."+field] {
			t.Errorf("%s is exempt, and asked for", field)
		}
	}
}

// TestIndexLimits: whoever fills all fields still fits into the indexes, by Firestore's page "Quotas and limits".
func TestIndexLimits(t *testing.T) {
	const maxEntries, maxBytes = 40_000, 8 << 20
	word := 0
	words := func(n int) string {
		var all []string
		for range n {
			all = append(all, fmt.Sprintf("%c%cabcdefghijklm", 'a'+word/26%26, 'a'+word%26))
			word++
		}
		return strings.Join(all, " ")
	}
	var fields []string
	for i := range 25 {
		fields = append(fields, fmt.Sprintf(`"Xf0FIELD%03d":{"value":%q,"alt":%q}`, i, words(5), words(1)))
	}
	for i := range 25 {
		var ids []string
		for range 10 {
			ids = append(ids, fmt.Sprintf("U0NAMED%04d", word))
			word++
		}
		fields = append(fields, fmt.Sprintf(`"Xf0ANAMES%02d":{"value":%q}`, i, strings.Join(ids, ",")))
	}
	person := fmt.Sprintf(`{"id":"U0FULL0001","name":%q,"tz":"Asia/Tokyo","profile":{"real_name":%q,"email":%q,"title":%q,"phone":"+123456789012345","status_text":%q,"pronouns":%q,"skype":%q,"fields":{%s}}}`,
		words(1), "一二三四五六七八九十百千万", words(8), words(20), words(12), words(24), words(12), strings.Join(fields, ","))
	u, err := directory.FromListing("T0ROLLCALL", []byte(person))
	if err != nil {
		t.Fatal(err)
	}
	entries, size := 0, 0
	for _, ix := range Indexes() {
		n, bytes := indexed(ix, document(u))
		entries += n
		size += bytes
	}
	t.Logf("%d tokens, %d entries, %d bytes", len(directory.SearchTokens(u)), entries, size)
	if entries > maxEntries || size > maxBytes {
		t.Errorf("%d entries of %d bytes", entries, size)
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
			for _, ix := range Indexes() {
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
