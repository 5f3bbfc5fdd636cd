package firestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// fill puts something of every kind into a workspace, and more people than a batch has.
func fill(t *testing.T, s *Store, teamID string, people int) {
	t.Helper()
	ctx := t.Context()
	sync := syncs.Sync{ID: "S1", TeamID: teamID, State: syncs.Running}
	if err := errors.Join(
		s.PutWorkspace(ctx, directory.Workspace{ID: teamID, Name: teamID}),
		s.PutSync(ctx, sync),
		s.PutSyncPage(ctx, teamID, "S1", syncs.Page{Number: 1, Users: []byte("x")}),
		s.PutSyncPage(ctx, teamID, "S0", syncs.Page{Number: 1, Users: []byte("x")}), // below a sync whose time to live has ended
		s.PutEmoji(ctx, teamID, map[string]string{"tada": "https://emoji/tada.png"}),
		s.PutUser(ctx, directory.User{ID: "UCHANGED", TeamID: teamID, Kind: directory.Member}, 0,
			&directory.Record{ID: "r1", Type: directory.UserCreated, TeamID: teamID, UserID: "UCHANGED", ExpireAt: time.Now().Add(time.Hour)}),
		s.Lease(ctx, teamID, "holder", time.Now().Add(time.Minute)),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := s.workspace(teamID).Collection("later").Doc("1").Set(ctx, map[string]any{"what": "a later release may keep"}); err != nil {
		t.Fatal(err)
	}
	writer := s.client.BulkWriter(ctx)
	for i := range people {
		u := directory.User{ID: fmt.Sprintf("U%04d", i), TeamID: teamID, Kind: directory.Member, Removed: i%10 == 0}
		if i%100 == 0 {
			u.Kind = directory.Forgotten
		}
		if _, err := writer.Create(s.users(teamID).Doc(u.ID), document(u)); err != nil {
			t.Fatal(err)
		}
	}
	writer.End()
}

// documents counts those of each workspace, wherever they are.
func documents(t *testing.T, s *Store) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, group := range []string{"workspaces", "users", "changes", "syncs", "pages", "emoji", "leases", "later"} {
		all, err := s.client.CollectionGroup(group).Documents(t.Context()).GetAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			_, path, _ := strings.Cut(d.Ref.Path, "/documents/workspaces/")
			team, _, _ := strings.Cut(path, "/")
			n[team]++
		}
	}
	return n
}

// TestPurgeWorkspace: everything below a workspace is deleted, and then the workspace; an
// interrupted purge can be continued; no other workspace loses anything.
func TestPurgeWorkspace(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	fill(t, s, "T1", maxPurged+100)
	fill(t, s, "T10", 10)
	before := documents(t, s)

	ctx, breakOff := context.WithCancel(t.Context())
	deleted := 0
	_, err := s.PurgeWorkspace(ctx, "T1", func(n int) {
		if deleted = n; n >= maxPurged {
			breakOff()
		}
	})
	left := documents(t, s)["T1"]
	if err == nil || left < 100 {
		t.Fatalf("%d deleted before it was broken off, %d left, error %v", deleted, left, err)
	}
	if _, err := s.Workspace(t.Context(), "T1"); err != nil {
		t.Errorf("the workspace went before what is below it: %v", err)
	}
	told := 0
	rest, err := s.PurgeWorkspace(t.Context(), "T1", func(n int) { told = n })
	if err != nil || rest != told || rest < left {
		t.Errorf("%d of the last %d deleted, told of %d, error %v", rest, left, told, err)
	}
	if diff := cmp.Diff(map[string]int{"T10": before["T10"]}, documents(t, s)); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if again, err := s.PurgeWorkspace(t.Context(), "T1", func(int) {}); again != 0 || err != nil {
		t.Errorf("once more: %d deleted, error %v", again, err)
	}
}

// TestForgotten: whoever is forgotten is named, removed or not.
func TestForgotten(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	fill(t, s, "T1", 250)
	var got []string
	for id, err := range s.Forgotten(t.Context(), "T1") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if diff := cmp.Diff([]string{"U0000", "U0100", "U0200"}, got); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
}
