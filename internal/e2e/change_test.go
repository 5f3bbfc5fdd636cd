// Package e2e tests Rollcall as a whole: from signed requests to pages, on the real emulators.
package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
)

func TestMain(m *testing.M) { os.Exit(system.Main(m)) }

func stored(t *testing.T, s *system.System, id string) (directory.User, bool) {
	t.Helper()
	u, _, err := s.Store.User(t.Context(), system.Team, id)
	return u, err == nil
}

// pageOf returns the status and the HTML of a page.
func pageOf(t *testing.T, s *system.System, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.UI+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestTheWayOfAChange: signed requests end up on the page, through Pub/Sub and Firestore.
func TestTheWayOfAChange(t *testing.T) {
	s := system.New(t, system.Impatient)
	const base directory.Version = 1648596712000000
	user := func(name, status string) string {
		return fmt.Sprintf(`{"id":"U1","team_id":"%s","name":"%s","real_name":"Ada <Lovelace>","tz":"Europe/London","deleted":false,`+
			`"profile":{"real_name":"Ada <Lovelace>","status_text":"%s","status_emoji":":train:","image_72":"https://avatars.slack-edge.com/a.png"}}`, system.Team, name, status)
	}
	at := func(v directory.Version, name, status string) func() bool {
		return func() bool {
			u, ok := stored(t, s, "U1")
			return ok && u.Version == v && u.Name == name && u.StatusText == status
		}
	}

	insert := events.Callback("team_join", user("ada", ""), base, "Ev1")
	s.MustPost(t, insert)
	system.Eventually(t, 20*time.Second, "the insert is stored", at(base, "ada", ""))
	s.MustPost(t, insert) // a repeat
	s.MustPost(t, events.Callback("user_change", user("ada.l", "On a train"), base+5, "Ev2"))
	system.Eventually(t, 20*time.Second, "the update is stored", at(base+5, "ada.l", "On a train"))
	s.MustPost(t, events.Callback("user_change", user("late", ""), base+3, "Ev3")) // out of order
	s.MustPost(t, events.Callback("user_change", user("ada.l", "Arrived"), base+9, "Ev4"))
	system.Eventually(t, 20*time.Second, "the newer status is stored", at(base+9, "ada.l", "Arrived"))

	status, html := pageOf(t, s, "/?team="+system.Team)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for _, want := range []string{"ada.l", "Ada &lt;Lovelace&gt;", "U1", "Europe/London", "Arrived", ":train:", "https://avatars.slack-edge.com/a.png"} {
		if !strings.Contains(html, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
	if status, html := pageOf(t, s, "/users/"+system.Team+"/U1"); status != http.StatusOK || !strings.Contains(html, "Arrived") {
		t.Errorf("the person's page: status %d", status)
	}
	if parked := s.Parked(t, 1, time.Second); len(parked) != 0 {
		t.Errorf("%d dead letters", len(parked))
	}
}

// TestDeadLetters: a message that cannot be applied is parked after five deliveries, with
// its data unchanged.
func TestDeadLetters(t *testing.T) {
	unknown, err := directory.NewChange(directory.Change{
		Operation: directory.Update, TeamID: system.Team, User: []byte(`{"id":"U404","name":"nobody"}`),
		Version: 1648596712000000, Source: directory.FromEvent, EventID: "EvUnknown",
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := unknown.Encode()
	if err != nil {
		t.Fatal(err)
	}
	undeliverable := map[string]string{
		"unknown user":      string(data),
		"not JSON":          `{"operation":`,
		"no id":             `{"operation":"insert","team_id":"T1","user":{"name":"x"},"version":1,"source":"event"}`,
		"unknown operation": `{"operation":"upsert","team_id":"T1","user":{"id":"U1"},"version":1,"source":"event"}`,
	}
	// Each has its own subscription, see [embedded.Push], so that all wait at the same time.
	systems := map[string]*system.System{}
	for name, data := range undeliverable {
		s := system.New(t, system.Impatient)
		systems[name] = s
		if name == "unknown user" {
			s.MustPost(t, events.Callback("user_change", string(unknown.User), unknown.Version, unknown.EventID))
			continue
		}
		publisher := s.PubSub.Publisher(s.Topology.Topic)
		defer publisher.Stop()
		if _, err := publisher.Publish(t.Context(), &gcpubsub.Message{Data: []byte(data)}).Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range undeliverable {
		t.Run(name, func(t *testing.T) {
			s := systems[name]
			parked := s.Parked(t, 1, time.Minute)
			if len(parked) != 1 {
				t.Fatalf("%d dead letters, want 1", len(parked))
			}
			m := parked[0]
			a := m.GetAttributes()
			if a["CloudPubSubDeadLetterSourceDeliveryCount"] != "5" || !strings.HasSuffix(a["CloudPubSubDeadLetterSourceSubscription"], s.Topology.Subscription) {
				t.Errorf("attributes %v", a)
			}
			if string(m.GetData()) != data {
				t.Errorf("data %q, want %q", m.GetData(), data)
			}
			if name == "unknown user" && (a["operation"] != "update" || a["event_type"] != "user_change" || a["team_id"] != system.Team) {
				t.Errorf("attributes %v", a)
			}
			if _, ok := stored(t, s, "U404"); ok {
				t.Error("the unknown user was created")
			}
		})
	}
}
