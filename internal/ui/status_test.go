package ui

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
)

// syncer counts requests.
type syncer struct {
	started int
	err     error
}

func (s *syncer) StartSync(context.Context) error { s.started++; return s.err }

type letters struct {
	n   int
	err error
}

func (l letters) Waiting(context.Context) (int, error) { return l.n, l.err }

// hourly starts seven minutes past each hour.
type hourly struct{}

func (hourly) Next(after time.Time) time.Time {
	return after.Add(-7 * time.Minute).Truncate(time.Hour).Add(67 * time.Minute)
}

var noon = time.Date(2022, 3, 30, 12, 0, 0, 0, time.UTC)

func done(at time.Time) syncs.Sync {
	return syncs.Sync{ID: at.Format("20060102T150405.000Z"), TeamID: team, State: syncs.Done, Started: at, Ended: at.Add(90 * time.Second),
		Pages: 3, Listed: 2500, Inserted: 1, Updated: 2, Removed: 3, Unchanged: 2494, Drift: 4, Calls: 6, Waits: 1, Reads: 12, Writes: 8,
		TimeZones: map[string]int{"Europe/London": 2000, "Asia/Tokyo": 499}}
}

func TestStatus(t *testing.T) {
	running := syncs.Sync{ID: "2022", TeamID: team, State: syncs.Running, Started: noon.Add(-time.Minute), Pages: 1, Listed: 1000}
	failed := syncs.Sync{ID: "20220330T110000.000Z", TeamID: team, State: syncs.Failed, Started: noon.Add(-time.Hour), Error: "slack users.list: account_inactive: install <it> again"}
	running.ID = "20220330T115900.000Z"
	tests := []struct {
		name    string
		syncs   []syncs.Sync
		path    string
		letters DeadLetters
		leased  time.Duration
	}{
		{"status never synced", nil, "/status", nil, 0},
		{"status done", []syncs.Sync{done(noon.Add(-2 * time.Hour))}, "/status", letters{3, nil}, 0},
		{"status failed", []syncs.Sync{failed, done(noon.Add(-2 * time.Hour))}, "/status", letters{0, errors.New("secret detail")}, 0},
		{"status incomplete", []syncs.Sync{done(noon.Add(-time.Hour)), done(noon.Add(-2 * time.Hour))}, "/status", letters{1, nil}, 0},
		{"status running", []syncs.Sync{running, done(noon.Add(-2 * time.Hour))}, "/status?team=" + team, nil, time.Second},
		{"status killed", []syncs.Sync{running, done(noon.Add(-2 * time.Hour))}, "/status", nil, -time.Second},
		{"status starting", []syncs.Sync{done(noon.Add(-2 * time.Hour))}, "/status?started=1648641590", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := people(t)
			f.syncs = tt.syncs
			o := testOptions(t, f)
			o.Syncer, o.DeadLetters, o.DeadLettersCommand, o.Schedule = &syncer{}, tt.letters, "rollcallctl deadletters list", hourly{}
			if err := o.Store.(*sqlite.Store).Lease(t.Context(), team, "a", noon.Add(tt.leased)); err != nil {
				t.Fatal(err)
			}
			w := get(t, New(t.Context(), o), tt.path)
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			golden(t, strings.ReplaceAll(tt.name, " ", "-"), w.Body.String())
			checkMarkup(t, w.Body.String())
			checkHeaders(t, w.Header())
		})
	}
	if w := get(t, serving(t, &fake{}), "/status"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Sync now") {
		t.Errorf("no people and no syncer: %d\n%s", w.Code, w.Body)
	}
}

// TestNoDeadLettersCommand: where no command can list dead letters, the page shows none.
func TestNoDeadLettersCommand(t *testing.T) {
	o := testOptions(t, people(t))
	o.DeadLetters = letters{3, nil}
	page := get(t, New(t.Context(), o), "/status").Body.String()
	if !strings.Contains(page, `<dd id="dead">3</dd>`) || strings.Contains(page, "<code>") {
		t.Errorf("status:\n%s", page)
	}
}

// asked records how often dead letters are counted, and whether that has a deadline.
type asked struct {
	times    int
	deadline bool
}

func (a *asked) Waiting(ctx context.Context) (int, error) {
	a.times++
	_, a.deadline = ctx.Deadline()
	return 1234, nil
}

// TestDeadLettersAreCountedOnce: many viewers do not use up Cloud Monitoring's quota, and a slow answer does not block the page.
func TestDeadLettersAreCountedOnce(t *testing.T) {
	var a asked
	o := testOptions(t, people(t))
	o.DeadLetters = &a
	h := New(t.Context(), o)
	for range 3 {
		if page := get(t, h, "/status").Body.String(); !strings.Contains(page, `<dd id="dead">1,234</dd>`) {
			t.Error(page)
		}
	}
	if a.times != 1 || !a.deadline {
		t.Errorf("asked %d times, with a deadline: %v", a.times, a.deadline)
	}
}

func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// same is the header that a browser sends with a form of the page itself.
var same = []string{"Sec-Fetch-Site", "same-origin"}

