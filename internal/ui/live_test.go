package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
)

// event is one server-sent event.
type event struct{ id, name, data string }

// listenTo reads the events at an address until the test ends.
func listenTo(t *testing.T, address, last string) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %s, %s", address, resp.Status, resp.Header.Get("Content-Type"))
	}
	events := make(chan event, 100)
	go func() {
		defer close(events)
		var e event
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ":")
			switch value = strings.TrimPrefix(value, " "); {
			case lines.Text() == "":
				if e.name != "" {
					events <- e
				}
				e = event{}
			case name == "id":
				e.id = value
			case name == "event":
				e.name = value
			case name == "data":
				e.data = value
			}
		}
	}()
	return events
}

func next(t *testing.T, events <-chan event) (event, told) {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream has ended")
		}
		var c told
		if e.name == "row" {
			if err := json.Unmarshal([]byte(e.data), &c); err != nil {
				t.Fatal(err)
			}
		}
		return e, c
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return event{}, told{}
}

func TestEvents(t *testing.T) {
	f := people(t)
	o := testOptions(t, f)
	server := httptest.NewUnstartedServer(New(t.Context(), o))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond // those of pages
	server.Start()
	t.Cleanup(server.Close)
	store := o.Store.(*sqlite.Store)
	put := func(v directory.Version, slack string) {
		t.Helper()
		c, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: team, User: []byte(slack), Version: v, Source: directory.FromEvent})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := directory.ApplyTo(t.Context(), store, c, 0); err != nil {
			t.Fatal(err)
		}
	}
	page := get(t, server.Config.Handler, "/").Body.String()
	since := sincePattern.FindString(page)
	if since == "" {
		t.Fatal("the page does not say where its events begin")
	}
	// What happens between the page and its listening is not lost.
	put(1648596712000100, `{"id":"U1","name":"ada","profile":{"real_name":"Ada <b>King</b>"}}`)
	all := listenTo(t, server.URL+"/events?"+since, "")
	first, c := next(t, all)
	if first.name != "row" || c.ID != "U1" || c.Gone || !strings.Contains(c.HTML, `<tr id="U1"`) || !strings.Contains(c.HTML, "Ada &lt;b&gt;King") {
		t.Fatalf("%+v", first)
	}
	kings := listenTo(t, server.URL+"/events?q=king&"+since, "")
	if _, c := next(t, kings); c.Gone {
		t.Errorf("gone: %+v", c)
	}
	time.Sleep(2 * server.Config.ReadTimeout) // a stream outlasts them
	put(1648596712000200, `{"id":"U1","name":"ada","profile":{"real_name":"Ada Byron"}}`)
	if _, c := next(t, all); c.Gone || !strings.Contains(c.HTML, "Byron") {
		t.Errorf("%+v", c)
	}
	if e, c := next(t, kings); !c.Gone || c.HTML != "" || strings.Contains(e.data, "Byron") {
		t.Errorf("of somebody outside the filter the stream says %s", e.data)
	}
	// A browser that comes back is told what it missed; one that was away too long to begin anew.
	if _, c := next(t, listenTo(t, server.URL+"/events?"+since, first.id)); !strings.Contains(c.HTML, "Byron") {
		t.Errorf("after the cut: %+v", c)
	}
	for _, last := range []string{"OTHER-0", "x", "-", first.id + "9"} {
		if e, _ := next(t, listenTo(t, server.URL+"/events", last)); e.name != "stale" {
			t.Errorf("%q: %+v", last, e)
		}
	}
	if w := get(t, server.Config.Handler, "/events?team=T404"); w.Code != http.StatusNotFound {
		t.Errorf("no such workspace: %d", w.Code)
	}
}

// watched is a store whose watch the test leads.
type watched struct {
	Store
	watches, open atomic.Int32
	users         chan []directory.User
	err           chan error
}

func (w *watched) Workspaces(context.Context) ([]directory.Workspace, error) {
	return []directory.Workspace{{ID: team}}, nil
}

func (w *watched) Emoji(context.Context, string) (map[string]string, error) { return nil, nil }

func (w *watched) Watch(ctx context.Context, _ string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		w.watches.Add(1)
		w.open.Add(1)
		defer w.open.Add(-1)
		if !yield(nil, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case users := <-w.users:
				if !yield(users, nil) {
					return
				}
			case err := <-w.err:
				yield(nil, err)
				return
			}
		}
	}
}

