package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
	"rollcall/internal/ui"
	"rollcall/internal/ui/iaptest"
)

const (
	// other is a workspace whose sync failed, and large one with millions of people.
	other, large = "T0OTHER", "T0LARGE"
	// running is a workspace whose sync runs, and disconnected one that has uninstalled the app.
	running, disconnected = "T0RUNNING", "T0DISCONNECTED"
	// enlarged is how many people or changes each one in the large workspace stands for.
	enlarged = 123_456
)

// view is a page and what is expected of it.
type view struct {
	name, url string
	list      bool // it lists people
	plain     bool // without JavaScript
	main      bool // it is looked at on more screens, with the menus in the bar; the others only with -everywhere

	happens func(tb *tab) (end func()) // something that is looked at while it lasts, nil for nothing
}

// views are all kinds of pages of a furnished site.
func views(s *site) []view {
	mine := "team=" + s.slack.Options().TeamID
	person := s.URL + "/users/" + s.slack.Options().TeamID + "/"
	all := []view{
		{name: "list", main: true, url: s.URL + "/?" + mine, list: true},
		{name: "list without JavaScript", url: s.URL + "/?" + mine, list: true, plain: true},
		{name: "person without JavaScript", url: person + "U0FULL", plain: true},
		{name: "changes without JavaScript", url: s.URL + "/changes?" + mine, plain: true},
		{name: "status without JavaScript", url: s.URL + "/status?" + mine, plain: true},
		{name: "everybody by change", url: s.URL + "/?show=all&sort=changed&" + mine, list: true},
		{name: "nobody", url: s.URL + "/?q=zzzzzz&" + mine, list: true},
		{name: "a manager found", url: s.URL + "/?q=donau&" + mine, list: true},
		{name: "filters", url: s.URL + "/?kind=members&show=active&Xf0REPORTSTO=U0LONG&" + mine, list: true},
		{name: "person", main: true, url: person + "U0FULL"},
		{name: "person of long words", url: person + "U0LONG"},
		{name: "deactivated", url: person + "U0LEFT"},
		{name: "forgotten", url: person + "U0FORGOTTEN"},
		{name: "changes", main: true, url: s.URL + "/changes?" + mine},
		{name: "changes that moved", url: s.URL + "/changes?user=U0MOVED&" + mine},
		{name: "no changes", url: s.URL + "/changes?type=user.removed&" + mine},
		{name: "changes of a person", url: s.URL + "/changes?user=U0FULL&" + mine},
		{name: "chart of people", main: true, url: s.URL + "/org?" + mine},
		{name: "status", main: true, url: s.URL + "/status?" + mine},
		{name: "sync starting", url: s.URL + fmt.Sprintf("/status?started=%d&", time.Now().Add(time.Minute).Unix()) + mine},
		{name: "sync failed", url: s.URL + "/status?team=" + other},
		{name: "sync running", url: s.URL + "/status?team=" + running},
		{name: "disconnected", url: s.URL + "/status?team=" + disconnected},
		{name: "status of a large workspace", url: s.URL + "/status?team=" + large},
		{name: "nobody yet", url: s.URL + "/?team=" + other},
		{name: "not found", url: person + "U404"},
		{name: "invalid", url: s.URL + "/?after=x"},
	}
	if *everywhere { // it takes as long as ten others
		all = append(all, view{name: "all columns", url: s.URL + "/?cols=status,time,email,phone,name,title,kind,tz,id,Xf0REPORTSTO,Xf0WEBSITEXX,changed&" + mine})
	}
	return all
}

