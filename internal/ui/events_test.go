package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
)

// event is one server-sent event.
type event struct{ id, name, data string }

// rowEvent is the data of a "row" event.
type rowEvent struct {
	ID, HTML string
	Gone     bool
}

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

func next(t *testing.T, events <-chan event) (event, rowEvent) {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream has ended")
		}
		var c rowEvent
		if e.name == "row" {
			if err := json.Unmarshal([]byte(e.data), &c); err != nil {
				t.Fatal(err)
			}
		}
		return e, c
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return event{}, rowEvent{}
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
		t.Fatal("the page has no feed position")
	}
	// A change between reading the page and connecting is not lost.
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
	time.Sleep(2 * server.Config.ReadTimeout) // a stream outlives them
	put(1648596712000200, `{"id":"U1","name":"ada","profile":{"real_name":"Ada Byron"}}`)
	if _, c := next(t, all); c.Gone || !strings.Contains(c.HTML, "Byron") {
		t.Errorf("%+v", c)
	}
	if e, c := next(t, kings); !c.Gone || c.HTML != "" || strings.Contains(e.data, "Byron") {
		t.Errorf("about somebody outside the filter the stream sends %s", e.data)
	}
	// A browser that reconnects receives what it missed. If it was away too long it is told to reload.
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

// watched is a store with a watch that the test controls.
type watched struct {
	Store
	users chan []directory.User
}

func (w *watched) Workspaces(context.Context) ([]directory.Workspace, error) {
	return []directory.Workspace{{ID: team}}, nil
}

func (w *watched) Emoji(context.Context, string) (map[string]string, error) { return nil, nil }

func (w *watched) TeamProfile(context.Context, string) (json.RawMessage, error) { return nil, nil }

func (w *watched) Syncs(context.Context, string, int) ([]syncs.Sync, error) { return nil, nil }

func (w *watched) Watch(ctx context.Context, _ string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
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
			}
		}
	}
}

// TestEventsEndWithTheToken: a stream ends when the viewer's token expires.
func TestEventsEndWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User)}
		ctx, stop := context.WithCancel(t.Context())
		h := New(ctx, Options{Store: w, Log: slog.New(slog.DiscardHandler),
			Authenticate: signedIn(viewer{Email: "grace@example.com", Until: time.Now().Add(10 * time.Minute)})})
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

// TestEventsEndWithTheServer: streams do not delay a shutdown.
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
			t.Error("an event at the shutdown")
		}
	case <-time.After(5 * time.Second):
		t.Error("the stream goes on")
	}
}
