package webapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestUsers: everybody is listed once and completely, through every fault that Slack is known for.
func TestUsers(t *testing.T) {
	for name, faults := range map[string]fakeslack.Faults{
		"undisturbed":           {},
		"429":                   {RateLimitEvery: 2, RetryAfter: 1},
		"ratelimited in a 200":  {RatelimitedIn200Every: 3, RetryAfter: 1},
		"500":                   {ErrorEvery: 2},
		"short and empty pages": {ShortPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := 1200
			if name == "ratelimited in a 200" {
				people = 2500 // three pages
			}
			w, c := start(t, fakeslack.Options{People: people, Faults: faults})
			var got []string
			before := time.Now().Add(-2 * time.Second)
			for page, err := range c.Users(t.Context(), w.Options().TeamID, "") {
				if err != nil {
					t.Fatal(err)
				}
				if at := page.Version.Time(); at.Before(before) || at.After(time.Now()) {
					t.Errorf("version is at %v", at)
				}
				for _, u := range page.Users {
					got = append(got, string(u))
				}
			}
			var want []string
			for _, person := range w.People() {
				want = append(want, string(person.ListObject(true)))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
		})
	}
}

// TestSmallerPages: when Slack fails to return a large page, the listing continues with smaller ones.
func TestSmallerPages(t *testing.T) {
	w, c := start(t, fakeslack.Options{People: 1000, Faults: fakeslack.Faults{MaxLimit: 300}})
	var sizes []int
	for page, err := range c.Users(t.Context(), w.Options().TeamID, "") {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Users))
	}
	if diff := cmp.Diff([]int{250, 250, 250, 250}, sizes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFromACursor: a listing continues from another one's cursor, and fails if the cursor has expired.
func TestFromACursor(t *testing.T) {
	w, c := start(t, fakeslack.Options{People: 2500})
	next := ""
	for page, err := range c.Users(t.Context(), w.Options().TeamID, "") {
		if err != nil {
			t.Fatal(err)
		}
		next = page.Next
		break
	}
	rest := 0
	for page, err := range c.Users(t.Context(), w.Options().TeamID, next) {
		if err != nil {
			t.Fatal(err)
		}
		rest += len(page.Users)
	}
	if rest != 1500 {
		t.Errorf("%d people after the first page", rest)
	}
	for _, err := range c.Users(t.Context(), w.Options().TeamID, "expired") {
		if !errors.Is(err, syncs.ErrCursorExpired) {
			t.Errorf("error %v", err)
		}
	}
}

// TestFaultsOfTheNetworkWhileListing: a listing retries network faults as often as other calls do, with pages of
// the same size.
func TestFaultsOfTheNetworkWhileListing(t *testing.T) {
	var limits []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limits = append(limits, r.FormValue("limit")); len(limits) < 4 {
			panic(http.ErrAbortHandler)
		}
		w.Write([]byte(`{"ok":true,"members":[{"id":"U1"}]}`)) //nolint:errcheck // the test sees it
	}))
	defer server.Close()
	c := New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler))
	c.slackTime = time.Now()
	for page, err := range c.Users(t.Context(), "T1", "") {
		if err != nil || len(page.Users) != 1 {
			t.Errorf("%d users, error %v", len(page.Users), err)
		}
	}
	if diff := cmp.Diff([]string{"1000", "1000", "1000", "1000"}, limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

// TestVersion: a version is the earlier one of the previous Date and cache_ts. A missing time and
// a time in the future are errors that say what to do.
func TestVersion(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	date := func(d time.Duration) string { return now.Add(d).UTC().Format(http.TimeFormat) }
	cache := func(d time.Duration) string { return fmt.Sprintf(`,"cache_ts":%d`, now.Add(d).Unix()) }
	for name, tt := range map[string]struct {
		date, cache string
		want        time.Duration // from now
		err         string
	}{
		"Date":                      {date(-time.Second), "", -time.Second, ""},
		"an earlier cache_ts":       {date(0), cache(-39 * time.Minute), -39 * time.Minute, ""},
		"a later cache_ts":          {date(-time.Hour), cache(0), -time.Hour, ""},
		"cache_ts only":             {"", cache(-time.Minute), -time.Minute, ""},
		"cache_ts as text":          {date(0), strings.Replace(cache(-time.Minute), ":", `:"`, 1) + `"`, -time.Minute, ""},
		"a cache_ts that is none":   {date(0), `,"cache_ts":{}`, 0, ""},
		"a cache_ts of 0":           {date(0), `,"cache_ts":0`, 0, ""},
		"none":                      {"", "", 0, "check for a proxy"},
		"Date in the future":        {date(time.Hour), "", 0, "correct this machine's"},
		"both in the future":        {date(time.Hour), cache(time.Hour), 0, "correct this machine's"},
		"cache_ts alone in future":  {"", cache(time.Hour), 0, "correct this machine's"},
		"Date a little ahead of us": {date(2 * time.Minute), "", 2 * time.Minute, ""},
	} {
		c := answering(t, tt.date, `{"ok":true,"members":[],"user":{"id":"U1"}`+tt.cache+`}`)
		check := func(method string, got directory.Version, err error) {
			switch {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("%s of %s: error %v", method, name, err)
			case tt.err == "" && (err != nil || got != directory.VersionOf(now.Add(tt.want))):
				t.Errorf("%s of %s: %v, error %v, want %v", method, name, got.Time(), err, now.Add(tt.want))
			}
		}
		for page, err := range c.Users(t.Context(), "T1", "") {
			check("users.list", page.Version, err)
		}
		_, v, err := c.User(t.Context(), "U1")
		check("users.info", v, err)
	}
}

// TestCursorThatDoesNotMove: a repeated cursor ends the listing with an error, as does a cycle.
func TestCursorThatDoesNotMove(t *testing.T) {
	for _, cursors := range [][]string{{"a", "a"}, {"a", "b", "c", "a"}} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "auth.test") {
				calls--
			}
			next := cursors[max(calls, 0)%len(cursors)]
			calls++
			fmt.Fprintf(w, `{"ok":true,"members":[],"response_metadata":{"next_cursor":%q}}`, next)
		}))
		var err error
		pages := 0
		for _, err = range New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler)).Users(t.Context(), "T1", "") {
			pages++
		}
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "cursor") || pages != len(cursors) {
			t.Errorf("%v: %d pages, error %v", cursors, pages, err)
		}
	}
}

// TestSlowPages: after a timeout the listing asks for smaller pages.
func TestSlowPages(t *testing.T) {
	var mu sync.Mutex // a request that was given up may still be served
	var limits []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := r.FormValue("limit")
		mu.Lock()
		limits = append(limits, limit)
		mu.Unlock()
		if limit == "1000" {
			<-r.Context().Done()
			return
		}
		w.Write([]byte(`{"ok":true,"members":[{"id":"U1"}]}`)) //nolint:errcheck // the test sees it
	}))
	defer server.Close()
	c := New(server.URL, "xoxb-1", slog.New(slog.DiscardHandler))
	c.slackTime, c.http.Timeout = time.Now(), time.Second
	for page, err := range c.Users(t.Context(), "T1", "") {
		if err != nil || len(page.Users) != 1 {
			t.Errorf("%d users, error %v", len(page.Users), err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"1000", "1000", "500"}, limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
