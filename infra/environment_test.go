package infra_test

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestEnvironment: Terraform sets only variables that programs read. A test in internal/config keeps its table of them true.
func TestEnvironment(t *testing.T) {
	table, err := os.ReadFile("../internal/config/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, file := range []string{"services.tf", "telemetry.tf"} {
		for _, m := range regexp.MustCompile(`(?m)(?:[{(] ?|, |^ +)([A-Z][A-Z_]+) += `).FindAllStringSubmatch(read(t, file), -1) {
			set = append(set, m[1])
		}
		if m := regexp.MustCompile(`name = "([A-Z][A-Z_]+)"`).FindStringSubmatch(read(t, file)); m != nil {
			set = append(set, m[1])
		}
	}
	for _, name := range set {
		if name != "GOMEMLIMIT" && !regexp.MustCompile("(?m)^\\| `"+name+"` \\|").Match(table) {
			t.Errorf("no program reads %s", name)
		}
	}
	for _, name := range []string{"SLACK_SIGNING_SECRET", "SLACK_BOT_TOKENS", "AUDIT_HASH_KEY", "GOMEMLIMIT", "HISTORY_DAYS", "OTEL_EXPORTER_OTLP_ENDPOINT", "SLACK_APP_ID", "VIEWERS", "SYNC_SCHEDULE", "API_DATABASE", "API_RATE"} {
		if !slices.Contains(set, name) {
			t.Errorf("Terraform does not set %s", name)
		}
	}
}
