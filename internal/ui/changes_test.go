package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/store/sqlite"
)

// historian applies changes to a store that keeps history. Each is a second after the one before.
type historian struct {
	t       testing.TB
	store   *sqlite.Store
	version directory.Version
}

func newHistorian(t testing.TB, store Store) *historian {
	return &historian{t, store.(*sqlite.Store), 1648596712000001}
}

func (h *historian) apply(op directory.Operation, source directory.Source, object string) *directory.Record {
	h.t.Helper()
	h.version += 1_000_000
	c, err := directory.NewChange(directory.Change{Operation: op, TeamID: team, User: []byte(object), Version: h.version, Source: source})
	if err != nil {
		h.t.Fatal(err)
	}
	applied, err := directory.ApplyTo(h.t.Context(), h.store, c, 24*time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return applied.Record
}

func (h *historian) event(object string) *directory.Record {
	h.t.Helper()
	return h.apply(directory.Insert, directory.FromEvent, object)
}

// eventful is a store in which something of each kind has happened to [people].
func eventful(t *testing.T) Store {
	t.Helper()
	s := people(t).store(t)
	h := newHistorian(t, s)
	if err := h.store.PutTeamProfile(t.Context(), team, json.RawMessage(`{"fields":[{"id":"Xf1","label":"Desk <3>"},{"id":"Xf2","label":" "}]}`)); err != nil {
		t.Fatal(err)
	}
	ada := func(flags, profile string) string {
		return `{"id":"U1","team_id":"T0ROLLCALL","name":"ada","tz":"Europe/London"` + flags + `,"profile":{"real_name":"Ada Lovelace","display_name":"ada","email":"ada@example.com"` + profile + `}}`
	}
	h.event(ada(`,"is_admin":true`, `,"title":"Lead <b>analyst</b>"`))
	h.event(ada(``, `,"title":"Lead <b>analyst</b>","phone":"+44 1"`))
	h.event(ada(``, `,"title":"Lead <b>analyst</b>","phone":"+44 1","avatar_hash":"abc"`))
	h.event(ada(``, `,"title":"Lead <b>analyst</b>","avatar_hash":"abc","fields":{"Xf1":{"value":"4","alt":"By the window"},"Xf2":{"value":"x"}}`))
	h.event(`{"id":"U2","name":"boris","tz":"Europe/Sofia","profile":{"real_name":"Борис Иванов"}}`)
	h.apply(directory.Insert, directory.FromSync, `{"id":"U6","name":"grace","profile":{"real_name":"Grace Hopper","title":"Secret title"}}`)
	h.apply(directory.Delete, directory.FromSync, `{"id":"U6"}`)
	h.event(ada(`,"deleted":true`, `,"title":"Lead <b>analyst</b>"`))
	h.event(`{"id":"U7","name":"hugo","profile":{"real_name":"Hugo Secret"}}`)
	h.event(`{"id":"U7","is_forgotten":true}`)
	return s
}

var (
	placePattern = regexp.MustCompile(`id="[0-9a-f]{32}" data-changed="\d{20}" (data-user="\w+") data-place="[\w-]+"`)
	dayPattern   = regexp.MustCompile(`id="day-[\d-]+" class="day" data-changed="\d{20}~" data-place="[\w-]+"(.*?<h2>)[^<]+`)
)

func TestChangesPage(t *testing.T) {
	s := eventful(t)
	today := time.Now().UTC().Format(time.DateOnly)
	tests := []struct {
		name, path string
		status     int
	}{
		{"changes", "/changes", 200},
		{"changes of a person", "/changes?user=U1&type=user.updated", 200},
		{"changes of nobody", "/changes?user=U404", 200},
		{"changes of no day", "/changes?oldest=2022-03-30&latest=2022-03-30", 200},
		{"person with history", "/users/" + team + "/U1", 200},
		{"forgotten with history", "/users/" + team + "/U7", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t, &fake{})
			o.Store = s
			w := get(t, New(t.Context(), o), tt.path)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			page := placePattern.ReplaceAllString(w.Body.String(), `id="ID" data-changed="KEY" $1 data-place="PLACE"`)
			golden(t, strings.ReplaceAll(tt.name, " ", "-"), dayPattern.ReplaceAllString(page, `id="day-DAY" class="day" data-changed="KEY~" data-place="PLACE"${1}DAY`))
			checkMarkup(t, w.Body.String())
			checkHeaders(t, w.Header())
		})
	}
	t.Run("without history", func(t *testing.T) {
		w := get(t, serving(t, people(t)), "/changes")
		golden(t, "no-changes", w.Body.String())
		checkMarkup(t, w.Body.String())
	})
	o := testOptions(t, &fake{})
	o.Store = s
	h := New(t.Context(), o)
	for query, want := range map[string]int{
		"": 9, "type=user.updated": 4, "type=user.created&type=user.removed": 2, "type=&type=user.deactivated": 1, "type=user.forgotten": 1,
		"user=U1": 5, "user=U2": 1, "user=U7": 1, "user=U1&type=user.deactivated": 1,
		"oldest=" + today: 9, "latest=" + today: 9, "oldest=" + today + "&latest=" + today: 9, "latest=2022-03-30": 0, "oldest=2099-01-01": 0,
	} {
		ids, _ := read(t, get(t, h, "/changes?"+query).Body.String())
		if len(ids) != want {
			t.Errorf("%s: %d rows, want %d", query, len(ids), want)
		}
		counted := fmt.Sprintf(`<span id="count">%s</span>`, plural(want, "change"))
		for _, path := range []string{"/changes?count=1&", "/changes/count?"} { // without JavaScript and with it
			if page := get(t, h, path+query).Body.String(); !strings.Contains(page, counted) {
				t.Errorf("%s%s does not say %s", path, query, counted)
			}
		}
	}
	for _, secret := range []string{"Secret", "Grace Hopper", "Hugo"} {
		if page := get(t, h, "/changes").Body.String(); strings.Contains(page, secret) {
			t.Errorf("the page shows %s of somebody removed or forgotten", secret)
		}
	}
	for _, path := range []string{"/changes?user=U7", "/changes.csv", "/changes.json", "/users/" + team + "/U7"} {
		if w := get(t, h, path); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "ugo") {
			t.Errorf("%s: %d, of somebody forgotten: %s", path, w.Code, w.Body)
		}
	}
}

