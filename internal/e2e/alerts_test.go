package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/bolt"
	"rollcall/internal/webhook"
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
	queries := regexp.MustCompile(`(?m)^ +query += "(.*)"$`).FindAllStringSubmatch(infra(t, "alerts.tf"), -1)
	if len(queries) != 12 {
		t.Errorf("%d queries", len(queries))
	}
	for _, q := range queries {
		query := regexp.MustCompile(`\$\{local\.[^}]*\}`).ReplaceAllString(q[1], "metric:name")
		query = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(query, "1")
		query = strings.ReplaceAll(query, `\"`, `"`)
		if _, err := metricsql.Parse(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

type discard struct{}

func (discard) Publish(context.Context, directory.Change) error { return nil }

// TestAlertLogs: the log lines that metrics are made of are written as their filters expect.
func TestAlertLogs(t *testing.T) {
	var out bytes.Buffer
	log := service.NewLogger(&out, slog.LevelInfo, "p")

	body := []byte(`{"type":"app_rate_limited","team_id":"` + system.Team + `","minute_rate_limited":1}`)
	r := httptest.NewRequest("POST", "/slack/events", bytes.NewReader(body))
	r.Header = fakeslack.Sign(system.Secret, time.Now(), body)
	webhook.New(slack.NewVerifier(system.Secret), discard{}, log).ServeHTTP(httptest.NewRecorder(), r)

	workspace := fakeslack.New(fakeslack.Options{People: 5, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(workspace.Handler())
	defer server.Close()
	store, err := bolt.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := fullsync.Run(t.Context(), fullsync.Options{
		Slack: webapi.New(server.URL+"/api/", workspace.Options().BotToken, log),
		Store: store, Publisher: discard{}, Log: log, Progress: fullsync.NewProgress(nil, false, log), Plan: io.Discard,
	}); err != nil {
		t.Fatal(err)
	}

	lines := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		lines[entry["message"].(string)] = entry
	}
	filters := regexp.MustCompile(`jsonPayload\.message=\\"(.+?)\\"`).FindAllStringSubmatch(infra(t, "alerts.tf"), -1)
	if len(filters) != 2 {
		t.Errorf("%d filters", len(filters))
	}
	for _, f := range filters {
		if entry := lines[f[1]]; entry["team_id"] == nil {
			t.Errorf("no line, or none with a team, for %q:\n%s", f[1], &out)
		}
	}
	if _, number := lines["full sync done"]["drift"].(float64); !number {
		t.Errorf("no drift in %v", lines["full sync done"])
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
	events := manifest.Settings.EventSubscriptions.BotEvents
	if len(events) != 4 || !slices.Contains(events, "team_join") {
		t.Errorf("events: %v", events)
	}
	for _, event := range events {
		r, err := slack.DecodeRequest([]byte(callback(event, `{"id":"U1"}`, 1648596712000001, "Ev1")))
		if err != nil || r.Change == nil || r.Change.EventType != event {
			t.Errorf("%s is not understood: %+v, %v", event, r, err)
		}
	}
}
