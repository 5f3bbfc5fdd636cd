package storetest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/directory"
)

// ListStore is the part of the contract that pages of people use.
type ListStore interface {
	// Users returns a page of the users that are not removed.
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
	// Count returns how many users match the filter, or an upper bound if exact is false.
	Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error)
	// UsersByID returns the users with those ids, removed ones too, in no order. It leaves out
	// those whom nobody has stored.
	UsersByID(ctx context.Context, teamID string, ids []string) ([]directory.User, error)
	// UsersByEmail returns the users with that [directory.EmailKey], without removed ones.
	UsersByEmail(ctx context.Context, teamID, key string) ([]directory.User, error)
	// Watch yields users as they are written, removed ones too, from its first use until
	// ctx is done. Writes from shortly before may appear too.
	Watch(ctx context.Context, teamID string) iter.Seq2[[]directory.User, error]
	// PutEmoji replaces a workspace's custom emoji.
	PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error
	// Emoji returns a workspace's custom emoji, none if there are none.
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

// crowd stores people who have much in common.
func crowd(t *testing.T, s Store, n int) []directory.User {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range n {
		id := fmt.Sprintf("U%03d", i)
		first, last := one("Ada", "Adam", "Anna", "Boris", "王小明"), one("Lovelace", "Lovell", "Ångström", "Ada", "Smith")
		user := fmt.Sprintf(`{"id":%q,"team_id":%q,"name":%q,"deleted":%s,"tz":%q,"is_admin":%s,"is_restricted":%s,"is_bot":%s,"updated":%s,"profile":{"real_name":%q,"title":%q,"phone":%q,"status_text":%q,"fields":%s}}`,
			id, one("T1", "T1", "T1", "T1", "T2"), strings.ToLower(first), one("true", "false", "false"), one("Europe/London", "Asia/Tokyo", ""),
			one("true", "false", "false"), one("true", "false", "false"), one("true", "false", "false", "false"), one("0", "1700000000", "1700000001", "1700000002"),
			first+" "+last, one("Analyst", "Baker", ""), one("", "+44 20 7946 0018", "020 7946 0019"), one("", "Adrift in Smithfield"),
			one(`null`, `{"XfBOSS":{"value":"U0BOSS0001","alt":""}}`, `{"XfBOSS":{"value":"U0BOSS0001, W0BOSS0002"},"XfTEAM":{"value":"Ada’s R&D"}}`, `{"XfTEAM":{"value":"baking"}}`))
		c := change(directory.Insert, directory.Version(1_000+rng.IntN(n)), user)
		if rng.IntN(2) == 0 {
			c.Source = directory.FromSync
		}
		slots <- struct{}{}
		wg.Go(func() {
			apply(t, s, c)
			if i%10 == 0 {
				apply(t, s, change(directory.Delete, 5_000, `{"id":"`+id+`"}`))
			}
			<-slots
		})
	}
	wg.Wait()
	var all []directory.User
	for i := range n {
		all = append(all, get(t, s, fmt.Sprintf("U%03d", i)))
	}
	return all
}

