// Package events makes many events about many people. It knows, without using
// Rollcall's own code, what must be stored after them.
package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
)

// Callback returns an Events API request about one user.
func Callback(eventType, user string, version directory.Version, eventID string) string {
	return fmt.Sprintf(`{"token":"x","team_id":"%s","api_app_id":"A1","type":"event_callback","event_id":"%s","event_time":%d,`+
		`"event":{"type":"%s","user":%s,"cache_ts":1,"event_ts":"%d.%06d"}}`,
		system.Team, eventID, version/1e6, eventType, user, version/1e6, version%1e6)
}

// Mix says how many people there are and how often they change.
type Mix struct {
	Members   int // people who join and change
	Changes   int // of each of them
	Externals int // people of other workspaces, whom their first change creates
	Visits    int // changes of each of them
	Unknown   int // updates of people who never joined
}

// Event is one event and its content.
type Event struct {
	User    string
	Version directory.Version
	Known   bool // false for updates of people who never joined

	eventType string
	object    map[string]any // Slack's user object
}

// Body returns the request for e with an event id.
func (e Event) Body(eventID string) string {
	object, err := json.Marshal(e.object)
	if err != nil {
		panic(err) // maps, lists and strings can be encoded
	}
	return Callback(e.eventType, string(object), e.Version, eventID)
}

// Make makes the events of the mix, in the order of their versions.
func (m Mix) Make(rng *rand.Rand) []Event {
	var all []Event
	known := map[string]map[string]any{}
	add := func(eventType, user string, statusOnly bool) {
		n := len(all)
		e := Event{User: user, Version: directory.Version(1648596712000000 + int64(n)*1001), Known: true, eventType: eventType}
		if statusOnly {
			e.object = maps.Clone(known[user])
			e.object["profile"] = map[string]any{"real_name": e.object["profile"].(map[string]any)["real_name"], "status_text": fmt.Sprintf("status %d", n)}
		} else {
			e.object = map[string]any{
				"id": user, "name": fmt.Sprintf("name%d", n), "deleted": n%7 == 0, "new_field": []any{[]any{float64(n)}},
				"profile": map[string]any{"real_name": fmt.Sprintf("Name %d", n), "status_text": ""},
			}
			if strings.HasPrefix(user, "UX") {
				e.object["team_id"] = "T0ELSEWHERE"
			}
		}
		known[user] = e.object
		all = append(all, e)
	}
	for i := range m.Unknown {
		add("user_change", fmt.Sprintf("U0NOBODY%02d", i), false)
		all[i].Known = false
	}
	for i := range m.Members {
		add("team_join", member(i), false)
	}
	for range m.Changes {
		for i := range m.Members {
			if rng.IntN(4) == 0 {
				add("user_change", member(i), true)
			} else {
				add("user_change", member(i), false)
			}
		}
	}
	for visit := range m.Visits {
		for i := range m.Externals {
			if visit > 0 && rng.IntN(4) == 0 {
				add("user_change", external(i), true)
			} else {
				add("user_change", external(i), false)
			}
		}
	}
	return all
}

func member(i int) string   { return fmt.Sprintf("U%05d", i) }
func external(i int) string { return fmt.Sprintf("UX%04d", i) }

// Newest returns the object that must be stored for each user: that of their newest event.
func Newest(all []Event) map[string]map[string]any {
	want := map[string]map[string]any{}
	for _, e := range all {
		if e.Known {
			want[e.User] = e.object
		}
	}
	return want
}
