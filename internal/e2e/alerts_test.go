package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"rollcall/internal/e2e/events"
	"rollcall/internal/slack"
)

func infra(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../infra/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAlertQueries: what Cloud Monitoring would refuse only when it is applied.
func TestAlertQueries(t *testing.T) {
	queries := regexp.MustCompile(`(?m)^ +(?:query|"[^"]+") += "(.*)"$`).FindAllStringSubmatch(infra(t, "alerts.tf"), -1)
	if len(queries) != 19 { // of alerts and of charts
		t.Errorf("%d queries", len(queries))
	}
	for _, q := range queries {
		query := regexp.MustCompile(`\$\{local\.(requests|executed)\}`).ReplaceAllString(q[1], "metric:name")
		query = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(query, "1")
		query = strings.ReplaceAll(query, `\"`, `"`)
		if _, err := metricsql.Parse(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	// What playbooks give to paste: lines that begin like a query of metrics.
	playbooks, err := filepath.Glob("../../infra/playbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pasted := 0
	for _, path := range playbooks {
		text := infra(t, "playbooks/"+filepath.Base(path))
		for _, query := range regexp.MustCompile(`(?m)^(?:sum|max|histogram_quantile)\b.*\(.*$`).FindAllString(text, -1) {
			pasted++
			if _, err := metricsql.Parse(query); err != nil {
				t.Errorf("%s: %s: %v", path, query, err)
			}
		}
	}
	if pasted < 8 {
		t.Errorf("only %d queries in playbooks", pasted)
	}
}

// TestManifest: the Slack app asks for the events that the webhook understands, and for no other.
func TestManifest(t *testing.T) {
	template := regexp.MustCompile(`(?m)^%\{.*\n`).ReplaceAllString(infra(t, "slack/manifest.yaml"), "")
	template = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(template, "x")
	var manifest struct {
		Settings struct {
			EventSubscriptions struct {
				BotEvents []string `yaml:"bot_events"`
			} `yaml:"event_subscriptions"`
		}
	}
	if err := yaml.Unmarshal([]byte(template), &manifest); err != nil {
		t.Fatal(err)
	}
	types := manifest.Settings.EventSubscriptions.BotEvents
	// user_change comes with every other event about a person (pages user_profile_changed, user_status_changed and
	// user_huddle_changed of docs.slack.dev): asking for those as well would only multiply the traffic.
	if diff := cmp.Diff([]string{"team_join", "user_change", "app_uninstalled", "tokens_revoked"}, types); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, event := range types[:2] {
		r, err := slack.DecodeRequest([]byte(events.Callback(event, `{"id":"U1"}`, 1648596712000001, "Ev1")))
		if err != nil || r.Change == nil || r.Change.EventType != event {
			t.Errorf("%s is not understood: %+v, %v", event, r, err)
		}
	}
}
