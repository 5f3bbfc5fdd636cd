package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/config"
	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
	"rollcall/internal/terminal"
)

// kept is what a data file has of the invented workspace.
type kept struct {
	people  map[string]directory.User
	records []directory.Record // the newest first
}

func read(t *testing.T, data string) (k kept) {
	t.Helper()
	s, err := sqlite.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	page, err := s.Users(t.Context(), inventedTeam, directory.PageRequest{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	k.people = map[string]directory.User{}
	for _, listed := range page.Users {
		u, _, err := s.User(t.Context(), inventedTeam, listed.ID) // with its parts
		if err != nil {
			t.Fatal(err)
		}
		k.people[u.ID] = u
	}
	history, err := s.Records(t.Context(), inventedTeam, directory.RecordPageRequest{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	k.records = history.Records
	return k
}

// names are those by which the people are known, by id.
func (k kept) names() map[string]string {
	all := map[string]string{}
	for id, u := range k.people {
		all[id] = u.RealName + " @" + u.Name
	}
	return all
}

// ready waits for the end of the first sync, and ends the run.
func (r *running) ready(t *testing.T) string {
	t.Helper()
	eventually(t, patience, "it is ready", func() bool { return strings.Contains(r.out.String(), "Ready after ") })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	return r.out.String()
}

// TestPast: a new file has weeks of history in the order of its times, and the pages show it.
func TestPast(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	first := start(t, Options{Data: data, ChangeInterval: time.Hour})
	address := first.address(t)
	eventually(t, patience, "it is ready", func() bool { return strings.Contains(first.out.String(), "Ready after ") })
	if page := get(t, address+"/changes"); strings.Count(page, "<tr id=") < 50 {
		t.Errorf("changes:\n%s", page)
	}
	if page := get(t, address+"/status"); !strings.Contains(page, "Changes a day") {
		t.Errorf("status:\n%s", page)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	k := read(t, data)
	if len(k.people) != 250 {
		t.Errorf("%d people", len(k.people))
	}
	types, days, persons, recent := map[directory.RecordType]int{}, map[string]bool{}, map[string]bool{}, 0
	for i, r := range k.records {
		types[r.Type]++
		days[r.WrittenAt.Format(time.DateOnly)] = true
		persons[r.UserID] = true
		if !r.WrittenAt.Equal(r.At) || !r.ExpireAt.Equal(r.At.Add(historyTTL)) || time.Since(r.At) < 0 || time.Since(r.At) > pastWeeks*7*24*time.Hour {
			t.Errorf("a record of %v was written at %v, until %v", r.At, r.WrittenAt, r.ExpireAt)
		}
		if i > 0 && !r.WrittenAt.Before(k.records[i-1].WrittenAt) {
			t.Error("the history is not in order")
		}
		if slices.ContainsFunc(r.Changed, func(path string) bool { return strings.HasPrefix(path, customPrefix) }) && r.Type == directory.UserUpdated {
			t.Errorf("a record of fields that were never unknown: %v", r.Changed)
		}
	}
	for _, u := range k.people {
		if time.Since(time.Unix(u.Updated, 0)) < pastWeeks*7*24*time.Hour {
			recent++
		}
	}
	if len(k.records) < 100 || len(days) < 20 || len(persons) < 60 || recent < 60 || recent > 200 {
		t.Errorf("%d changes on %d days of %d people; %d changed lately", len(k.records), len(days), len(persons), recent)
	}
	for _, what := range []directory.RecordType{directory.UserCreated, directory.UserUpdated, directory.UserDeactivated, directory.UserReactivated} {
		if types[what] < 3 {
			t.Errorf("%d of %s", types[what], what)
		}
	}
}

// TestSecondStart: the next start has the same people as they were left, those who joined or changed meanwhile too.
// It makes no past again, its sync finds nothing to do, and the page has everybody's picture, from another port.
func TestSecondStart(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	first := start(t, Options{Data: data, ChangeInterval: 2 * time.Millisecond})
	first.address(t)
	eventually(t, patience, "some have joined", func() bool { return strings.Count(first.out.String(), "  joined  ") > 20 })
	first.ready(t)
	before := read(t, data)
	if len(before.people) < 270 {
		t.Fatalf("%d people", len(before.people))
	}
	for range 2 {
		again := start(t, Options{Data: data, ChangeInterval: time.Hour})
		address := again.address(t)
		eventually(t, patience, "it is ready", func() bool { return strings.Contains(again.out.String(), "Ready after ") })
		pictures(t, address)
		out := again.ready(t)
		listed := 0
		for _, u := range before.people {
			if u.Kind != directory.External {
				listed++
			}
		}
		want := fmt.Sprintf("%d listed, 0 inserted, 0 updated, 0 removed, %[1]d unchanged, drift 0", listed)
		if !strings.Contains(out, want) || !strings.Contains(out, fmt.Sprintf("The %d accounts are those of the last start", listed)) {
			t.Errorf("not %q:\n%s", want, out)
		}
		after := read(t, data)
		if diff := cmp.Diff(before.names(), after.names()); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
		if len(after.records) != len(before.records) {
			t.Errorf("%d records of history became %d", len(before.records), len(after.records))
		}
		for id, u := range after.people {
			if was := before.people[id]; was.Updated != u.Updated || was.Title != u.Title || was.StatusText != u.StatusText || was.TZ != u.TZ || was.Kind != u.Kind || was.Deleted != u.Deleted {
				t.Errorf("%+v became %+v", was, u)
			}
			whole, err := json.Marshal(u)
			if err != nil {
				t.Fatal(err)
			}
			for _, elsewhere := range served.FindAllString(string(whole), -1) {
				if elsewhere != address+"/" {
					t.Errorf("%s has a picture at %s, not at %s", id, elsewhere, address)
				}
			}
		}
	}
	third := start(t, Options{Data: data, ChangeInterval: 2 * time.Millisecond}) // and they live on
	address := third.address(t)
	eventually(t, patience, "people change again", func() bool { return changeLine(address).MatchString(third.out.String()) })
	busy := Run(t.Context(), Options{Data: data, ChangeInterval: time.Hour, Out: io.Discard, Config: config.Local{Project: "p"}})
	if busy == nil || !strings.Contains(busy.Error(), "another process") {
		t.Errorf("two at once: %v", busy)
	}
}

var picture = regexp.MustCompile(`<img src="([^"]+/avatars/[^"]+)"`)

// pictures fetches those of everybody on the first page, which its Content-Security-Policy has to allow.
func pictures(t *testing.T, address string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := picture.FindAllStringSubmatch(string(page), -1)
	if rows := len(rowID.FindAllString(string(page), -1)); rows < 50 || len(found) != rows {
		t.Errorf("%d people and %d pictures on the page", rows, len(found))
	}
	for _, m := range found {
		origin, _, _ := strings.Cut(m[1], "/avatars/")
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, " "+origin) {
			t.Errorf("%s may not be loaded: %s", m[1], policy)
		}
		if status, body := ask(t, http.MethodGet, m[1], "", ""); status != http.StatusOK || !strings.Contains(body, "<svg") {
			t.Errorf("%s: %d", m[1], status)
		}
	}
}

// TestProgress: a terminal shows how far the past is, in one line that is gone at the end.
func TestProgress(t *testing.T) {
	r := start(t, Options{Terminal: true, ChangeInterval: time.Hour})
	r.address(t)
	out := r.ready(t)
	for _, want := range []string{terminal.ClearLine + "50 people", terminal.ClearLine + "100 changes", terminal.ClearLine + "Invented in "} {
		if !strings.Contains(out, want) {
			t.Errorf("not %q in %q", want, out)
		}
	}
}

// TestProgressInAFile: where no line can change, there is one every ten seconds, and none of a short step.
func TestProgressInAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := newProgress(&b, false)
		for done := range 300 { // ten a second
			time.Sleep(100 * time.Millisecond)
			p.count(done+1, "people")
		}
		p.end()
		if diff := cmp.Diff("  100 people so far\n  200 people so far\n  300 people so far\n", b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestPeople: a new file has as many people as are asked for. A kept one grows, and says that it does not shrink.
func TestPeople(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	for _, step := range []struct {
		people, want int
		says         string
	}{
		{40, 40, "Inventing 40 accounts"},
		{0, 40, "The 40 accounts are those of the last start, kept in " + data},
		{60, 60, "60 listed, 20 inserted"},
		{20, 60, "-people 20 would be fewer"},
	} {
		r := start(t, Options{Data: data, People: step.people, ChangeInterval: time.Hour})
		address := r.address(t)
		eventually(t, patience, "all are listed", func() bool { return len(listed(t, address)) == step.want })
		if out := r.ready(t); !strings.Contains(out, step.says) {
			t.Errorf("%d people: not %q:\n%s", step.people, step.says, out)
		}
	}
	err := Run(t.Context(), Options{Out: io.Discard, People: 40, Config: config.Local{Project: "p", BotTokens: []config.Secret{"xoxb-1"}}})
	if err == nil || !strings.Contains(err.Error(), "-people") || !strings.Contains(err.Error(), "SLACK_BOT_TOKENS") {
		t.Errorf("with a real workspace: %v", err)
	}
}

// unhurried leaves a test out of CI's pass under the race detector, where six weeks take minutes to invent.
func unhurried(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: run it without, or wait for the night")
	}
}

func TestParsePeople(t *testing.T) {
	for text, want := range map[string]int{"10": 10, "300": 300, "20000": 20_000, "9": 0, "20001": 0, "-1": 0, "0": 0, "many": 0, "": 0, "1e3": 0} {
		n, err := ParsePeople(text)
		if n != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
		if err != nil && !regexp.MustCompile(`from 10 to 20000$`).MatchString(err.Error()) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestBrowser: it is opened when the page is ready. If it cannot be, the address is printed and the run goes on.
func TestBrowser(t *testing.T) {
	opened := make(chan string, 1)
	r := start(t, Options{ChangeInterval: time.Hour, Browse: func(url string) error { opened <- url; return errors.New("no display") }})
	address := r.address(t)
	select {
	case url := <-opened:
		if url != address || !strings.Contains(r.out.String(), "Ready after ") || len(listed(t, address)) != 250 {
			t.Errorf("%s is opened:\n%s", url, r.out)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing is opened")
	}
	eventually(t, patience, "it says so", func() bool {
		return strings.Contains(r.out.String(), "No browser opened (no display): open "+address+" yourself")
	})
	if len(slices.Collect(maps.Keys(listed(t, address)))) != 250 {
		t.Error("the page is gone")
	}
}

// TestInterruptedPast: a file whose past was not finished, because no sync came after it, gets another.
func TestInterruptedPast(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	s, err := sqlite.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().AddDate(0, 0, -7*pastWeeks)
	w := fakeslack.New(fakeslack.Options{TeamID: inventedTeam, Past: time.Since(began)})
	ctx, interrupt := context.WithCancel(t.Context())
	err = invent(ctx, newProgress(interrupting{interrupt}, true), w, s, began)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if k := read(t, data); len(k.people) == 0 || len(k.people) == 250 && len(k.records) > 100 {
		t.Fatalf("%d people and %d records after the interruption", len(k.people), len(k.records))
	}
	out := start(t, Options{Data: data, ChangeInterval: time.Hour}).ready(t)
	if k := read(t, data); len(k.people) != 250 || len(k.records) < 100 || !strings.Contains(out, "Inventing 250 accounts") {
		t.Errorf("%d people, %d records:\n%s", len(k.people), len(k.records), out)
	}
}

// TestInterruptedSync: a sync that was interrupted is not resumed, as it has listed people who never joined.
func TestInterruptedSync(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	start(t, Options{Data: data, People: 20, ChangeInterval: time.Hour}).ready(t)
	w := fakeslack.New(fakeslack.Options{TeamID: inventedTeam, People: 30})
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	s, err := sqlite.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, interrupt := context.WithCancel(t.Context())
	outcome, err := fullsync.Run(ctx, fullsync.Options{Slack: webapi.New(server.URL+"/api/", w.Options().BotToken, log), Store: interruptedStore{s, interrupt}, Log: log})
	if outcome.State != syncs.Interrupted || outcome.Pages == 0 {
		t.Fatalf("%+v: %v", outcome, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out := start(t, Options{Data: data, ChangeInterval: time.Hour}).ready(t); !strings.Contains(out, "20 listed, 0 inserted, 0 updated, 0 removed") {
		t.Errorf("it wrote:\n%s", out)
	}
}

// interruptedStore ends a sync once it has stored what it has listed.
type interruptedStore struct {
	fullsync.Store
	interrupt func()
}

func (s interruptedStore) PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error {
	defer s.interrupt()
	return s.Store.PutSyncPage(ctx, teamID, syncID, p)
}

// interrupting ends the past at its first sign of progress.
type interrupting struct{ interrupt func() }

func (w interrupting) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), terminal.ClearLine) {
		w.interrupt()
	}
	return len(b), nil
}

// TestPeopleOfAnotherRelease: people whom this release does not invent are removed, however many they are.
func TestPeopleOfAnotherRelease(t *testing.T) {
	unhurried(t)
	data := filepath.Join(t.TempDir(), "x.db")
	start(t, Options{Data: data, People: 20, ChangeInterval: time.Hour}).ready(t)
	s, err := sqlite.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		u, err := directory.FromListing(inventedTeam, fmt.Appendf(nil, `{"id":"UOTHER%d","team_id":%q,"name":"other"}`, i, inventedTeam))
		if err == nil {
			err = s.PutUser(t.Context(), u, 0, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out := start(t, Options{Data: data, ChangeInterval: time.Hour}).ready(t); !strings.Contains(out, "20 listed, 0 inserted, 0 updated, 10 removed") {
		t.Errorf("it wrote:\n%s", out)
	}
}