// TestOneWatch: viewers share a watch, which ends some time after the last of
// them; a quiet stream has a heartbeat; a watch that fails begins anew.
func TestOneWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User), err: make(chan error)}
		ctx, stop := context.WithCancel(t.Context())
		h := New(ctx, Options{Store: w, Log: slog.New(slog.DiscardHandler)})
		var bodies []*httptest.ResponseRecorder
		viewing, leave := context.WithCancel(t.Context())
		for range 100 {
			body := httptest.NewRecorder()
			bodies = append(bodies, body)
			go h.ServeHTTP(body, httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(viewing))
		}
		synctest.Wait()
		w.users <- []directory.User{{ID: "U1", TeamID: team, SortName: "u"}}
		time.Sleep(heartbeatEvery + time.Second)
		w.err <- errors.New("connection lost")
		time.Sleep(watchAgainAfter + time.Second)
		leave()
		synctest.Wait()
		for _, b := range bodies {
			body := b.Body.String()
			if strings.Count(body, "event: row") != 1 || strings.Count(body, ": still here") != 1 || strings.Count(body, "event: stale") != 2 {
				t.Fatalf("a viewer was told\n%s", body)
			}
		}
		if n := w.watches.Load(); n != 2 {
			t.Errorf("%d watches for all viewers, want 2: one, and another after it failed", n)
		}
		time.Sleep(lingerFor / 2)
		if w.open.Load() != 1 {
			t.Error("the watch has ended before viewers could come back")
		}
		time.Sleep(lingerFor)
		if w.open.Load() != 0 {
			t.Error("nobody looks, and the watch goes on")
		}
		stop()
		synctest.Wait()
	})
}

// TestEventsEndWithTheToken: a stream goes on no longer than the viewer is signed in.
func TestEventsEndWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User), err: make(chan error)}
		ctx, stop := context.WithCancel(t.Context())
		signedIn := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(withViewer(r.Context(), viewer{Email: "grace@example.com", Until: time.Now().Add(10 * time.Minute)})))
			})
		}
		h := New(ctx, Options{Store: w, Log: slog.New(slog.DiscardHandler), Authenticate: signedIn})
		start, body := time.Now(), httptest.NewRecorder()
		viewing, leave := context.WithTimeout(t.Context(), time.Hour)
		defer leave()
		h.ServeHTTP(body, httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(viewing))
		if took := time.Since(start); took != 10*time.Minute {
			t.Errorf("the stream ended after %v", took)
		}
		stop()
		synctest.Wait()
	})
}

// TestEventsEndWithTheServer: streams do not hold up the end.
func TestEventsEndWithTheServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(New(ctx, testOptions(t, people(t))))
	t.Cleanup(server.Close)
	events := listenTo(t, server.URL+"/events", "")
	next(t, events)
	stop()
	select {
	case _, open := <-events:
		if open {
			t.Error("an event at the end")
		}
	case <-time.After(5 * time.Second):
		t.Error("the stream goes on")
	}
}

// TestManyChanges: a viewer who is behind by more than is remembered begins anew.
func TestManyChanges(t *testing.T) {
	f := &feed{epoch: "E", wake: make(chan struct{})}
	for i := range rememberedChanges + 10 {
		f.append([]change{{user: directory.User{ID: fmt.Sprint(i)}}})
	}
	for position, want := range map[string]int{"E-1010": 0, "E-1009": 1, "E-10": 1000, "E-9": -1, "E-0": -1, "E-1011": -1, "E--5": -1, "F-1010": -1} {
		changes, now, _, stale := f.after(position)
		if stale != (want < 0) || !stale && len(changes) != want || now != "E-1010" {
			t.Errorf("after %s: %d changes, stale: %v, now %s", position, len(changes), stale, now)
		}
		if len(changes) > 0 && changes[len(changes)-1].user.ID != "1009" {
			t.Errorf("after %s: the last is %s", position, changes[len(changes)-1].user.ID)
		}
	}
}

// TestErasedIsNotReplayed: a viewer who comes back is not told what somebody was
// before they were forgotten or removed, and is told what they are since.
func TestErasedIsNotReplayed(t *testing.T) {
	row := func(id string, kind directory.Kind, removed bool, html string) change {
		return change{directory.User{ID: id, Kind: kind, Removed: removed}, html}
	}
	forgotten, gone := row("U1", directory.Forgotten, false, "(forgotten)"), row("U2", "", true, "")
	bob, back := row("U3", directory.Member, false, "Bob"), row("U2", directory.Member, false, "Grace is back")
	f := &feed{epoch: "E", wake: make(chan struct{})}
	f.append([]change{row("U1", directory.Member, false, "Ada"), bob, row("U2", directory.Member, false, "Grace")})
	before, _, _, _ := f.after("E-0")
	f.append([]change{row("U1", directory.Member, false, "Ada King"), forgotten, gone, back})

	got, now, _, stale := f.after("E-0")
	want := []change{forgotten, bob, gone, forgotten, forgotten, gone, back}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(change{})); diff != "" || stale || now != "E-7" {
		t.Errorf("at %s, stale: %v (-want +got):\n%s", now, stale, diff)
	}
	if before[0].html != "Ada" {
		t.Error("a viewer who is being told has it changed under their hands")
	}
}
