package storetest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

// ProfileStore is the part of the contract that is about custom fields.
type ProfileStore interface {
	// ProfilesDue returns the ids of up to limit users, in the order in which to ask Slack for
	// their profiles: those without known custom fields, then those changed since, then the oldest.
	ProfilesDue(ctx context.Context, teamID string, limit int) ([]string, error)
	// CountProfiles counts the users who have a profile to ask for, and of these the ones whose
	// custom fields nobody knows yet.
	CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error)
	PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error
	// TeamProfile returns what was put, nil if nothing was.
	TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error)
}

func testProfiles(t *testing.T, s Store) {
	const second = 1_000_000
	asked := func(v directory.Version, user string) directory.Change {
		return must(directory.Change{Operation: directory.Update, TeamID: team, User: []byte(user), Version: v, Source: directory.FromProfile})
	}
	for _, user := range []string{
		`{"id":"U1"}`, `{"id":"U2","updated":10}`, `{"id":"U3","updated":70}`, `{"id":"U4","updated":60}`, `{"id":"U5"}`, `{"id":"U6"}`,
		`{"id":"UBOT","is_bot":true}`, `{"id":"UOFF","deleted":true}`, `{"id":"UEXT","team_id":"T2"}`, `{"id":"UNONE","is_forgotten":true}`,
		`{"id":"UTHERE","profile":{"fields":{"Xf1":{"value":"v"}}}}`, `{"id":"UGONE"}`,
	} {
		apply(t, s, change(directory.Insert, 45*second, user))
	}
	apply(t, s, change(directory.Delete, 46*second, `{"id":"UGONE"}`))
	apply(t, s, asked(52*second, `{"id":"U1","profile":{"fields":{"Xf1":{"value":"v"}}}}`))
	apply(t, s, asked(51*second, `{"id":"U2","profile":{"fields":[]}}`))
	apply(t, s, asked(50*second, `{"id":"U3"}`))
	apply(t, s, asked(49*second, `{"id":"U4"}`))
	apply(t, s, asked(48*second, `{"id":"U5"}`))

	for _, limit := range []int{3, 100} {
		want := []string{"U6", "U4", "U3", "UTHERE", "U5", "U2", "U1"}
		got, err := s.ProfilesDue(t.Context(), team, limit)
		if diff := cmp.Diff(want[:min(limit, len(want))], got); diff != "" || err != nil {
			t.Errorf("limit %d: error %v, order (-want +got):\n%s", limit, err, diff)
		}
	}
	if all, never, err := s.CountProfiles(t.Context(), team); all != 7 || never != 1 || err != nil {
		t.Errorf("of %d people %d were never asked about, error %v", all, never, err)
	}
	if got, err := s.ProfilesDue(t.Context(), "T2", 10); len(got) > 0 || err != nil {
		t.Errorf("another workspace has %v, error %v", got, err)
	}

	if got, err := s.TeamProfile(t.Context(), team); got != nil || err != nil {
		t.Errorf("there is a team profile: %s, error %v", got, err)
	}
	for _, want := range []string{`{"fields":[{"id":"Xf1","label":"A < B"}]}`, `{"fields":[]}`} {
		if err := s.PutTeamProfile(t.Context(), team, json.RawMessage(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.TeamProfile(t.Context(), team); string(got) != want || err != nil {
			t.Errorf("the team profile is %s, want %s, error %v", got, want, err)
		}
	}
}