// testFilters: pages have exactly the users that match the filter, in both directions.
func testFilters(t *testing.T, s Store) {
	all := crowd(t, s, 150)
	rng := rand.New(rand.NewPCG(3, 4))
	queries := []string{"", "", "a", "ada", "ada lov", "lovel ada", "ad an", "小", "smith baker ad", "angstrom", "nobody", "adam lovelace",
		"u042", "+44 (0)20 7946-0018", "79460018", "ada 0019", "adrift", "smith adrift", "U0BOSS0001", "w0boss0002 ada", "bak", "baking ad"}
	fields := [][]directory.FieldFilter{{{ID: "XfBOSS", Value: "U0BOSS0001"}}, {{ID: "XfBOSS", Value: "w0boss0002"}}, {{ID: "XfBOSS"}},
		{{ID: "XfTEAM", Value: "ada’s r&d"}}, {{ID: "XfTEAM", Value: "Baking"}}, {{ID: "XfTEAM", Value: "bak"}}, {{ID: "XfTEAM"}},
		{{ID: "XfTEAM", Value: "Ada’s R&D"}, {ID: "XfBOSS", Value: "W0BOSS0002"}}}
	zones := [][]string{nil, nil, nil, nil, nil, {"Europe/London"}, {"Mars/Crater"}, {"Europe/London", "Mars/Crater"}}
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for i := range rounds {
		f := directory.Filter{
			Words:         directory.ParseQuery(queries[rng.IntN(len(queries))]),
			AccountStatus: []directory.AccountStatus{"", "", directory.Active, directory.Deactivated}[rng.IntN(4)],
			Group:         append(slices.Clone(directory.Groups), "", "", "", "", "")[rng.IntN(10)],
			TimeZones:     zones[rng.IntN(len(zones))],
			Home:          rng.IntN(2) == 0,
		}
		if rng.IntN(3) == 0 {
			f.Fields = fields[rng.IntN(len(fields))]
		}
		o := directory.Orders[i%len(directory.Orders)]
		if o == directory.ByChange {
			f.Since = []directory.Version{0, 1_075, 9_000}[rng.IntN(3)]
		}
		checkFilter(t, s, all, f, o)
	}
	// Several time zones: with everything else, alone, and as many as there can be.
	some := []string{"Asia/Tokyo", "Europe/London", "Mars/Crater", "Mars/Dune", "Mars/Valley"}
	many := slices.Clone(some)
	for i := len(many); i < 30; i++ {
		many = append(many, fmt.Sprintf("Mars/Crater_%02d", i))
	}
	for i, f := range []directory.Filter{
		{TimeZones: some[:2], AccountStatus: directory.Active},
		{TimeZones: some[1:], Home: true},
		{TimeZones: some, AccountStatus: directory.Active, Words: directory.ParseQuery("ad"), Fields: fields[0]},
		{TimeZones: some[:3], Group: directory.GroupAdmins, Words: directory.ParseQuery("ada")},
		{TimeZones: many, AccountStatus: directory.Active, Group: directory.GroupMembers},
	} {
		checkFilter(t, s, all, f, directory.Orders[i])
	}
	for i, o := range directory.Orders {
		checkFilter(t, s, all, []directory.Filter{{}, {Fields: fields[0]}}[i%2], o)
	}
	checkFilter(t, s, all, directory.Filter{}, directory.ByUpdated)
	checkFilter(t, s, all, directory.Filter{Source: directory.FromEvent}, directory.ByChange)
	page, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 5, Bare: true})
	if err != nil || len(page.Users) != 5 {
		t.Fatalf("bare: %d, error %v", len(page.Users), err)
	}
	for _, got := range page.Users {
		want := all[slices.IndexFunc(all, func(u directory.User) bool { return u.ID == got.ID })]
		want.Parts = directory.Parts{}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("bare (-want +got):\n%s", diff)
		}
	}
}

func checkFilter(t *testing.T, s Store, all []directory.User, f directory.Filter, o directory.Order) {
	t.Helper()
	var want []string
	for _, u := range slices.SortedFunc(slices.Values(all), func(a, b directory.User) int {
		return o.Compare(directory.CursorOf(a), directory.CursorOf(b))
	}) {
		if f.Matches(u) {
			want = append(want, u.ID)
		}
	}
	for _, limit := range []int{20, 200} {
		forward, last := collect(t, s, directory.PageRequest{Filter: f, Order: o, Limit: limit})
		if diff := gocmp.Diff(want, forward, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%+v by %s, %d at a time (-want +got):\n%s", f, o, limit, diff)
		}
		if last == nil {
			continue
		}
		backward, _ := collect(t, s, directory.PageRequest{Filter: f, Order: o, Limit: limit, Before: last})
		if diff := gocmp.Diff(want[:len(want)-1], backward, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%+v by %s, %d at a time, back (-want +got):\n%s", f, o, limit, diff)
		}
	}
	bare, _ := collect(t, s, directory.PageRequest{Filter: f, Order: o, Limit: 20, Bare: true})
	if diff := gocmp.Diff(want, bare, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%+v by %s, bare (-want +got):\n%s", f, o, diff)
	}
	n, exact, err := s.Count(t.Context(), team, f)
	if err != nil || n < len(want) || exact && n != len(want) || !exact && len(f.Words)+len(f.Fields) < 2 {
		t.Errorf("%+v: count %d (exact: %v), want %d, error %v", f, n, exact, len(want), err)
	}
}

// collect walks all pages, and returns the cursor of the last user.
func collect(t *testing.T, s Store, req directory.PageRequest) (ids []string, last *directory.Cursor) {
	t.Helper()
	backward := req.Before != nil
	for range 1000 {
		page, err := s.Users(t.Context(), team, req)
		if err != nil {
			t.Fatal(err)
		}
		var of []string
		for _, u := range page.Users {
			of = append(of, u.ID)
		}
		if backward {
			ids = append(of, ids...)
			if req.Before = page.Prev; req.Before == nil {
				return ids, nil
			}
			continue
		}
		ids = append(ids, of...)
		if n := len(page.Users); n > 0 {
			c := directory.CursorOf(page.Users[n-1])
			last = &c
		}
		if req.After = page.Next; req.After == nil {
			return ids, last
		}
	}
	t.Fatal("paging does not end")
	return nil, nil
}

