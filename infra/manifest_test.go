package infra_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/slack"
)

// manifest is what the tests look at in a Slack app's manifest.
type manifest struct {
	OAuthConfig struct {
		Scopes struct{ Bot []string }
	} `yaml:"oauth_config"`
	Settings struct {
		EventSubscriptions struct {
			BotEvents []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		SocketModeEnabled any `yaml:"socket_mode_enabled"` // in Terraform's template not yet a bool
	}
}

func parseManifest(t *testing.T, text string) (m manifest) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// deployedManifest returns Terraform's template without its directives.
func deployedManifest(t *testing.T) manifest {
	t.Helper()
	template := regexp.MustCompile(`(?m)^%\{.*\n`).ReplaceAllString(read(t, "slack/manifest.yaml"), "")
	return parseManifest(t, regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(template, "x"))
}

// TestManifest: the Slack app subscribes to the events that the webhook publishes, and to no others.
func TestManifest(t *testing.T) {
	deployed := deployedManifest(t)
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
	subscribed := deployed.Settings.EventSubscriptions.BotEvents
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

// TestManifestInREADME: the app of the README gets the same events as the deployed one, over Socket Mode. It has the
// same scopes, except for users:read.email: without it Rollcall has everything but addresses, so the README leaves the
// choice to its reader and says how to add it.
func TestManifestInREADME(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "../README.md"))
	if block == nil {
		t.Fatal("the README has no manifest")
	}
	readme := parseManifest(t, block[1])
	if diff := cmp.Diff(deployedManifest(t).Settings.EventSubscriptions, readme.Settings.EventSubscriptions); diff != "" {
		t.Errorf("events (-deployed +README):\n%s", diff)
	}
	if readme.Settings.SocketModeEnabled != true {
		t.Error("Socket Mode is off")
	}
	scopes := regexp.MustCompile(`"([a-z.]+:read(?:\.email)?)"`)
	var all []string
	for _, list := range []string{
		regexp.MustCompile(`slack_scopes = .*`).FindString(read(t, "outputs.tf")),
		regexp.MustCompile(`setsubtract\(var\.slack_optional_scopes, .*`).FindString(read(t, "variables.tf")),
	} {
		for _, m := range scopes.FindAllStringSubmatch(list, -1) {
			all = append(all, m[1])
		}
	}
	const email = "users:read.email"
	got := append(readme.OAuthConfig.Scopes.Bot, email)
	slices.Sort(all)
	slices.Sort(got)
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("scopes (-Terraform's +README's and %s):\n%s", email, diff)
	}
	if !strings.Contains(block[1], "# add "+email) {
		t.Errorf("the README does not offer %s", email)
	}
}

// callback returns an event that is not about a person.
func callback(event string) string {
	return `{"type":"event_callback","team_id":"` + system.Team + `","event_id":"Ev1","event_time":1648596712,"event":` + event + `}`
}