// TestNobodyYet: before the first workspace the page waits for it.
func TestNobodyYet(t *testing.T) {
	h := serving(t, &fake{})
	if w := get(t, h, "/changes"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Nobody is here yet") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/changes.csv", "/changes.json", "/changes/count", "/changes/events"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestBadChanges(t *testing.T) {
	h := serving(t, people(t))
	zero := directory.RecordCursor{}.String()
	far := directory.RecordCursor{WrittenAt: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), ID: "a"}.String()
	good := directory.RecordCursor{WrittenAt: noon, ID: "a"}.String()
	for _, query := range []string{"type=joined", "type=user.updated&type=x", "user=a/b", "user=.", "oldest=yesterday", "oldest=2022-02-30", "latest=2022-3-1", "latest=9999-12-31",
		"oldest=0001-01-01", "latest=2022-03-30T00:00:00Z", "after=x", "before=x", "after=" + zero, "before=" + far, "after=" + good + "&before=" + good, "type=%zz", "user=%ff"} {
		for _, path := range []string{"/changes", "/changes.csv", "/changes.json", "/changes/count", "/changes/events"} {
			if w := get(t, h, path+"?"+query); w.Code != http.StatusBadRequest {
				t.Errorf("%s?%s: %d", path, query, w.Code)
			}
		}
	}
}

// FuzzChangeList: any parameters are a list or an error, and a list's address gives the same list again.
func FuzzChangeList(f *testing.F) {
	f.Add("team=T1&user=U1&type=user.updated&type=user.created&oldest=2022-03-30&latest=2022-03-31")
	f.Add("after=WzEsImEiXQ&before=")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		l, err := parseChanges(q)
		if err != nil {
			return
		}
		again, err := parseChanges(l.values())
		if err != nil || again.address("/") != l.address("/") || !cmp.Equal(again.req.Filter, l.req.Filter) {
			t.Errorf("%q becomes %q, error %v", l.address("/"), again.address("/"), err)
		}
	})
}

// TestChangesLinkUp: following Older to the end, and Newer back, shows every record once each way.
func TestChangesLinkUp(t *testing.T) {
	o := testOptions(t, people(t))
	changes := newHistorian(t, o.Store)
	for i := range 2*changesPageSize + 23 {
		changes.event(fmt.Sprintf(`{"id":"U%d","name":"n%d"}`, 10+i%7, i))
	}
	h := New(t.Context(), o)
	for _, filter := range []string{"", "?type=user.updated&user=U12"} {
		var forward, backward []string
		last := "/changes" + filter
		for path := last; path != ""; {
			ids, links := read(t, get(t, h, path).Body.String())
			forward = append(forward, ids...)
			last, path = path, links["next"]
		}
		for path := last; path != ""; {
			ids, links := read(t, get(t, h, path).Body.String())
			backward = append(ids, backward...)
			path = links["prev"]
		}
		if want := map[string]int{"": 123}[filter]; want > 0 && len(forward) != want || len(forward) == 0 {
			t.Errorf("%d records", len(forward))
		}
		if diff := cmp.Diff(forward, backward); diff != "" {
			t.Errorf("%s (-forward +backward):\n%s", filter, diff)
		}
	}
}

