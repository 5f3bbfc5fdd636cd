package ui

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
	"rollcall/internal/service/audit"
	"rollcall/internal/syncs"
)

const (
	boss, hand  = "UBOSS00001", "UHAND00001"
	teamProfile = `{"sections":[{"id":"Ps2","label":"People","order":2},{"id":"Ps1","label":"Job <1>","order":1},{"id":"Ps3","label":"Secret","order":0,"is_hidden":true}],
		"fields":[{"id":"Xf1","label":"Desk <3>","type":"text","ordering":3,"section_id":"Ps1","hint":"Where <you> sit"},{"id":"Xf2","label":"Manager","type":"user","ordering":1,"section_id":"Ps2"},
		{"id":"Xf3","label":"Start","type":"date","ordering":1,"section_id":"Ps1"},{"id":"Xf4","label":"Site","type":"link","ordering":2,"section_id":"Ps1"},{"id":"Xf5","label":"Badge","type":"text","is_hidden":1,"section_id":"Ps1"},
		{"id":"Xf6","label":"Pay","type":"text","section_id":"Ps3"},{"id":"Xf7","label":"Buddies","type":"user","ordering":2,"section_id":"Ps2"}]}`
)

// staff is a workspace with a boss, a hand with a full profile, and n others who report to the boss.
func staff(t testing.TB, n int) Store {
	t.Helper()
	f := &fake{workspaces: []directory.Workspace{{ID: team, Name: "Marlow & Finch", URL: "https://marlow-finch.slack.com/"}}}
	f.users = []directory.User{user(t, `{"id":"`+boss+`","name":"bea","profile":{"real_name":"Bea Boss","title":"Chief <i>"}}`)}
	for i := range n {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"UOTHER%04d","name":"n%[1]d","profile":{"real_name":"Other %04[1]d","fields":{"Xf2":{"value":"%[2]s"}}}}`, i, boss)))
	}
	s := f.store(t)
	h := newHistorian(t, s)
	if err := h.store.PutTeamProfile(t.Context(), team, json.RawMessage(teamProfile)); err != nil {
		t.Fatal(err)
	}
	h.event(`{"id":"` + hand + `","name":"hank","profile":{"real_name":"Hank Hand","fields":{"Xf2":{"value":"UGONE00001"}}}}`)
	h.event(`{"id":"` + hand + `","name":"hank","tz":"Europe/Zurich","updated":1648592000,"is_restricted":true,"profile":{"real_name":"Hank Hand","display_name":"Handy","title":"Helping hand","pronouns":"he/him",
		"phone":"+41 (0)44 555 01 77 ext. 5","email":"hank@example.com","skype":null,"status_text":"Out","status_expiration":1648659600,"image_512":"https://avatars.slack-edge.com/h.png",
		"fields":{"Xf1":{"value":"4","alt":"By the window"},"Xf2":{"value":"` + boss + `"},"Xf3":{"value":"2020-03-01"},"Xf4":{"value":"https://www.example.com/hank","alt":"My <site>"},
		"Xf5":{"value":"hidden badge"},"Xf6":{"value":"hidden pay"},"Xf7":{"value":"UOTHER0000, UNOBODY001"},"Xf9":{"value":"undefined"}}}}`)
	return s
}

func servingStore(t testing.TB, s Store) http.Handler {
	return New(t.Context(), Options{Store: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
}

// TestPersonsFields: the page has everything that there is, custom fields in Slack's sections and without hidden ones, and names for ids.
func TestPersonsFields(t *testing.T) {
	h := servingStore(t, staff(t, 2))
	page := get(t, h, "/users/"+team+"/"+hand).Body.String()
	checkMarkup(t, page)
	golden(t, "person-with-fields", page)
	shown, _, _ := strings.Cut(page, "<h2>History</h2>")
	for _, want := range []string{"Job &lt;1&gt;", `title="Where &lt;you&gt; sit"`, "Bea Boss", "Chief &lt;i&gt;", "1 March 2020", "UNOBODY001", "Other 0000", "undefined", "he/him",
		`href="tel:+41445550177"`, `href="mailto:hank@example.com"`, `href="https://www.example.com/hank" rel="noreferrer"`, "example.com</bdi></span>"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(shown, "hidden") && strings.Contains(shown, "hidden badge") || strings.Contains(shown, "hidden pay") {
		t.Error("hidden fields are shown")
	}
	if !strings.Contains(page, `Manager</bdi>: <del><bdi>UGONE00001</bdi></del> → <ins><bdi>Bea Boss</bdi>`) {
		t.Error("the history does not name the manager")
	}
	if page := get(t, h, "/users/"+team+"/"+boss).Body.String(); !strings.Contains(page, "<h2>Reports</h2>") || strings.Count(page, `<li data-user="`) != 3 || strings.Contains(page, "All of") {
		t.Errorf("three people report to somebody, and the page shows\n%s", page)
	}
}

