package directory

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// legacy returns a document as releases before there were parts wrote them, over what is stored.
func legacy(stored *User, u User) *User {
	u.ID, u.TeamID = "U1", team
	if stored != nil {
		u.Parts = stored.Parts // such a release leaves fields alone that it does not know
		u.Version = max(u.Version, stored.Version)
	}
	return &u
}

// TestDocumentsOfOlderReleases: they are read as they are, and the next message brings them up to date.
func TestDocumentsOfOlderReleases(t *testing.T) {
	const ada = `{"id":"U1","locale":"de-DE","name":"ada","profile":{"fields":{"Xf1":{"value":"a"}}}}`
	tests := []struct {
		name    string
		stored  *User
		c       Change
		same    []Change // what leads to the same document without an older release
		outcome Outcome
	}{
		{"an event, then a listing",
			legacy(nil, User{Version: 5, SlackVersion: 5, Source: FromEvent, Kind: Member, Fingerprint: 7, Slack: json.RawMessage(ada)}),
			listed(9, `{"id":"U1","name":"grace"}`),
			[]Change{change(Insert, 5, ada), listed(9, `{"id":"U1","name":"grace"}`)}, Updated},
		{"a listing, then an event",
			legacy(nil, User{Version: 5, SlackVersion: 5, Source: FromSync, Kind: Member, Slack: json.RawMessage(`{"color":"x","id":"U1"}`)}),
			change(Update, 9, ada),
			[]Change{listed(5, `{"id":"U1","color":"x"}`), change(Update, 9, ada)}, Updated},
		{"with what a partial message added",
			legacy(nil, User{Version: 7, SlackVersion: 5, Source: FromEvent, Kind: Member, Slack: json.RawMessage(ada)}),
			change(Update, 6, `{"id":"U1","name":"old"}`),
			[]Change{change(Insert, 7, ada)}, Updated},
		{"removed",
			legacy(nil, User{Version: 8, SlackVersion: 5, Source: FromSync, Kind: Member, Removed: true, Slack: json.RawMessage(`{"id":"U1"}`)}),
			listed(5, `{"id":"U1"}`),
			[]Change{listed(5, `{"id":"U1"}`), change(Delete, 8, `{"id":"U1"}`)}, Updated},
		{"removed before anything was known",
			legacy(nil, User{Version: 8, Source: FromSync, Removed: true}),
			listed(5, `{"id":"U1"}`),
			[]Change{listed(5, `{"id":"U1"}`), change(Delete, 8, `{"id":"U1"}`)}, Updated},
		{"forgotten",
			legacy(nil, User{Version: 8, SlackVersion: 8, Source: FromEvent, Kind: Forgotten, Slack: json.RawMessage(`{"id":"U1","is_forgotten":true}`)}),
			change(Update, 9, ada),
			[]Change{change(Insert, 8, `{"id":"U1","is_forgotten":true}`)}, Updated},
		{"a roll-back: an older release wrote last",
			legacy(fold(t, change(Insert, 2, `{"id":"U1","locale":"fr-FR","name":"old"}`), listed(4, `{"id":"U1","name":"old"}`)),
				User{Version: 6, SlackVersion: 6, Source: FromSync, Kind: Member, Slack: json.RawMessage(`{"id":"U1","name":"newer"}`)}),
			profile(7, `{"Xf1":{}}`),
			[]Change{change(Insert, 2, `{"id":"U1","locale":"fr-FR","name":"old"}`), listed(6, `{"id":"U1","name":"newer"}`), profile(7, `{"Xf1":{}}`)}, Updated},
		{"a roll-back after a profile",
			legacy(fold(t, change(Insert, 2, `{"id":"U1","name":"old"}`), profile(9, `{"Xf1":{}}`)),
				User{Version: 6, SlackVersion: 6, Source: FromEvent, Kind: Member, Slack: json.RawMessage(`{"id":"U1","name":"newer"}`)}),
			change(Update, 8, `{"id":"U1","name":"newest"}`),
			[]Change{change(Insert, 8, `{"id":"U1","name":"newest"}`), profile(9, `{"Xf1":{}}`)}, Updated},
		{"a roll-back: an older release removed",
			legacy(fold(t, listed(4, `{"id":"U1","name":"old"}`)),
				User{Version: 6, SlackVersion: 4, Source: FromSync, Kind: Member, Removed: true, Slack: json.RawMessage(`{"id":"U1","name":"old"}`)}),
			listed(5, `{"id":"U1","name":"late"}`),
			[]Change{listed(5, `{"id":"U1","name":"late"}`), change(Delete, 6, `{"id":"U1"}`)}, Updated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, outcome, err := Apply(tt.stored, tt.c, now)
			if err != nil || outcome != tt.outcome {
				t.Fatalf("%s, error %v", outcome, err)
			}
			if diff := cmp.Diff(*fold(t, tt.same...), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, outcome, err := Apply(&got, tt.c, now); outcome != Unchanged || err != nil {
				t.Errorf("a repeat is %s, error %v", outcome, err)
			}
		})
	}
}