// TestChangesLive: a record that is written after the page was read reaches the page, and an erasure
// takes the person's other rows away, whatever the list shows.
func TestChangesLive(t *testing.T) {
	o := testOptions(t, people(t))
	changes := newHistorian(t, o.Store)
	server := httptest.NewServer(New(t.Context(), o))
	t.Cleanup(server.Close)
	since := sincePattern.FindString(get(t, server.Config.Handler, "/changes").Body.String())
	if since == "" {
		t.Fatal("the page has no place to go on from")
	}
	changes.event(`{"id":"U8","name":"ida","profile":{"real_name":"Ida <b>Rhodes</b>"}}`)
	all, joined := listenTo(t, server.URL+"/changes/events?"+since, ""), listenTo(t, server.URL+"/changes/events?type=user.created&"+since, "")
	for _, events := range []<-chan event{all, joined} {
		if e, row := next(t, events); row.Gone || !strings.Contains(row.HTML, "Ida &lt;b&gt;Rhodes") || !strings.Contains(row.HTML, ">joined<") || !strings.Contains(row.HTML, `data-user="U8"`) {
			t.Errorf("%+v", e)
		}
	}
	changes.event(`{"id":"U8","name":"ida","profile":{"real_name":"Ida Rhodes","title":"Secret"}}`)
	if _, row := next(t, all); row.Gone || !strings.Contains(row.HTML, "Secret") {
		t.Errorf("%+v", row)
	}
	if e, row := next(t, joined); !row.Gone || strings.Contains(e.data, "Secret") {
		t.Errorf("outside of the filter the stream sends %s", e.data)
	}
	changes.event(`{"id":"U8","is_forgotten":true}`)
	for _, events := range []<-chan event{all, joined} {
		if e, _ := next(t, events); !strings.Contains(e.data, `"erased":"U8"`) || strings.Contains(e.data, "Ida") {
			t.Errorf("the erasure is %s", e.data)
		}
	}
	// A viewer who reconnects does not get what was erased.
	again := listenTo(t, server.URL+"/changes/events?"+since, "")
	for range 3 {
		if e, _ := next(t, again); strings.Contains(e.data, "Ida") || strings.Contains(e.data, "Secret") {
			t.Errorf("after the erasure: %s", e.data)
		}
	}
}

// TestChangesAudit: each answer that shows changes writes one audit line, without a name or a search.
func TestChangesAudit(t *testing.T) {
	s := eventful(t)
	everybody := []any{"U1", "U2", "U6", "U7"}
	for _, tt := range []struct {
		method, path, view string
		status, count      float64
		ids                []any
		filters            []string
	}{
		{"GET", "/changes", "changes", 200, 9, everybody, nil},
		{"HEAD", "/changes", "changes", 200, 9, everybody, nil},
		{"GET", "/changes?user=U2&type=user.reactivated", "changes", 200, 1, []any{"U2"}, []string{"type", "user"}},
		{"GET", "/changes?user=U404&oldest=2022-01-01", "changes", 200, 0, []any{"U404"}, []string{"oldest", "user"}},
		{"GET", "/changes?team=T404", "changes", 404, 0, nil, nil},
		{"GET", "/changes.csv", "changes_csv", 200, 9, everybody, nil},
		{"GET", "/changes.json?user=U1", "changes_json", 200, 5, []any{"U1"}, []string{"user"}},
		{"GET", "/changes/count?user=U1", "changes_count", 200, 0, []any{"U1"}, []string{"user"}},
		{"HEAD", "/changes/events", "changes_live", 200, 0, nil, nil},
		{"GET", "/changes/events?team=T404", "changes_live", 404, 0, nil, nil},
		{"GET", "/users/" + team + "/U1", "person", 200, 1, []any{"U1"}, nil},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			var requests, log bytes.Buffer
			o := testOptions(t, &fake{})
			o.Store, o.Authenticate = s, signedIn(viewer{Email: "grace@example.com"})
			o.Log, o.Audit = slog.New(slog.NewJSONHandler(&requests, nil)), audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil)
			New(t.Context(), o).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil))
			if strings.Contains(requests.String(), "U1") || strings.Contains(log.String(), "ovelace") || strings.Count(log.String(), "\n") != 1 {
				t.Fatalf("logged: %s%s", &requests, &log)
			}
			var got map[string]any
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			ids, _ := got["user_ids"].([]any)
			slices.SortFunc(ids, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			var filters []string
			if hashes, ok := got["filters"].(map[string]any); ok {
				for name := range hashes {
					filters = append(filters, name)
				}
				slices.Sort(filters)
			}
			if diff := cmp.Diff([]any{tt.view, tt.method, tt.status, tt.count, tt.ids, tt.filters}, []any{got["view"], got["method"], got["status"], got["count"], ids, filters}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