// happenings are what happens to an open list.
func happenings(t *testing.T) []view {
	s, away := newSite(t, fakeslack.Options{}), newSite(t, fakeslack.Options{})
	var changed atomic.Int64
	change := func(id string) (status string) {
		n := changed.Add(1)
		s.put(t, fmt.Sprintf(`{"id":%q,"name":"a.name","is_restricted":true,"updated":1700000000,"profile":{"real_name":"%[3]s, with a rather long name","title":"Typographer","status_text":"Focusing %[2]d","email":"a@marlow-finch.example"}}`, id, n, id[2:]))
		return fmt.Sprintf("Focusing %d", n)
	}
	for _, id := range []string{"U0PAUSED", "U0HELD", "U0MARKED"} {
		change(id)
	}
	const still = `document.querySelector(".changed") && document.getAnimations().length === 0`
	away.put(t, `{"id":"U1","name":"ada","profile":{"real_name":"Ada"}}`)
	return []view{
		{name: "paused", url: s.URL + "/?q=paused", list: true, happens: func(tb *tab) func() {
			tb.run(chromedp.Click(chromedp.CSS("#pause")))
			change("U0PAUSED")
			tb.eventually("a change waits", `document.querySelector("#live").textContent === "Paused · 1 waiting" && !document.querySelector("#held").hidden`)
			return func() {
				tb.run(chromedp.Click(chromedp.CSS("#pause")))
				tb.eventually("it shows, and fades", still)
			}
		}},
		{name: "held", url: s.URL + "/?q=held", list: true, happens: func(tb *tab) func() {
			tb.run(chromedp.KeyEvent(kb.ArrowDown))
			change("U0HELD")
			tb.eventually("a change waits", held)
			return func() {
				tb.run(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
				tb.eventually("it shows, and fades", still)
			}
		}},
		{name: "marked", url: s.URL + "/?q=marked", list: true, happens: func(tb *tab) func() {
			status := change("U0MARKED")
			tb.eventually("the cell is marked", fmt.Sprintf(`(() => { const marked = document.querySelector("#U0MARKED .changed"); if (marked?.innerText !== %q) return false; marked.getAnimations().forEach(a => a.pause()); return true; })()`, status))
			return func() {}
		}},
		{name: "offline", url: away.URL, list: true, happens: func(tb *tab) func() {
			tb.expect("ERR_")
			tb.expect("503")
			away.failing.Store("/")
			away.pages.CloseClientConnections()
			tb.eventually("it says so", `!document.querySelector("#offline").hidden`)
			return func() {
				away.failing.Store("")
				tb.visit(away.URL) // sooner than the page would try again
			}
		}},
	}
}

// furnished returns a site with everything that makes a layout difficult.
func furnished(t *testing.T) *site {
	t.Helper()
	proxy, audience := iaptest.New(t), "/projects/1/global/backendServices/2"
	viewer := iaptest.Claims(audience, "a.viewer.with.a.long.address@a-rather-long-domain.marlow-finch.example")
	viewer["exp"] = time.Now().Add(time.Hour).Unix()
	token := proxy.Token(t, viewer)
	s := filled(t, fakeslack.Options{}, func(o *ui.Options) {
		o.Schedule, o.DeadLetters, o.DeadLettersCommand = hourly{}, manyLetters{}, "rollcallctl deadletters list"
		require := ui.RequireIAP(proxy.Validator(t), audience, o.Log)
		o.Authenticate = func(pages http.Handler) http.Handler {
			signedIn := require(pages)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("X-Goog-IAP-JWT-Assertion", token)
				signedIn.ServeHTTP(w, r)
			})
		}
	})
	s.readProfiles(t, 40)
	now := time.Now()
	for _, w := range []directory.Workspace{{ID: other, Name: "Another workspace with " + strings.Repeat("a long name ", 10)}, {ID: large, Name: "Large"}, {ID: running, Name: "Running"},
		{ID: disconnected, Name: "Disconnected", DisconnectedAt: directory.VersionOf(now.Add(-50 * time.Hour))}} {
		if err := s.store.PutWorkspace(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		if err := s.store.PutWorkspace(t.Context(), directory.Workspace{ID: fmt.Sprintf("T0MORE%d", i), Name: fmt.Sprintf("Workspace %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.Lease(t.Context(), running, "a test", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, record := range []syncs.Sync{
		{ID: "1", TeamID: other, State: syncs.Failed, Started: now, Ended: now, Error: strings.Repeat("x", 1000)},
		{ID: "2", TeamID: large, State: syncs.Done, Started: now.Add(-3 * time.Hour), Ended: now, Listed: 1_234_567, Inserted: 1_000_000, Updated: 234_567, Removed: 12_345,
			Unchanged: 1_111_111, Drift: 7_654, Calls: 6_173, Waits: 1_234, Reads: 2_345_678, Writes: 1_234_567,
			TimeZones: largeZones(), Profiles: syncs.Profiles{Budget: 12_500, Due: 12_500, Asked: 11_155, Failed: 1_345, NeverAsked: 345_678}},
		{ID: "3", TeamID: running, State: syncs.Done, Started: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour), Listed: 123_456},
		{ID: "4", TeamID: running, State: syncs.Running, Started: now.Add(-time.Minute), Listed: 56_000, Pages: 56, Waits: 3},
		{ID: "5", TeamID: disconnected, State: syncs.Disconnected, Started: now.Add(-50 * time.Hour), Ended: now.Add(-50 * time.Hour), Error: "auth.test: account_inactive"},
	} {
		if err := s.store.PutSync(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.PutTeamProfile(t.Context(), large, longLabels(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		s.putIn(t, large, fmt.Sprintf(`{"id":"U0LARGE%d","name":"large%[1]d","tz":"Asia/Kolkata","profile":{"real_name":"Large %[1]d"}}`, i))
	}
	for _, p := range difficult {
		object, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		s.put(t, string(object))
	}
	for i, zone := range []string{"America/New_York", "America/Argentina/Buenos_Aires"} {
		s.put(t, fmt.Sprintf(`{"id":"U0MOVED","name":"moved","updated":170000000%d,"tz":%q,"profile":{"real_name":"Aa Moved"}}`, i, zone))
	}
	for i := range 25 { // more than a person's page shows
		s.put(t, fmt.Sprintf(`{"id":"U0FULL","name":"full","tz":"America/Argentina/ComodRivadavia","profile":{"real_name":"Aa Full","title":"Title %d"}}`, i))
	}
	object, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, string(object))
	s.put(t, `{"id":"U0FORGOTTEN","is_forgotten":true}`)
	mine := directory.Workspace{ID: s.slack.Options().TeamID, Name: "Marlow & Finch", URL: "https://marlow-finch.slack.com/", Icon: s.people(t)[20].Image72}
	if err := s.store.PutWorkspace(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	return s
}

// largeZones counts people by time zone. Its groups are of one zone, of several, and of more than a filter takes.
func largeZones() map[string]int {
	zones := map[string]int{"Asia/Kolkata": 312_345, "America/Argentina/ComodRivadavia": 98_765, "America/Argentina/Buenos_Aires": 7_654, "America/North_Dakota/New_Salem": 54_321,
		"America/Chicago": 43_210, "Europe/London": 34_567, "Europe/Berlin": 23_456, "Europe/Paris": 9_876, "Asia/Tokyo": 12_345, "Australia/Lord_Howe": 8_765, "Mars/Olympus_Mons": 1_234}
	for offset := range 14 {
		zones[fmt.Sprintf("Etc/GMT-%d", offset+1)] = 1_000 + offset
	}
	for offset := range 12 {
		zones[fmt.Sprintf("Etc/GMT+%d", offset+1)] = 2_000 + offset
	}
	for _, city := range []string{"Adak", "Anchorage", "Halifax", "Noronha", "Nuuk", "St_Johns", "Caracas", "Manaus"} {
		zones["America/"+city] = 3_000
	}
	return zones
}

// longLabels define many custom fields, some of whose labels do not fit.
func longLabels(t *testing.T) []byte {
	t.Helper()
	var fields []slackUser
	for i := range 12 {
		fields = append(fields, slackUser{"id": fmt.Sprintf("Xf0LARGE%02d", i), "type": "text", "label": strings.TrimSpace(strings.Repeat("Cost centre ", 2*i+1))})
	}
	object, err := json.Marshal(slackUser{"fields": fields})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// hourly is a schedule.
type hourly struct{}

func (hourly) Next(after time.Time) time.Time { return after.Truncate(time.Hour).Add(time.Hour) }

// manyLetters are dead letters.
type manyLetters struct{}

func (manyLetters) Waiting(context.Context) (int, error) { return 12_345, nil }

type slackUser map[string]any

// full has everything that Slack may have about a person.
var full = slackUser{
	"id": "U0FULL", "name": "aa.full", "tz": "America/Argentina/ComodRivadavia", "tz_offset": -10800, "is_admin": true, "updated": 1648596712,
	"profile": slackUser{
		"real_name": "Aa Full", "display_name": "full", "title": "Senior Principal Typographer for the Whole of Publishing", "email": "aa.full@a-rather-long-domain.marlow-finch.example",
		"phone": "+44 20 7946 0958 ext. 12345", "skype": "aa.full", "pronouns": "they/them", "status_text": "On a train to the printers, back on Thursday afternoon",
		"status_emoji": ":train:", "status_expiration": 4102444800, "start_date": "2019-02-03",
		"fields": slackUser{"Xf01": slackUser{"value": "https://intranet.example/people/" + strings.Repeat("deep/", 20), "alt": ""}, "Xf02": slackUser{"value": "U0LONG", "alt": ""}},
	},
	"a_field_of_2030": slackUser{"deep": []any{1, nil, "x"}},
}

// reportsTo are the custom fields of somebody with that manager.
func reportsTo(id string) slackUser {
	return slackUser{"Xf0REPORTSTO": slackUser{"value": id, "alt": ""}}
}

// difficult are people who may break a layout. Their names put them on the first page.
var difficult = []slackUser{
	{"id": "U0LONG", "name": strings.Repeat("w", 300), "tz": "Asia/Kathmandu", "profile": slackUser{
		"real_name": "Aa " + strings.Repeat("Donaudampfschifffahrt", 15), "title": strings.Repeat("W", 10_000), "email": strings.Repeat("long", 60) + "@marlow-finch.example",
		"status_text": strings.Repeat("status", 50), "status_emoji": ":" + strings.Repeat("emoji", 20) + ":", "phone": strings.Repeat("0123456789", 12),
	}},
	{"id": "U0WORDS", "name": "aa.words", "is_owner": true, "profile": slackUser{"fields": reportsTo("U0LONG"),
		"real_name": strings.TrimSpace("Aa " + strings.Repeat("Wilhelmina Drucker ", 12)), "title": strings.TrimSpace(strings.Repeat("Typographer and keeper of the house style ", 8)), "status_text": strings.TrimSpace(strings.Repeat("In a meeting about meetings ", 6)),
	}},
	{"id": "U0ARABIC", "name": "layla", "is_restricted": true, "profile": slackUser{"fields": reportsTo("U0WORDS"),
		"real_name": "ليلى الحداد (QA)", "display_name": "Aa ليلى", "title": "مهندسة برمجيات (QA)", "status_text": "في القطار (QA)", "status_emoji": ":train:",
	}},
	{"id": "U0HEBREW", "name": "aa.noa", "profile": slackUser{"fields": reportsTo("U0ARABIC"), "real_name": "Aa נועה בן־דוד", "title": "מעצבת (UX)"}},
	{"id": "U0CJK", "name": "aa.suzuki", "is_bot": true, "profile": slackUser{"fields": reportsTo("U0HEBREW"),
		"real_name": "Aa 鈴木一朗" + strings.Repeat("鈴木一朗", 20), "title": strings.Repeat("組版と書体の責任者", 12), "status_text": strings.Repeat("会議中", 30),
	}},
	{"id": "U0EMOJI", "name": "aa.emoji", "profile": slackUser{"real_name": "Aa " + strings.Repeat("👩🏽‍🚀", 40), "title": strings.Repeat("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!", 6)}},
	{"id": "U0BARE", "profile": slackUser{"fields": reportsTo("U0LEFT")}},
	{"id": "U0LEFT", "name": "left", "deleted": true, "profile": slackUser{"real_name": "Aa Left"}},
}

// enlarging is a store that counts as if one workspace were large.
type enlarging struct{ *sqlite.Store }

func (e enlarging) Count(ctx context.Context, teamID string, f directory.Filter) (int, bool, error) {
	n, exact, err := e.Store.Count(ctx, teamID, f)
	return n * factor(teamID), exact, err
}

func (e enlarging) CountRecords(ctx context.Context, teamID string, f directory.RecordFilter) (int, error) {
	n, err := e.Store.CountRecords(ctx, teamID, f)
	return n * factor(teamID), err
}

func factor(teamID string) int {
	if teamID == large {
		return enlarged
	}
	return 1
}
