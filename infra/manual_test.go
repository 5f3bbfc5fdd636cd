package infra_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/pubsub"
)

// TestManual: the steps of the manual's installation are in an order that works.
func TestManual(t *testing.T) {
	manual := read(t, "README.md")
	install := section(t, manual, "Install")
	steps := []string{
		"gcloud auth login", `gcloud config set project "$PROJECT_ID"`, "gcloud auth application-default login",
		"gcloud auth application-default set-quota-project", "USER_PROJECT_OVERRIDE=true GOOGLE_BILLING_PROJECT=",
		"gcloud storage buckets create", "settings.tfvars", "infra/terraform.sh lock", "infra/terraform.sh init", "-target=",
		"slack_app_manifest", "gcloud secrets versions add slack-signing-secret", "gcloud secrets versions add slack-bot-tokens",
		"gcloud secrets versions add audit-hash-key", "infra/builder.sh", "infra/images.sh", "infra/terraform.sh apply\n",
		"gcloud run jobs execute rollcall-fullsync", "rollcallctl smoke",
	}
	at := 0
	for _, step := range steps {
		i := strings.Index(install[at:], step)
		if i < 0 {
			t.Errorf("%q is missing, or comes too early", step)
			continue
		}
		at += i
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(install), "\n\n"); !strings.Contains(first, "organization") || !strings.Contains(first, "OAuth") {
		t.Errorf("the first paragraph does not say what is needed without an organization:\n%s", first)
	}
	targets := func(text, pattern string) (all []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		slices.Sort(all)
		return all
	}
	tested := regexp.MustCompile(`(?s)run "first_apply".*?\n    \]`).FindString(read(t, "tests/variables.tftest.hcl"))
	if diff := cmp.Diff(targets(tested, `(?m)^ {6}([a-z_.]+),$`), targets(install, `-target=([a-z_.]+)`)); diff != "" {
		t.Errorf("the first apply (-tested +manual):\n%s", diff)
	}
}

// TestCosts: the sums of the cost table are right.
func TestCosts(t *testing.T) {
	table := section(t, read(t, "README.md"), "What it costs")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \|[^|]*\| \*{0,2}([\d.,]+)\*{0,2} \| \*{0,2}([\d.,]+)\*{0,2} \| \*{0,2}([\d.,]+)\*{0,2} \|$`).FindAllStringSubmatch(table, -1)
	var sums, all [3]float64
	for _, row := range rows {
		for i := range sums {
			dollars, err := strconv.ParseFloat(strings.ReplaceAll(row[2+i], ",", ""), 64)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case row[1] == "**all**":
				all[i] = dollars
			case row[1] != "messages" && row[1] != "" && !strings.HasPrefix(row[1], "with "):
				sums[i] += dollars
			}
		}
	}
	if diff := cmp.Diff(all, sums, cmpopts.EquateApprox(0, 0.005)); diff != "" || len(rows) < 12 {
		t.Errorf("%d rows; all (-the table's row +their sum):\n%s", len(rows), diff)
	}
}

// TestRetention: the manual states what the settings say.
func TestRetention(t *testing.T) {
	table := section(t, read(t, "README.md"), "What is kept, and for how long")
	topology := pubsub.Production()
	days := func(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }
	for row, want := range map[string]string{
		"topic and subscription `user-events`": days(topology.Retention),
		"dead letters":                         days(topology.DeadLetterRetention),
		"PITR":                                 "7 days",
		"backups":                              "daily ones 7 days, weekly ones 14 weeks",
	} {
		if !regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(row) + ` \|[^|]*\|[^|]*` + regexp.QuoteMeta(want)).MatchString(table) {
			t.Errorf("%s: the table does not say %s", row, want)
		}
	}
	for _, row := range []string{"documents", "history", "exports for *Restore*", "logs", "audit logs", "subscribers of your own, BigQuery"} {
		if !strings.Contains(table, "\n| "+row+" |") {
			t.Errorf("no row for %s", row)
		}
	}
	if restore := section(t, read(t, "README.md"), "Restore"); !strings.Contains(restore, "Forget again everybody who was forgotten") {
		t.Error("no step forgets again the people whom a restored backup brings back")
	}
}
