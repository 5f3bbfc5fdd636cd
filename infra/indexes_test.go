package infra_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/store/firestore"
)

var update = flag.Bool("update", false, "write firestore-indexes.json")

// TestIndexes: the indexes that Terraform provisions are those that the store's queries need.
func TestIndexes(t *testing.T) {
	const path = "firestore-indexes.json"
	want, err := json.MarshalIndent(map[string]any{"indexes": firestore.Indexes(), "exemptions": firestore.Exemptions()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), read(t, path)); diff != "" {
		t.Errorf("%s is not up to date: go test ./infra -run TestIndexes -update (-want +got):\n%s", path, diff)
	}
}
