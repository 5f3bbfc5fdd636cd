package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"rollcall/internal/syncs"
)

// getWith asks for a page with a header.
func getWith(h http.Handler, path, key, value string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if value != "" {
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestCompact(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1k", 1234: "1.2k", 9949: "9.9k", 9950: "10k", 12_345: "12k", 999_499: "999k", 999_500: "1M", 1_250_000: "1.2M", 2_000_000_000: "2B"} {
		if got := compact(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// TestZones: zones are grouped by today's offset, the biggest first, and each leads to its people.
func TestZones(t *testing.T) {
	counts := map[string]int{"Europe/Berlin": 40, "Europe/Paris": 20, "Europe/Madrid": 10, "Europe/Rome": 5, "America/New_York": 30, "America/Argentina/Buenos_Aires": 9, "Asia/Kolkata": 8,
		"Asia/Tokyo": 7, "Pacific/Auckland": 6, "America/Los_Angeles": 4, "America/Denver": 3, "": 2, "Nowhere/Atlantis": 1}
	type group struct {
		Label, Names string
		Value, Zones int
	}
	at := func(now time.Time) (got []group) {
		for _, g := range zonesChart(counts, team, "1", now).Groups {
			got = append(got, group{g.Label, g.Names, g.Value, len(g.Zones)})
		}
		return got
	}
	winter, summer := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 0, 0, 0, 0, time.UTC)
	want := []group{{"UTC+1", "Berlin, Paris, Madrid, 1 more", 75, 4}, {"UTC−5", "New York", 30, 1}, {"UTC−3", "Buenos Aires", 9, 1}, {"UTC+5:30", "Kolkata", 8, 1},
		{"UTC+9", "Tokyo", 7, 1}, {"UTC+13", "Auckland", 6, 1}, {"Others", "Los Angeles, Denver, Atlantis", 8, 3}}
	if diff := cmp.Diff(want, at(winter)); diff != "" {
		t.Errorf("in winter (-want +got):\n%s", diff)
	}
	if got := at(summer); got[0].Label != "UTC+2" || got[1].Label != "UTC−4" {
		t.Errorf("in summer: %v", got)
	}
	f := people(t)
	last := done(noon.Add(-time.Hour))
	last.TimeZones = map[string]int{"Europe/Berlin": 1, "Europe/Paris": 2, "Asia/Tokyo": 1}
	f.syncs = []syncs.Sync{last}
	page := get(t, serving(t, f), "/status").Body.String()
	if id := zonesChart(counts, team, last.ID, noon).ID; strings.Contains(id, ".") {
		t.Errorf("%s is no selector, and htmx uses it as one", id)
	}
	for _, zone := range []string{"Europe%2FBerlin", "Europe%2FParis", "Asia%2FTokyo"} {
		if n := strings.Count(page, `href="/?team=`+team+`&amp;tz=`+zone+`"`); n != 1 {
			t.Errorf("%d links to the people in %s", n, zone)
		}
	}
}

// TestGroupsOfZones: the bar of several zones leads to exactly the people in them, if the list can be filtered by so many.
func TestGroupsOfZones(t *testing.T) {
	f := people(t)
	last := done(noon.Add(-time.Hour))
	last.TimeZones = map[string]int{"Europe/Paris": 3, "Europe/Berlin": 2, "Asia/Tokyo": 1}
	f.syncs = []syncs.Sync{last}
	for id, zone := range map[string]string{"UA": "Europe/Berlin", "UB": "Europe/Paris", "UC": "Europe/London", "UD": "Asia/Tokyo", "UE": "", "UF": "Europe/Paris"} {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":%q,"name":%[1]q,"tz":%q,"deleted":%t}`, id, zone, id == "UF")))
	}
	h := serving(t, f)
	page := get(t, h, "/status").Body.String()
	address := "/?team=" + team + "&tz=Europe%2FBerlin%2CEurope%2FParis"
	bars := find(t, page, element("a", "href", address))
	if len(bars) != 1 || !strings.HasPrefix(bars[0], "UTC+") || !strings.HasSuffix(bars[0], "5") {
		t.Fatalf("the bar is %q", bars)
	}
	if got := find(t, page, func(n *html.Node) bool { return n.Data == "summary" && strings.Contains(text(n), "Paris") }); !cmp.Equal(got, []string{"Paris, Berlin"}) {
		t.Errorf("below it is %q", got)
	}
	list := get(t, h, address).Body.String()
	if got, _ := read(t, list); !cmp.Equal(got, []string{"UA", "UB"}) {
		t.Errorf("it leads to %q", got)
	}
	if got := find(t, list, element("a", "class", "chip")); len(got) != 2 || !strings.HasPrefix(got[1], "Remove filter: Berlin, Paris") {
		t.Errorf("with the chips %q", got)
	}
	many := map[string]int{}
	for i := range 31 {
		many[fmt.Sprintf("Nowhere/%d", i)] = 1
	}
	all := zonesChart(many, team, "1", noon).Groups
	if len(all) != 1 || all[0].URL != "" || len(all[0].Zones) != 31 || all[0].Zones[0].URL == "" {
		t.Errorf("of 31 time zones: %+v", all)
	}
	delete(many, "Nowhere/0")
	if all := zonesChart(many, team, "1", noon).Groups; len(all) != 1 || all[0].URL == "" {
		t.Errorf("of 30 time zones: %+v", all)
	}
}

// TestZoneOptions: the menu has what is selected, be it one time zone, several or nobody's.
func TestZoneOptions(t *testing.T) {
	counts := map[string]int{"Asia/Tokyo": 1, "Europe/London": 2}
	anyone, tokyo, london := choiceOption{Label: "Any time zone"}, choiceOption{Value: "Asia/Tokyo", Label: "Asia/Tokyo"}, choiceOption{Value: "Europe/London", Label: "Europe/London"}
	selected := func(value, label string) choiceOption { return choiceOption{value, label, true} }
	for name, tt := range map[string]struct {
		chosen []string
		want   []choiceOption
	}{
		"none":    {nil, []choiceOption{selected("", "Any time zone"), tokyo, london}},
		"one":     {[]string{"Asia/Tokyo"}, []choiceOption{anyone, selected("Asia/Tokyo", "Asia/Tokyo"), london}},
		"nobody":  {[]string{"America/New_York"}, []choiceOption{anyone, tokyo, london, selected("America/New_York", "America/New York")}},
		"two":     {[]string{"America/New_York", "Asia/Tokyo"}, []choiceOption{anyone, selected("America/New_York,Asia/Tokyo", "New York, Tokyo"), tokyo, london}},
		"several": {[]string{"A/A", "A/B", "C", "D", "E"}, []choiceOption{anyone, selected("A/A,A/B,C,D,E", "A, B +3"), tokyo, london}},
	} {
		if diff := cmp.Diff(tt.want, zoneOptions(tt.chosen, counts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestChangesPerDay: the chart counts records, its bars lead to the day, today is named, and it says when nothing is recorded.
func TestChangesPerDay(t *testing.T) {
	o := testOptions(t, &fake{})
	o.Store, o.Now = eventful(t), time.Now
	page := get(t, New(t.Context(), o), "/status").Body.String()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().UTC().Format(time.DateOnly)
	want := "/changes?latest=" + day + "&oldest=" + day + "&team=" + team
	links, today := map[string]int{}, ""
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "href" && strings.HasPrefix(a.Val, "/changes") {
				if links[a.Val]++; a.Val == want {
					today = text(n)
				}
			}
		}
	}
	if links[want] != 1 || links["/changes?team="+team] != 1 || len(links) != chartDays+2 {
		t.Errorf("links %v", links)
	}
	if !strings.HasPrefix(today, "9") || !strings.Contains(today, "today") {
		t.Errorf("today is %q", today)
	}
	if page := get(t, serving(t, people(t)), "/status").Body.String(); !strings.Contains(page, noHistory) || strings.Contains(page, "oldest=") {
		t.Errorf("without history:\n%s", page)
	}
}

// text is what an element shows.
func text(n *html.Node) string {
	var all strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			all.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

// TestCustomFieldsCard: the card says how many people's fields are known, and which scope is missing.
func TestCustomFieldsCard(t *testing.T) {
	for name, tt := range map[string]struct {
		profiles syncs.Profiles
		want     []string
	}{
		"first load": {syncs.Profiles{}, []string{"No full sync has asked Slack for them yet.", "Badge number"}},
		"no scope":   {syncs.Profiles{NoScope: true}, []string{"users.profile:read", "not read"}},
		"under way":  {syncs.Profiles{Asked: 1, Failed: 3, NeverAsked: 1, Budget: 500}, []string{"1 of 2 people read", "1 not asked yet", "asked about 1 person", "of at most 500", "3 failed", "Badge number"}},
	} {
		f := people(t)
		last := done(noon.Add(-time.Hour))
		last.Profiles = tt.profiles
		f.syncs = []syncs.Sync{last}
		o := testOptions(t, f)
		if err := newHistorian(t, o.Store).store.PutTeamProfile(t.Context(), team, json.RawMessage(`{"fields":[{"id":"Xf1","label":"Badge number"},{"id":"Xf2","label":"Shoe size","is_hidden":true}]}`)); err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(strings.NewReader(get(t, New(t.Context(), o), "/status").Body.String()))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for n := range root.Descendants() {
			for _, a := range n.Attr {
				if a.Key == "id" && a.Val == "fields" {
					found = true
					if strings.Contains(text(n), "Shoe size") {
						t.Errorf("%s: a hidden field in %q", name, text(n))
					}
					for _, want := range tt.want {
						if got := text(n); !strings.Contains(got, want) {
							t.Errorf("%s: no %q in %q", name, want, got)
						}
					}
				}
			}
		}
		if !found {
			t.Errorf("%s: no card", name)
		}
	}
}
