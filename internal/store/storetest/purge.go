package storetest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// testPurge: everything below a workspace goes with it, history too, and nobody else loses anything.
func testPurge(t *testing.T, s Store) {
	ctx := t.Context()
	fill := func(teamID string) {
		u := directory.User{ID: "U1", TeamID: teamID, Name: "ada", SortName: "ada", Fingerprint: 7, ProfileOrder: 1, Kind: directory.Member, Version: 1, Source: directory.FromEvent}
		r := directory.Record{ID: "r1", Type: directory.UserCreated, TeamID: teamID, UserID: "U1", Source: directory.FromEvent, At: time.UnixMicro(1), ExpireAt: time.Now().Add(time.Hour)}
		if err := errors.Join(
			s.PutWorkspace(ctx, directory.Workspace{ID: teamID, Name: teamID}),
			s.PutUser(ctx, u, 0, &r),
			s.PutSync(ctx, syncs.Sync{ID: "S1", TeamID: teamID, State: syncs.Running}),
			s.PutSyncPage(ctx, teamID, "S1", syncs.Page{Number: 1, Users: []byte("{}")}),
			s.PutEmoji(ctx, teamID, map[string]string{"tada": "https://emoji.example/tada.png"}),
			s.PutTeamProfile(ctx, teamID, json.RawMessage(`{"fields":[]}`)),
			s.Lease(ctx, teamID, "holder", time.Now().Add(time.Minute)),
		); err != nil {
			t.Fatal(err)
		}
	}
	// left says what there is of a workspace.
	left := func(teamID string) (all []string) {
		_, err := s.Workspace(ctx, teamID)
		_, _, err2 := s.User(ctx, teamID, "U1")
		_, err3 := s.Record(ctx, teamID, "r1")
		people, err4 := s.Users(ctx, teamID, directory.PageRequest{Limit: 9})
		changed, err5 := s.Users(ctx, teamID, directory.PageRequest{Limit: 9, Order: directory.ByChange})
		recent, err6 := s.Syncs(ctx, teamID, 9)
		pages, err7 := s.SyncPages(ctx, teamID, "S1")
		emoji, err8 := s.Emoji(ctx, teamID)
		profile, err9 := s.TeamProfile(ctx, teamID)
		until, err10 := s.LeasedUntil(ctx, teamID)
		for _, err := range []error{err, err2, err3} {
			if err != nil && !errors.Is(err, directory.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if err := errors.Join(err4, err5, err6, err7, err8, err9, err10); err != nil {
			t.Fatal(err)
		}
		for what, there := range map[string]bool{
			"the workspace": err == nil, "a user": err2 == nil, "a record": err3 == nil, "the list by name": len(people.Users) > 0,
			"the list by change": len(changed.Users) > 0, "a sync": len(recent) > 0, "a page": len(pages) > 0, "emoji": len(emoji) > 0,
			"the team's profile": profile != nil, "a lease": !until.IsZero(),
		} {
			if there {
				all = append(all, what)
			}
		}
		return all
	}
	fill(team)
	fill("T2")
	if all := left(team); len(all) != 10 {
		t.Fatalf("before there are only %q", all)
	}
	told := 0
	deleted, err := s.PurgeWorkspace(ctx, team, func(n int) { told = n })
	if err != nil || deleted < 8 || told != deleted {
		t.Errorf("%d documents deleted, %d told of, error %v", deleted, told, err)
	}
	if all := left(team); len(all) > 0 {
		t.Errorf("there is still %q", all)
	}
	if all := left("T2"); len(all) != 10 {
		t.Errorf("of another workspace there are only %q", all)
	}
	if again, err := s.PurgeWorkspace(ctx, team, func(int) {}); again != 0 || err != nil {
		t.Errorf("a second time %d documents, error %v", again, err)
	}
}