// TestChangesNameManagers: the list of changes tells custom fields as a person's page does, and so do its live rows.
func TestChangesNameManagers(t *testing.T) {
	s := staff(t, 2)
	page := get(t, servingStore(t, s), "/changes?user="+hand).Body.String()
	all, err := s.Records(t.Context(), team, directory.RecordPageRequest{Filter: directory.RecordFilter{UserID: hand}, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{Options: Options{Store: s, Log: slog.New(slog.DiscardHandler)}, caches: newCaches()}
	rows, err := h.renderRecords(t.Context(), all.Records)
	if err != nil {
		t.Fatal(err)
	}
	var live strings.Builder
	for _, r := range rows {
		live.WriteString(r.HTML)
	}
	for where, text := range map[string]string{"the page": page, "live rows": live.String()} {
		if !strings.Contains(text, "Bea Boss") || strings.Contains(text, boss+"<") || !strings.Contains(text, "UGONE00001") {
			t.Errorf("%s do not name the manager:\n%s", where, text)
		}
	}
}

// TestManyReports: a page shows a few, and leads to all of them.
func TestManyReports(t *testing.T) {
	h := servingStore(t, staff(t, 20))
	page := get(t, h, "/users/"+team+"/"+boss).Body.String()
	found := regexp.MustCompile(`<a class="alone" href="(/\?[^"]*)">All 21</a>`).FindStringSubmatch(page)
	if found == nil || strings.Count(page, `<li data-user="`) != maxReports {
		t.Fatalf("no link to all:\n%s", page)
	}
	ids, _ := read(t, get(t, h, html.UnescapeString(found[1])).Body.String())
	if len(ids) != 21 || slices.Contains(ids, boss) {
		t.Errorf("the link leads to %d people: %v", len(ids), ids)
	}
}

// TestPersonIsAudited: everybody whom a person's page names is in its audit line.
func TestPersonIsAudited(t *testing.T) {
	for id, want := range map[string][]string{
		boss:                   {boss, hand, "UOTHER0000", "UOTHER0001"}, // reports
		hand:                   {boss, hand, "UOTHER0000"},               // the manager and a buddy
		hand + "?sort=name":    {boss, hand, "UOTHER0000"},               // and neighbours
		"UOTHER0001?sort=name": {boss, "UOTHER0000", "UOTHER0001"},
	} {
		var log bytes.Buffer
		h := New(t.Context(), Options{Store: staff(t, 2), Log: slog.New(slog.DiscardHandler), Audit: audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil)})
		get(t, h, "/users/"+team+"/"+id)
		var got struct {
			UserIDs []string `json:"user_ids"`
			Count   int
		}
		if err := json.Unmarshal(log.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got.UserIDs)
		if diff := cmp.Diff(want, got.UserIDs); diff != "" || got.Count != len(want) {
			t.Errorf("%s, %d people (-want +got):\n%s", id, got.Count, diff)
		}
	}
}

// TestNoScope: in place of custom fields, the page says which scope is missing.
func TestNoScope(t *testing.T) {
	lacking := syncs.Sync{ID: "1", TeamID: team, State: syncs.Done, Profiles: syncs.Profiles{NoScope: true}}
	newer := func(state syncs.State) syncs.Sync { return syncs.Sync{ID: "2", TeamID: team, State: state} }
	for _, tt := range []struct {
		name    string
		syncs   []syncs.Sync
		defined bool // as before the scope was taken away
		want    bool
	}{
		{"not allowed", []syncs.Sync{lacking}, false, true},
		{"another sync runs", []syncs.Sync{newer(syncs.Running), lacking}, false, true},
		{"another sync failed", []syncs.Sync{newer(syncs.Failed), lacking}, false, true},
		{"no longer allowed", []syncs.Sync{lacking}, true, true},
		{"allowed since", []syncs.Sync{newer(syncs.Done), lacking}, false, false},
		{"no sync", nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := people(t)
			f.syncs = tt.syncs
			profile := ""
			if tt.defined {
				profile = managers
			}
			if got := strings.Contains(get(t, serveOrg(t, f, profile), "/users/"+team+"/U1").Body.String(), "users.profile:read"); got != tt.want {
				t.Errorf("the page names the scope: %v", got)
			}
		})
	}
}

