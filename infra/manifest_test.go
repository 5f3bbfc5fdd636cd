package infra_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/slack"
)

// TestManifest: the Slack app subscribes to the events that the webhook publishes, and to no others.
func TestManifest(t *testing.T) {
	template := regexp.MustCompile(`(?m)^%\{.*\n`).ReplaceAllString(read(t, "slack/manifest.yaml"), "")
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
	// A user_change comes with every other event about a person (docs.slack.dev, pages user_profile_changed, user_status_changed
	// and user_huddle_changed), so subscribing to those as well would only multiply the traffic.
	want := map[string]struct {
		body      string
		operation directory.Operation
	}{
		"team_join":       {events.Callback("team_join", `{"id":"U1"}`, 1648596712000001, "Ev1"), directory.Insert},
		"user_change":     {events.Callback("user_change", `{"id":"U1"}`, 1648596712000001, "Ev1"), directory.Update},
		"app_uninstalled": {callback(`{"type":"app_uninstalled"}`), directory.Disconnect},
		"tokens_revoked":  {callback(`{"type":"tokens_revoked","tokens":{"oauth":[],"bot":["U1"]}}`), directory.Disconnect},
	}
	subscribed := manifest.Settings.EventSubscriptions.BotEvents
	if diff := cmp.Diff([]string{"team_join", "user_change", "app_uninstalled", "tokens_revoked"}, subscribed); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, event := range subscribed {
		r, err := slack.DecodeRequest([]byte(want[event].body))
		if err != nil || r.Change == nil || r.Change.EventType != event || r.Change.Operation != want[event].operation {
			t.Errorf("the webhook does not understand %s: %+v, %v", event, r, err)
		}
	}
}

// callback returns an event that is not about a person.
func callback(event string) string {
	return `{"type":"event_callback","team_id":"` + system.Team + `","event_id":"Ev1","event_time":1648596712,"event":` + event + `}`
}
