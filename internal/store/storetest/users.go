package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

func testPut(t *testing.T, s Store) {
	ctx := t.Context()
	if _, revision, err := s.User(ctx, team, "U1"); !errors.Is(err, directory.ErrNotFound) || revision != 0 {
		t.Fatalf("nobody: revision %d, error %v", revision, err)
	}
	ada, _, err := directory.Apply(nil, change(directory.Insert, 1, `{"id":"U1","name":"ada","deleted":true,"tz":"Europe/London","updated":7,
		"profile":{"fields":{"Xf1":{"value":"x","alt":""}},"real_name":"Ada","display_name":"a","title":"t","email":"e","status_text":"s","status_emoji":":e:","status_expiration":9,"image_72":"https://i/72","image_192":"https://i/192"}}`), time.Now())
	if err == nil {
		ada, _, err = directory.Apply(&ada, listed(2, `{"id":"U1","color":"x","updated":8}`), time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutUser(ctx, ada, 0, nil); err != nil {
		t.Fatal(err)
	}
	got, first, err := s.User(ctx, team, "U1")
	if err != nil || first == 0 {
		t.Fatalf("revision %d, error %v", first, err)
	}
	if diff := cmp.Diff(ada, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.PutUser(ctx, ada, 0, nil); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("create what is there: %v", err)
	}

	// Every optional field goes away again.
	bare, _, err := directory.Apply(&got, change(directory.Update, 3, `{"id":"U1"}`), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutUser(ctx, bare, first, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bare, get(t, s, "U1")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.PutUser(ctx, ada, first, nil); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("write over a newer revision: %v", err)
	}
	if _, second, err := s.User(ctx, team, "U1"); err != nil || second == first {
		t.Errorf("revision stays %d, error %v", second, err)
	}
	if err := s.PutUser(ctx, directory.User{ID: "U2", TeamID: team}, first, nil); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("update what is not there: %v", err)
	}
}

func testApply(t *testing.T, s Store) {
	const whole = `{"id":"%s","name":"ada","profile":{"title":"Analyst","status_text":""}}`
	insert := func(id string, v directory.Version) directory.Change {
		return change(directory.Insert, v, fmt.Sprintf(whole, id))
	}
	other := func(id string, v directory.Version) directory.Change {
		return change(directory.Update, v, fmt.Sprintf(`{"id":"%s","name":"grace"}`, id))
	}
	list := func(id string, v directory.Version) directory.Change {
		return listed(v, fmt.Sprintf(`{"id":"%s","name":"grace","profile":{"title":"Admiral"}}`, id))
	}
	remove := func(id string, v directory.Version) directory.Change {
		return change(directory.Delete, v, fmt.Sprintf(`{"id":"%s"}`, id))
	}
	type step struct {
		c    directory.Change
		want directory.Outcome
	}
	tests := []struct {
		name  string
		steps []step
		check func(directory.User) bool
	}{
		{"repeat", []step{{insert("UA", 1), directory.Created}, {insert("UA", 1), directory.Unchanged}},
			func(u directory.User) bool { return u.Version == 1 }},
		{"stale", []step{{insert("UB", 5), directory.Created}, {other("UB", 4), directory.Unchanged}},
			func(u directory.User) bool { return u.Name == "ada" && u.Version == 5 }},
		{"tie", []step{{insert("UC", 5), directory.Created}, {other("UC", 5), directory.Updated}, {insert("UC", 5), directory.Unchanged}},
			func(u directory.User) bool { return u.Name == "grace" }},
		{"tie the other way", []step{{change(directory.Insert, 5, `{"id":"UD","name":"grace"}`), directory.Created}, {insert("UD", 5), directory.Unchanged}},
			func(u directory.User) bool { return u.Name == "grace" }},
		{"listed", []step{{insert("UE", 1), directory.Created}, {list("UE", 2), directory.Updated}, {list("UE", 2), directory.Unchanged}},
			func(u directory.User) bool {
				return u.Title == "Admiral" && u.Parts.Told.Version == 1 && u.Parts.Listed.InList && u.SlackVersion == 2
			}},
		{"listed before", []step{{list("UF", 1), directory.Created}, {insert("UF", 2), directory.Updated}},
			func(u directory.User) bool { return u.Title == "Analyst" && u.Parts.Listed.Version == 1 }},
		{"delete and late repeat", []step{{insert("UH", 1), directory.Created}, {remove("UH", 2), directory.Removed}, {insert("UH", 1), directory.Unchanged}, {remove("UH", 2), directory.Unchanged}},
			func(u directory.User) bool { return u.Removed && !u.ExpireAt.IsZero() && u.SortName == "" }},
		{"delete before its insert", []step{{remove("UI", 2), directory.Removed}, {insert("UI", 1), directory.Updated}},
			func(u directory.User) bool { return u.Removed }},
		{"back again", []step{{insert("UJ", 1), directory.Created}, {remove("UJ", 2), directory.Removed}, {insert("UJ", 3), directory.Updated}},
			func(u directory.User) bool { return !u.Removed && u.ExpireAt.IsZero() && u.SortName != "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i, step := range tt.steps {
				if got := apply(t, s, step.c); got != step.want {
					t.Errorf("step %d: %q, want %q", i+1, got, step.want)
				}
			}
			if u := get(t, s, tt.steps[0].c.UserID); !tt.check(u) {
				t.Errorf("ends as %+v", u)
			}
		})
	}
}

// testShapes: whatever Slack sends comes back as equal JSON.
func testShapes(t *testing.T, s Store) {
	for i, fields := range []string{
		`"profile":null`, `"profile":[]`, `"profile":"x"`, `"profile":{}`, `"x":0`,
		`"profile":{"fields":{"Xf1":{"value":[]}}}`,
		`"tz":null,"name":null,"real_name":""`, `"tz":7,"name":["a"],"deleted":"yes","updated":"now"`,
		`"new_in_2027":{"a":[[1,[2]],{}],"__x__":{"":null},"a.b":1,"*/~[]` + "`" + `":2}`,
		`"":1`, `"numbers":[1e400,12345678901234567890,1.10,-0,1E+2]`,
		`"text":"\u0000 \ud83d\ude00 \u202e \" \\ </script> \u2028"`,
		`"name":"\u0000nul","profile":{"real_name":"\u202eelbas"}`,
		`"deep":` + strings.Repeat(`{"d":[`, 50) + strings.Repeat(`]}`, 50),
		`"name":"` + strings.Repeat("長", 5000) + `"`,
	} {
		id := fmt.Sprintf("U%d", i)
		sent := `{"id":"` + id + `",` + fields + `}`
		if got := apply(t, s, change(directory.Insert, 1, sent)); got != directory.Created {
			t.Errorf("%.80s: %q", sent, got)
			continue
		}
		u := get(t, s, id)
		if diff := cmp.Diff(generic(t, sent), generic(t, string(u.Slack))); diff != "" {
			t.Errorf("%.80s (-want +got):\n%s", sent, diff)
		}
		for v, want := range []directory.Outcome{directory.Unchanged, directory.Updated, directory.Unchanged} {
			if got := apply(t, s, change(directory.Update, directory.Version(1+(v+1)/2), sent)); got != want {
				t.Errorf("%.80s: again: %q, want %q", sent, got, want)
			}
		}
	}
}

// generic returns JSON without spaces and with sorted keys, numbers as they are written.
// Texts compare in one step; cmp takes exponential time over deeply nested lists.
func generic(t *testing.T, s string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testForgotten(t *testing.T, s Store) {
	apply(t, s, change(directory.Insert, 1, `{"id":"U1","name":"ada","profile":{"email":"ada@example.com"}}`))
	apply(t, s, listed(2, `{"id":"U1","profile":{"status_text":"ada"}}`))
	apply(t, s, change(directory.Update, 3, `{"id":"U1","is_forgotten":true,"name":"ada"}`))
	u := get(t, s, "U1")
	all, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if u.Kind != directory.Forgotten || u.Parts.Told != nil || strings.Contains(string(all), "ada") {
		t.Errorf("left: %s", all)
	}
}

// testConcurrentWriters: 32 deliveries fight over one user; the newest wins.
func testConcurrentWriters(t *testing.T, s Store) {
	const writers, each = 32, 4
	versions := rand.Perm(writers * each)
	apply(t, s, change(directory.Insert, 1, `{"id":"U1","name":"v0"}`))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for _, v := range versions[w*each : (w+1)*each] {
				apply(t, s, change(directory.Update, directory.Version(v+2), fmt.Sprintf(`{"id":"U1","name":"v%d"}`, v)))
			}
		})
	}
	wg.Wait()
	u := get(t, s, "U1")
	if want := fmt.Sprintf("v%d", writers*each-1); u.Name != want || u.Version != writers*each+1 {
		t.Errorf("ends as %s@%d, want %s", u.Name, u.Version, want)
	}

	// All create at once: one does, and again the newest wins.
	for w := range writers {
		wg.Go(func() {
			apply(t, s, change(directory.Insert, directory.Version(w+1), fmt.Sprintf(`{"id":"U2","name":"v%d"}`, w)))
		})
	}
	wg.Wait()
	if u := get(t, s, "U2"); u.Name != fmt.Sprintf("v%d", writers-1) {
		t.Errorf("ends as %s", u.Name)
	}
}

