package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

// names are in many scripts, with some that fold to the same.
var names = []string{
	"Ada", "ADA", "ada", "Ádá", "Zoë", "zoe", "Ångström", "Ωmega", "Борис", "Йосиф", "דוד", "فاطمة",
	"अनुष्का", "ธนา", "王伟", "さくら", "김민준", "Nguyễn", "ọláńrewájú", "😀", "-", " ", "", "\u202eelbas", "\u0000",
}

func seed(t *testing.T, s Store, n int) (ids []string) {
	t.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range n {
		id := fmt.Sprintf("U%03d", i)
		ids = append(ids, id)
		slots <- struct{}{}
		wg.Go(func() {
			apply(t, s, change(directory.Insert, 1, fmt.Sprintf(`{"id":"%s","real_name":%q}`, id, strings.ReplaceAll(names[i%len(names)], "\x00", ""))))
			<-slots
		})
	}
	wg.Wait()
	return ids
}

// walk pages through everybody and checks that pages are in order, within themselves and one to the next.
func walk(t *testing.T, s Store, limit int, backward bool) (ids []string) {
	t.Helper()
	req := directory.PageRequest{Limit: limit}
	if backward {
		req.Before = &directory.Cursor{SortName: "\U0010FFFF", ID: "~"}
	}
	for range 1000 {
		page, err := s.Users(t.Context(), team, req)
		if err != nil {
			t.Errorf("page: %v", err)
			return nil
		}
		if !slices.IsSortedFunc(page.Users, byNameAndID) || len(page.Users) > limit {
			t.Errorf("a page of %d is out of order or too long", len(page.Users))
		}
		var of []string
		for _, u := range page.Users {
			of = append(of, u.ID)
		}
		if backward {
			ids = append(of, ids...)
			if page.Prev == nil {
				return ids
			}
			req = directory.PageRequest{Limit: limit, Before: page.Prev}
		} else {
			ids = append(ids, of...)
			if page.Next == nil {
				return ids
			}
			req = directory.PageRequest{Limit: limit, After: page.Next}
		}
	}
	t.Error("paging does not end")
	return nil
}

func byNameAndID(a, b directory.User) int {
	return cmp.Or(cmp.Compare(a.SortName, b.SortName), cmp.Compare(a.ID, b.ID))
}

func testPaging(t *testing.T, s Store) {
	empty, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 5})
	if err != nil || len(empty.Users) != 0 || empty.Next != nil || empty.Prev != nil {
		t.Errorf("nobody: %+v, error %v", empty, err)
	}
	ids := seed(t, s, 2*len(names))
	want := walk(t, s, 1000, false)
	if diff := gocmp.Diff(ids, slices.Sorted(slices.Values(want))); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, limit := range []int{1, 7, len(ids) - 1, len(ids), len(ids) + 1} {
		for _, backward := range []bool{false, true} {
			if diff := gocmp.Diff(want, walk(t, s, limit, backward)); diff != "" {
				t.Errorf("limit %d, backward %v (-want +got):\n%s", limit, backward, diff)
			}
		}
	}

	// There and back again.
	first, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 10})
	if err != nil || first.Prev != nil {
		t.Fatalf("first page: Prev %v, error %v", first.Prev, err)
	}
	second, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 10, After: first.Next})
	if err != nil || second.Prev == nil {
		t.Fatalf("second page: %v", err)
	}
	back, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 10, Before: second.Prev})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(first, back); diff != "" {
		t.Errorf("back on the first page (-want +got):\n%s", diff)
	}

	// A cursor outlives the user it was made from.
	gone := second.Users[0].ID
	apply(t, s, change(directory.Delete, 2, `{"id":"`+gone+`"}`))
	again, err := s.Users(t.Context(), team, directory.PageRequest{Limit: 9, After: first.Next})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(second.Users[1:], again.Users); diff != "" {
		t.Errorf("after a removal (-want +got):\n%s", diff)
	}
}

// testPagingWhileOthersChange: everybody who does not change is seen exactly once.
func testPagingWhileOthersChange(t *testing.T, s Store) {
	const n = 40
	ids := seed(t, s, n)
	still := ids[:n/2]
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for v := directory.Version(2); ctx.Err() == nil; v++ {
				id := ids[n/2+(w+int(v)*7)%(n/2)]
				switch int(v) % 3 {
				case 0: // renamed: moves about the list
					apply(t, s, change(directory.Update, v, fmt.Sprintf(`{"id":"%s","real_name":"%c"}`, id, 'a'+rune(v%26))))
				case 1:
					apply(t, s, change(directory.Delete, v, `{"id":"`+id+`"}`))
				default:
					apply(t, s, change(directory.Insert, v, fmt.Sprintf(`{"id":"U9%d%d","real_name":"new"}`, w, v%10)))
				}
			}
		})
	}
	for range 5 {
		for _, backward := range []bool{false, true} {
			seen := map[string]int{}
			for _, id := range walk(t, s, 3, backward) {
				seen[id]++
			}
			for _, id := range still {
				if seen[id] != 1 {
					t.Errorf("%s was seen %d times (backward %v)", id, seen[id], backward)
				}
			}
		}
	}
	cancel()
	wg.Wait()
}

func testRemovedAreNotListed(t *testing.T, s Store) {
	ids := seed(t, s, 4)
	apply(t, s, change(directory.Delete, 2, `{"id":"`+ids[1]+`"}`))
	apply(t, s, change(directory.Delete, 2, `{"id":"UNSEEN"}`))
	got := slices.Sorted(slices.Values(walk(t, s, 2, false)))
	if diff := gocmp.Diff([]string{ids[0], ids[2], ids[3]}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