// TestPersonFile: the file has Slack's object, Rollcall's own fields, and custom fields with labels.
func TestPersonFile(t *testing.T) {
	h := servingStore(t, staff(t, 1))
	w := get(t, h, "/users/"+team+"/"+hand+".json")
	var got struct {
		ID           string
		RealName     string `json:"real_name"`
		Parts        any
		SortName     string `json:"sort_name"`
		Slack        map[string]any
		CustomFields []customField `json:"custom_fields"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%v: %d %v\n%s", err, w.Code, w.Header(), w.Body)
	}
	if got.ID != hand || got.RealName != "Hank Hand" || got.Slack["tz"] != "Europe/Zurich" || got.Parts != nil || got.SortName != "" {
		t.Errorf("%+v", got)
	}
	want := []customField{{"Xf3", "Start", "date", "2020-03-01", ""}, {"Xf4", "Site", "link", "https://www.example.com/hank", "My <site>"}, {"Xf1", "Desk <3>", "text", "4", "By the window"},
		{"Xf2", "Manager", "user", boss, ""}, {"Xf7", "Buddies", "user", "UOTHER0000, UNOBODY001", ""}, {"Xf9", "Xf9", "text", "undefined", ""}}
	if diff := cmp.Diff(want, got.CustomFields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page := get(t, h, "/users/"+team+"/"+hand).Body.String()
	if !strings.Contains(page, `href="/users/`+team+`/`+hand+`.json"`) {
		t.Error("the page has no link to the file")
	}
	for path, status := range map[string]int{"/U404.json": 404, "/.json": 404, "/U1.json.json": 404, "/U1.txt": 404} {
		if w := get(t, h, "/users/"+team+path); w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if forgotten := get(t, serving(t, people(t)), "/users/"+team+"/U5.json").Body.String(); strings.Contains(forgotten, "secret") || !strings.Contains(forgotten, `"kind": "forgotten"`) {
		t.Errorf("of a forgotten person: %s", forgotten)
	}
	if removed := get(t, serving(t, people(t)), "/users/"+team+"/U4.json").Body.String(); !strings.Contains(removed, `"removed": true`) {
		t.Errorf("of a removed person: %s", removed)
	}
}

// TestPersonIsLive: the page hears of the person's changes, and of nobody else's.
func TestPersonIsLive(t *testing.T) {
	o := testOptions(t, people(t))
	server := httptest.NewServer(New(t.Context(), o))
	t.Cleanup(server.Close)
	page := get(t, server.Config.Handler, "/users/"+team+"/U1").Body.String()
	found := regexp.MustCompile(`data-live="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no address in\n%s", page)
	}
	events := listenTo(t, server.URL+html.UnescapeString(found[1]), "")
	h := newHistorian(t, o.Store)
	h.event(`{"id":"U2","name":"boris","profile":{"real_name":"Boris the Second"}}`)
	h.event(`{"id":"U1","name":"ada","profile":{"real_name":"Ada King"}}`)
	e, _ := next(t, events)
	if e.name != "changed" || e.data != "" || e.id == "" {
		t.Errorf("%+v", e)
	}
	select {
	case e := <-events:
		t.Errorf("and then %+v", e)
	case <-time.After(100 * time.Millisecond):
	}
	// A browser that reconnects goes on from there.
	h.event(`{"id":"U1","name":"ada","profile":{"real_name":"Ada Byron"}}`)
	if e, _ := next(t, listenTo(t, server.URL+"/users/"+team+"/U1/events", e.id)); e.name != "changed" {
		t.Errorf("after the cut: %+v", e)
	}
	for path, status := range map[string]int{"/users/T404/U1/events": 404, "/users/" + team + "/x%20y/events": 404, "/users/" + team + "/U1/events?sort=x": 400} {
		if w := get(t, server.Config.Handler, path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestFields(t *testing.T) {
	slack, err := ijson.Parse([]byte(`{"id":"U1","updated":1648592000,"tz_offset":1648592000,"deleted":false,"n":0,"blank":"","null":null,"none":{},"empty":[],"deep":[{"x_ts":1648592000.5,"start_date":1648592000},""],
		"last_ts":12,"url":"https://example.com/a?b=c","bad":"javascript:alert(1)","mail":"mailto:x@example.com","user":"https://u:p@example.com/","name":"https://"}`))
	if err != nil {
		t.Fatal(err)
	}
	got := fields(slack)
	at := time.Unix(1648592000, 0).UTC()
	want := []field{{Path: "bad", Value: "javascript:alert(1)"}, {Path: "deep[0].start_date", Value: "1648592000", Time: at}, {Path: "deep[0].x_ts", Value: "1648592000.5"}, {Path: "deleted", Value: "false"},
		{Path: "id", Value: "U1"}, {Path: "last_ts", Value: "12"}, {Path: "mail", Value: "mailto:x@example.com"}, {Path: "n", Value: "0"}, {Path: "name", Value: "https://"}, {Path: "tz_offset", Value: "1648592000"},
		{Path: "updated", Value: "1648592000", Time: at}, {Path: "url", Value: "https://example.com/a?b=c", Link: "https://example.com/a?b=c"}, {Path: "user", Value: "https://u:p@example.com/"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAddresses(t *testing.T) {
	for phone, want := range map[string]string{"+44 20 7946 0018": "tel:+442079460018", "+44 (0)20 7946-0018": "tel:+442079460018", "(020) 7946.0018": "tel:02079460018", "044/555 01 77 ext. 5": "tel:0445550177",
		"+1 555 0100 x12": "tel:+15550100", "112": "tel:112", "12": "", "n/a": "", "": "", "ext 4711": "", "+": "", "+41\u00a044 555": "tel:+4144555", "1\n2\n3;phone-context=evil": ""} {
		if got := callAddress(phone); got != want {
			t.Errorf("%q: %q, want %q", phone, got, want)
		}
	}
	for email, want := range map[string]string{"ada@example.com": "mailto:ada@example.com", "a+b@example.com": "mailto:a+b@example.com", "a?bcc=x@example.com": "mailto:a%3Fbcc=x@example.com",
		"ada": "", "@example.com": "", "ada@": "", "a b@example.com": "", "a@example.com\nBcc: x": "", "": ""} {
		if got := mailAddress(email); got != want {
			t.Errorf("%q: %q, want %q", email, got, want)
		}
	}
}

// maxPersonBytes is what a person's page may weigh, with everything that it loads except pictures of people.
const maxPersonBytes = 30_000

// TestPersonWeighsLittle loads the page as a browser without a cache does.
func TestPersonWeighsLittle(t *testing.T) {
	h := servingStore(t, staff(t, 20))
	total := 0
	var load func(path string)
	loaded := map[string]bool{}
	load = func(path string) {
		if loaded[path] {
			return
		}
		loaded[path] = true
		r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		r.Header.Set("Accept-Encoding", "gzip")
		h.ServeHTTP(w, r)
		total += w.Body.Len()
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "gzip" {
			t.Logf("%s: %d, %d bytes, encoding %q", path, w.Code, w.Body.Len(), w.Header().Get("Content-Encoding"))
			return
		}
		z, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		t.Logf("%6d bytes: %s", w.Body.Len(), path)
		for _, m := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(text.String(), -1) {
			load(m[1])
		}
		for _, m := range regexp.MustCompile(`(?:from|import) "\./([^"]+)"`).FindAllStringSubmatch(text.String(), -1) {
			load(assetsPath + m[1])
		}
	}
	load("/users/" + team + "/" + hand + "?sort=name")
	if total > maxPersonBytes || len(loaded) < 10 {
		t.Errorf("%d bytes in %d requests", total, len(loaded))
	}
	t.Logf("%d bytes in %d requests", total, len(loaded))
}

// BenchmarkPerson measures a person's page that was reached from a list, with 1,000 and with 100,000 people.
func BenchmarkPerson(b *testing.B) {
	took := map[string]float64{}
	for _, n := range []int{1_000, 100_000} {
		h := New(b.Context(), Options{Store: inSQLite(b, n), Log: slog.New(slog.DiscardHandler)})
		for _, query := range []string{"?sort=name", "?sort=changed&show=all", "?sort=name&q=a&kind=members"} {
			found := regexp.MustCompile(`href="(/users/`+team+`/[^"]+)"`).FindAllStringSubmatch(next50(b, h, "/"+query), -1)
			path := html.UnescapeString(found[len(found)/2][1])
			b.Run(fmt.Sprintf("%s/%d", query, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					next50(b, h, path)
				}
				perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				if before, ok := took[query]; ok {
					b.ReportMetric(perOp/before, "times-of-1000")
				} else {
					took[query] = perOp
				}
			})
		}
	}
}