// testLargeObject: an object is stored whole or refused, never cut short.
func testLargeObject(t *testing.T, s Store) {
	for _, size := range []int{100 << 10, 3 << 20} {
		id := fmt.Sprintf("U%d", size)
		u := directory.User{ID: id, TeamID: team, Version: 1, Slack: []byte(`{"pad":"` + strings.Repeat("x", size) + `"}`)}
		if err := s.PutUser(t.Context(), u, 0, nil); err != nil {
			if _, _, err := s.User(t.Context(), team, id); !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%d bytes: refused, but reading gives %v", size, err)
			}
			if size < 1<<20 {
				t.Errorf("%d bytes: %v", size, err)
			}
			continue
		}
		if got := get(t, s, id); len(got.Slack) != len(u.Slack) {
			t.Errorf("%d bytes come back as %d", len(u.Slack), len(got.Slack))
		}
	}
}

func testWorkspaces(t *testing.T, s Store) {
	ctx := t.Context()
	if all, err := s.Workspaces(ctx); err != nil || len(all) != 0 {
		t.Errorf("none: %v, error %v", all, err)
	}
	for _, w := range []directory.Workspace{{ID: "T3", Name: "old"}, {ID: "T1", Name: "One", URL: "https://one.slack.com/"}, {ID: "T3", Name: "Three"}} {
		if err := s.PutWorkspace(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	// T2 has a user, and nobody has put the workspace: no sync and no installation knows it.
	for _, id := range []string{"T1", "T2"} {
		c := change(directory.Insert, 1, `{"id":"U1","name":"in `+id+`"}`)
		c.TeamID = id
		apply(t, s, c)
	}
	all, err := s.Workspaces(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []directory.Workspace{{ID: "T1", Name: "One", URL: "https://one.slack.com/"}, {ID: "T3", Name: "Three"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := s.Workspace(ctx, "T2"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a workspace that nobody put: %v", err)
	}
	for _, id := range []string{"T1", "T2"} {
		page, err := s.Users(ctx, id, directory.PageRequest{Limit: 10})
		if err != nil || len(page.Users) != 1 || page.Users[0].Name != "in "+id {
			t.Errorf("%s has %+v, error %v", id, page.Users, err)
		}
	}

	// Writes merge, and times only grow.
	for _, step := range []struct{ put, want directory.Workspace }{
		{directory.Workspace{ID: "T4", Name: "Four", URL: "u", Icon: "i", EmailDomain: "e", ConnectedAt: 5, Token: "t", Hidden: true},
			directory.Workspace{ID: "T4", Name: "Four", URL: "u", Icon: "i", EmailDomain: "e", ConnectedAt: 5, Token: "t", Hidden: true}},
		{directory.Workspace{ID: "T4", DisconnectedAt: 7},
			directory.Workspace{ID: "T4", Name: "Four", URL: "u", Icon: "i", EmailDomain: "e", ConnectedAt: 5, DisconnectedAt: 7, Token: "t", Hidden: true}},
		{directory.Workspace{ID: "T4", DisconnectedAt: 6},
			directory.Workspace{ID: "T4", Name: "Four", URL: "u", Icon: "i", EmailDomain: "e", ConnectedAt: 5, DisconnectedAt: 7, Token: "t", Hidden: true}},
		{directory.Workspace{ID: "T4", Name: "4", URL: "v", ConnectedAt: 8},
			directory.Workspace{ID: "T4", Name: "4", URL: "v", ConnectedAt: 8, DisconnectedAt: 7, Token: "t", Hidden: true}},
	} {
		if err := s.PutWorkspace(ctx, step.put); err != nil {
			t.Fatal(err)
		}
		got, err := s.Workspace(ctx, "T4")
		if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
			t.Errorf("after %+v: error %v (-want +got):\n%s", step.put, err, diff)
		}
	}
}

func testCancelled(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err1 := s.User(ctx, team, "U1")
	err2 := s.PutUser(ctx, directory.User{ID: "U1", TeamID: team}, 0, nil)
	_, err3 := s.Users(ctx, team, directory.PageRequest{Limit: 1})
	err4 := s.PutWorkspace(ctx, directory.Workspace{ID: team})
	_, err5 := s.Workspaces(ctx)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if err == nil || errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrConflict) {
			t.Errorf("call %d: error %v", i+1, err)
		}
	}
}