func testUsersByID(t *testing.T, s Store) {
	for _, user := range []string{`{"id":"U1","name":"ada"}`, `{"id":"U2","name":"boris"}`, `{"id":"U3","name":"gone"}`} {
		apply(t, s, change(directory.Insert, 1, user))
	}
	apply(t, s, change(directory.Delete, 2, `{"id":"U3"}`))
	other := change(directory.Insert, 1, `{"id":"U4","name":"elsewhere"}`)
	other.TeamID = "T2"
	apply(t, s, other)
	for _, tt := range []struct{ ids, want []string }{
		{nil, nil},
		{[]string{"U404"}, nil},
		{[]string{"U3", "U404", "U1", "U4"}, []string{"U1", "U3"}},
		{[]string{"U2", "U1", "U3"}, []string{"U1", "U2", "U3"}},
	} {
		users, err := s.UsersByID(t.Context(), team, tt.ids)
		var got []string
		for _, u := range users {
			got = append(got, u.ID)
			if stored := get(t, s, u.ID); !gocmp.Equal(stored, u) {
				t.Errorf("%s differs from what User returns", u.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) || err != nil {
			t.Errorf("%v: %v, want %v, error %v", tt.ids, got, tt.want, err)
		}
	}
}

func testUsersByEmail(t *testing.T, s Store) {
	for _, user := range []string{`{"id":"U1","profile":{"email":"Ada@Example.com"}}`, `{"id":"U2","deleted":true,"profile":{"email":"ada@example.com"}}`,
		`{"id":"U3","profile":{"email":"ada@example.com"}}`, `{"id":"U4","profile":{"email":"adá@example.com"}}`, `{"id":"U5"}`, `{"id":"U6","profile":{"email":"bo@example.com"}}`} {
		apply(t, s, change(directory.Insert, 1, user))
	}
	apply(t, s, change(directory.Delete, 2, `{"id":"U3"}`))
	apply(t, s, change(directory.Update, 2, `{"id":"U6","profile":{"email":"boris@example.com"}}`))
	other := change(directory.Insert, 1, `{"id":"U7","profile":{"email":"ada@example.com"}}`)
	other.TeamID = "T2"
	apply(t, s, other)
	for key, want := range map[string][]string{"ada@example.com": {"U1", "U2"}, "boris@example.com": {"U6"}, "bo@example.com": nil} {
		users, err := s.UsersByEmail(t.Context(), team, key)
		var got []string
		for _, u := range users {
			got = append(got, u.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || err != nil {
			t.Errorf("%s: %v, want %v, error %v", key, got, want, err)
		}
	}
}

// watch follows a store until the context of all is done, and then closes ended. It returns once the
// store watches.
func watch[T any](t *testing.T, all iter.Seq2[[]T, error]) (seen <-chan T, ended <-chan struct{}) {
	t.Helper()
	ready, each, end := make(chan struct{}), make(chan T, 1000), make(chan struct{})
	go func() {
		defer close(end)
		open := false
		for items, err := range all {
			if err != nil {
				t.Errorf("watch: %v", err)
			}
			for _, item := range items {
				each <- item
			}
			if !open {
				open = true
				close(ready)
			}
		}
	}()
	<-ready
	return each, end
}

// testWatch: every user that is written is yielded, in the end as of the newest write.
func testWatch(t *testing.T, s Store) {
	apply(t, s, change(directory.Insert, 1, `{"id":"U1","name":"before"}`))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen, ended := watch(t, s.Watch(ctx, team))
	want := map[string]directory.Version{}
	put := func(op directory.Operation, v directory.Version, id string) {
		apply(t, s, change(op, v, fmt.Sprintf(`{"id":%q,"name":"v%d"}`, id, v)))
		want[id] = v
	}
	for i := range 20 {
		put(directory.Insert, 1, fmt.Sprintf("W%d", i))
	}
	put(directory.Update, 2, "U1")
	put(directory.Update, 3, "W3")
	put(directory.Delete, 4, "W4")
	other := change(directory.Insert, 9, `{"id":"U1","name":"elsewhere"}`)
	other.TeamID = "T2"
	apply(t, s, other)
	got := map[string]directory.Version{}
	for !maps.Equal(got, want) {
		select {
		case u := <-seen:
			got[u.ID] = max(got[u.ID], u.Version)
			if u.TeamID != team || u.Removed != (u.ID == "W4" && u.Version == 4) {
				t.Errorf("told of %+v", u)
			}
		case <-ctx.Done():
			t.Fatalf("(-want +got):\n%s", gocmp.Diff(want, got))
		}
	}
	cancel()
	<-ended
}

func testEmoji(t *testing.T, s Store) {
	if emoji, err := s.Emoji(t.Context(), team); len(emoji) != 0 || err != nil {
		t.Errorf("%v, error %v", emoji, err)
	}
	many := map[string]string{}
	for i := range 20_000 {
		many[fmt.Sprintf("party-%d", i)] = fmt.Sprintf("https://emoji.slack-edge.com/T1/party-%d/%040d.png", i, i)
	}
	for _, want := range []map[string]string{many, {"shipit": "alias:squirrel"}, {}} {
		if err := s.PutEmoji(t.Context(), team, want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Emoji(t.Context(), team)
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%.2000s", err, diff)
		}
	}
}