func TestStartSync(t *testing.T) {
	tests := []struct {
		name     string
		body     string
		header   []string
		err      error
		status   int
		started  int
		location string
	}{
		{"same origin", "team=" + team, same, nil, 303, 1, "/status?started=1648641600&team=" + team},
		{"no workspace", "", same, nil, 303, 1, "/status?started=1648641600"},
		{"an old browser", "", []string{"Origin", "http://example.com"}, nil, 303, 1, "/status?started=1648641600"},
		{"no origin", "", nil, nil, 403, 0, ""},
		{"another site's page", "team=" + team, []string{"Sec-Fetch-Site", "cross-site"}, nil, 403, 0, ""},
		{"another site's form in an old browser", "team=" + team, []string{"Origin", "https://evil.example"}, nil, 403, 0, ""},
		{"invalid workspace", "team=a/b", same, nil, 400, 0, ""},
		{"already running", "", same, syncs.ErrLeased, 303, 1, "/status"},
		{"refused", "", same, errors.New("permission denied on secret-project"), 503, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t, people(t))
			s := &syncer{err: tt.err}
			o.Syncer = s
			w := post(New(t.Context(), o), "/sync", tt.body, tt.header...)
			if w.Code != tt.status || s.started != tt.started || w.Header().Get("Location") != tt.location {
				t.Errorf("status %d, started %d times, to %q", w.Code, s.started, w.Header().Get("Location"))
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("the answer contains the error")
			}
		})
	}
	if w := post(serving(t, people(t)), "/sync", "", same...); w.Code != http.StatusNotFound {
		t.Errorf("without a syncer: %d", w.Code)
	}
}

func TestCount(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range 1234 {
		f.users = append(f.users, directory.User{ID: "U" + strings.Repeat("x", i%7) + time.Unix(int64(i), 0).Format("150405"), TeamID: team, SortName: "n", Name: "n", Version: 1})
	}
	h := serving(t, f)
	if got := get(t, h, "/users/count").Body.String(); !strings.HasPrefix(got, `<span id="count">1,234 people</span>`) {
		t.Error(got)
	}
	if w := get(t, h, "/?count=1"); !strings.Contains(w.Body.String(), "1,234 people") {
		t.Error("?count=1 does not show the count")
	}
	if w := get(t, h, "/users/count?q=zzz"); !strings.Contains(w.Body.String(), ">0 people<") {
		t.Errorf("nobody: %s", w.Body)
	}
}

// TestCountBots: bots are accounts, but not people.
func TestCountBots(t *testing.T) {
	f := people(t)
	f.users = append(f.users, user(t, `{"id":"U6","is_bot":true,"profile":{"real_name":"Deploybot"}}`))
	h := serving(t, f)
	for query, want := range map[string]string{"": "2 people and 1 bot", "?show=all": "4 people and 1 bot", "?kind=bots": "1 bot", "?kind=admins": "1 person",
		"?q=ada": "1 person", "?q=deploybot": "1 bot", "?kind=bots&q=ada": "0 people"} {
		if got := get(t, h, "/users/count"+query).Body.String(); !strings.HasPrefix(got, `<span id="count">`+want+`</span>`) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for c, want := range map[counted]string{{accounts: 1234, bots: 1}: "up to 1,234 accounts", {accounts: 1, bots: 1}: "up to 1 account", {}: "0 people",
		{accounts: 1234, bots: 1, exact: true}: "1,233 people and 1 bot", {accounts: 1, exact: true}: "1 person", {accounts: 1002, bots: 1001, exact: true}: "1 person and 1,001 bots"} {
		if got := c.String(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

// numbers are names that differ, with commas between them.
func numbers(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return strings.Join(all, ",")
}

// TestZonesInAddresses: time zones are in an address in one order and once each.
func TestZonesInAddresses(t *testing.T) {
	for text, want := range map[string]string{"": "", "Europe/London": "Europe/London", "Europe/London,Asia/Tokyo,Europe/London": "Asia/Tokyo,Europe/London", numbers(30): numbers(30)} {
		l, err := parseListRequest(url.Values{"tz": {text}})
		got := l.values().Get("tz")
		if want := strings.Split(want, ","); err != nil || !slices.Equal(strings.Split(got, ","), slices.Sorted(slices.Values(want))) {
			t.Errorf("%q becomes %q, want %q, error %v", text, got, want, err)
		}
	}
}

func TestBadParameters(t *testing.T) {
	h := serving(t, people(t))
	for _, query := range []string{"show=x", "kind=x", "sort=x", "q=" + strings.Repeat("a", maxQueryBytes+1), "tz=" + strings.Repeat("a", maxZoneBytes+1), "tz=a,", "tz=a," + strings.Repeat("b", maxZoneBytes+1),
		"tz=" + strings.Repeat("a,", maxZonesBytes) + "a", "tz=" + numbers(31), "q=%zz", "tz=%ff"} {
		for _, path := range []string{"/", "/users/count", "/users.csv", "/users.json", "/events"} {
			if w := get(t, h, path+"?"+query); w.Code != http.StatusBadRequest {
				t.Errorf("%s?%.20s: %d", path, query, w.Code)
			}
		}
	}
	if w := get(t, h, "/?team=T404&q=ada"); w.Code != http.StatusNotFound {
		t.Errorf("no such workspace: %d", w.Code)
	}
}

// TestLastEventIsNotAhead: an event that a wrong clock dated into the year 2200 is not the last one.
func TestLastEventIsNotAhead(t *testing.T) {
	f := people(t)
	ahead := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	u, _, err := directory.Apply(nil, directory.Change{Operation: directory.Insert, TeamID: team, UserID: "U9", User: []byte(`{"id":"U9","name":"tomorrow"}`),
		Version: directory.VersionOf(ahead), Source: directory.FromEvent}, ahead)
	if err != nil {
		t.Fatal(err)
	}
	f.users = append(f.users, u)
	page := get(t, serving(t, f), "/status").Body.String()
	if last := directory.Version(1648596712000001).Time().Format("2006-01-02T15:04"); strings.Contains(page, "2200-") || !strings.Contains(page, last) {
		t.Errorf("not %s:\n%s", last, page)
	}
}
