package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
)

// TestWays: from a list, each person leads to the next and the previous one, in the order of the list and without those
// whom it leaves out, and back to the same page of it.
func TestWays(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range 120 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%03d","name":"n%03[1]d","deleted":%v,"tz":"Europe/Zurich","updated":%d}`, i, i%10 == 0, 1648592000+i*37%120)))
	}
	o := testOptions(t, f)
	h := New(t.Context(), o)
	links := func(address string) map[string]string {
		_, l := read(t, get(t, h, address).Body.String())
		return l
	}
	firstLink := regexp.MustCompile(`href="(/users/` + team + `/[^"]+)"`)
	for _, query := range []string{"", "?show=all", "?sort=changed&show=deactivated", "?q=n0", "?tz=Europe%2FZurich"} {
		var list []string
		page := "/" + query
		first := html.UnescapeString(firstLink.FindStringSubmatch(get(t, h, page).Body.String())[1])
		for page != "" {
			ids, l := read(t, get(t, h, page).Body.String())
			list, page = append(list, ids...), l["next"]
		}
		var forward, backward []string
		id := func(address string) string {
			path, _, _ := strings.Cut(address, "?")
			return path[strings.LastIndexByte(path, '/')+1:]
		}
		last := first
		for at := first; at != ""; at = links(at)["next"] {
			forward, last = append(forward, id(at)), at
		}
		for at := last; at != ""; at = links(at)["prev"] {
			backward = append([]string{id(at)}, backward...)
		}
		if diff := cmp.Diff(list, forward); diff != "" || len(list) < 10 {
			t.Errorf("%s forward (-want +got):\n%s", query, diff)
		}
		if diff := cmp.Diff(list, backward); diff != "" {
			t.Errorf("%s backward (-want +got):\n%s", query, diff)
		}
	}

	// From the second page of a list back to it, and to the person there.
	_, l := read(t, get(t, h, "/?show=all&q=n").Body.String())
	second := get(t, h, l["next"]).Body.String()
	person := get(t, h, html.UnescapeString(firstLink.FindStringSubmatch(second)[1])).Body.String()
	back := html.UnescapeString(regexp.MustCompile(`class="back" href="([^"]+)"`).FindStringSubmatch(person)[1])
	u, err := url.Parse(back)
	if err != nil || u.Fragment == "" {
		t.Fatalf("back leads to %s", back)
	}
	want, _ := read(t, second)
	got, _ := read(t, get(t, h, u.RequestURI()).Body.String())
	if diff := cmp.Diff(want, got); diff != "" || !slices.Contains(got, u.Fragment) {
		t.Errorf("back at the list, and at %s (-want +got):\n%s", u.Fragment, diff)
	}

	// Somebody who is gone, or whom the list no longer has, is no error.
	store := o.Store.(*sqlite.Store)
	gone, revision, err := store.User(t.Context(), team, "U005")
	if err != nil {
		t.Fatal(err)
	}
	gone.Removed, gone.SortName = true, ""
	if err := store.PutUser(t.Context(), gone, revision, nil); err != nil {
		t.Fatal(err)
	}
	if l := links("/users/" + team + "/U005?sort=name"); l["next"] != "" || l["prev"] != "" {
		t.Errorf("somebody who was removed has neighbours: %v", l)
	}
	if l := links("/users/" + team + "/U010?sort=name"); !strings.HasPrefix(l["next"], "/users/"+team+"/U011?") || !strings.HasPrefix(l["prev"], "/users/"+team+"/U009?") {
		t.Errorf("a deactivated person among active ones: %v", l)
	}
	if l := links("/users/" + team + "/U011"); len(l) > 1 {
		t.Errorf("without a list there are links %v", l)
	}
	for _, bad := range []string{"sort=x", "sort=name&show=x", "sort=name&after=x", "sort=%zz"} {
		if w := get(t, h, "/users/"+team+"/U001?"+bad); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
}
