package infra_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChangeSchema: what Pub/Sub lets through has a column in BigQuery, and nothing else has.
func TestChangeSchema(t *testing.T) {
	names := func(text, pattern string) (all []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return all
	}
	fields := names(read(t, "user-change.proto"), `(?m)^  (?:repeated )?\w+ (\w+) = \d+;`)
	columns := names(read(t, "changes.tf"), `(?m)^    \{ name = "(\w+)"`)
	if diff := cmp.Diff(fields, columns); diff != "" || len(fields) < 8 {
		t.Errorf("%d fields; columns (-schema +table):\n%s", len(fields), diff)
	}
}
