package ui

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/ui/iaptest"
)

func TestViewers(t *testing.T) {
	all := Viewers{"T1": {"ada@example.com", "@example.org"}, "*": {"Boss@example.com"}}
	for _, tt := range []struct {
		viewer viewer
		want   []string
	}{
		{viewer{Email: "ada@example.com"}, []string{"T1"}},
		{viewer{Email: "Ada@Example.com"}, []string{"T1"}},
		{viewer{Email: "boss@example.com"}, []string{"T1", "T2"}},
		{viewer{Email: "x@example.org", Domain: "example.org"}, []string{"T1"}},
		{viewer{Email: "x@example.org"}, nil}, // an address in the domain that the domain does not administer
		{viewer{Email: "x@example.org.evil", Domain: "example.org.evil"}, nil},
		{viewer{Email: "eve@example.com", Domain: "example.com"}, nil},
		{viewer{}, nil},
	} {
		var got []string
		for _, team := range []string{"T1", "T2"} {
			if all.see(tt.viewer, team) {
				got = append(got, team)
			}
			if !Viewers(nil).see(tt.viewer, team) {
				t.Errorf("without Viewers, %+v does not see %s", tt.viewer, team)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v sees %v, want %v", tt.viewer, got, tt.want)
		}
	}
}

// TestWorkspaceIcon: the bar shows the workspace's icon, unless it is from an origin that pages may not load from.
func TestWorkspaceIcon(t *testing.T) {
	for icon, want := range map[string]bool{"": false, "https://avatars.slack-edge.com/2022-03-30/icon_68.png": true, "https://evil.example/icon.png": false} {
		f := people(t)
		f.workspaces[0].Icon = icon
		if got := strings.Contains(get(t, serving(t, f), "/").Body.String(), `width="22"`); got != want {
			t.Errorf("%q: shown: %v", icon, got)
		}
	}
}

// TestViewersOfWorkspaces: no page tells anybody but a workspace's viewers that it exists.
func TestViewersOfWorkspaces(t *testing.T) {
	const hidden = "T0HIDDEN"
	proxy := iaptest.New(t)
	f := people(t)
	f.workspaces = append(f.workspaces, directory.Workspace{ID: hidden, Name: "Hidden & Co"})
	u := ada(t)
	u.TeamID, u.ID, u.RealName = hidden, "U1", "Hidden Person"
	f.users = append(f.users, u)
	o := testOptions(t, f)
	o.Syncer = &syncer{}
	o.Viewers = Viewers{team: {"grace@example.com"}, hidden: {"hugo@example.com"}}
	o.Authenticate = RequireIAP(proxy.Validator(t), audience, slog.New(slog.DiscardHandler))
	h := New(t.Context(), o)
	ask := func(who, method, path, body string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(method, path, strings.NewReader(body)), httptest.NewRecorder()
		r.Header.Set(iapHeader, proxy.Token(t, iaptest.Claims(audience, who)))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		h.ServeHTTP(w, r)
		return w
	}
	ask("hugo@example.com", http.MethodGet, "/", "") // a cache must not show hugo's workspaces to others
	for _, path := range []string{"/?team=" + hidden, "/users/" + hidden + "/U1", "/users/count?team=" + hidden, "/users.csv?team=" + hidden,
		"/users.json?team=" + hidden, "/events?team=" + hidden, "/status?team=" + hidden,
		"/changes?team=" + hidden, "/changes/count?team=" + hidden, "/changes.csv?team=" + hidden, "/changes.json?team=" + hidden, "/changes/events?team=" + hidden} {
		if w := ask("grace@example.com", http.MethodGet, path, ""); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "Hidden") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := ask("hugo@example.com", http.MethodHead, path, ""); w.Code != http.StatusOK {
			t.Errorf("%s, as one of its viewers: %d", path, w.Code)
		}
		if w := ask("eve@example.com", http.MethodGet, path, ""); w.Code != http.StatusForbidden {
			t.Errorf("%s, as a viewer of nothing: %d", path, w.Code)
		}
	}
	if w := ask("grace@example.com", http.MethodPost, "/sync", "team="+hidden); w.Code != http.StatusNotFound {
		t.Errorf("sync: %d", w.Code)
	}
	if w := ask("eve@example.com", http.MethodPost, "/sync", ""); w.Code != http.StatusForbidden {
		t.Errorf("sync by a viewer of nothing: %d", w.Code)
	}
	for who, shown := range map[string]string{"grace@example.com": "Ada Lovelace", "hugo@example.com": "Hidden Person"} {
		page := ask(who, http.MethodGet, "/", "").Body.String()
		if !strings.Contains(page, shown) || strings.Contains(page, "Hidden") != (shown == "Hidden Person") || strings.Contains(page, `aria-label="Workspaces"`) {
			t.Errorf("%s sees\n%s", who, page)
		}
	}
}

// TestStreamLimit: a viewer cannot take all connections, and does not keep others out.
func TestStreamLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := &watched{users: make(chan []directory.User)}
		o := Options{Store: w, Log: slog.New(slog.DiscardHandler), Audit: audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil)}
		o.Authenticate = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				signedIn(viewer{Email: r.Header.Get("Who")})(next).ServeHTTP(w, r)
			})
		}
		h := New(t.Context(), o)
		listen := func(ctx context.Context, who string) *httptest.ResponseRecorder {
			r, w := httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(ctx), httptest.NewRecorder()
			r.Header.Set("Who", who)
			go h.ServeHTTP(w, r)
			synctest.Wait()
			return w
		}
		viewing, leave := context.WithCancel(t.Context())
		for i := range maxConcurrentStreams {
			if w := listen(viewing, "grace@example.com"); w.Code != http.StatusOK {
				t.Errorf("stream %d: %d", i, w.Code)
			}
		}
		if w := listen(viewing, "grace@example.com"); w.Code != http.StatusTooManyRequests {
			t.Errorf("one more: %d", w.Code)
		}
		if w := listen(viewing, "hugo@example.com"); w.Code != http.StatusOK {
			t.Errorf("another viewer's: %d", w.Code)
		}
		leave()
		synctest.Wait()
		again, end := context.WithCancel(t.Context())
		if w := listen(again, "grace@example.com"); w.Code != http.StatusOK {
			t.Errorf("after they have ended: %d", w.Code)
		}
		end()
	})
}

// halting is a store that holds back its second page until the test continues.
type halting struct {
	Store
	reached chan struct{}
	goOn    chan struct{}
}

func (s halting) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	if req.After != nil {
		s.reached <- struct{}{}
		<-s.goOn
	}
	return s.Store.Users(ctx, teamID, req)
}

func TestExportLimit(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range exportPageSize + 1 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%05d","name":"n%d"}`, i, i)))
	}
	o := testOptions(t, f)
	store := halting{o.Store, make(chan struct{}), make(chan struct{})}
	o.Store, o.Authenticate = store, signedIn(viewer{Email: "grace@example.com"})
	h := New(t.Context(), o)
	done := make(chan int)
	for range maxConcurrentExports {
		go func() { done <- get(t, h, "/users.csv").Code }()
		<-store.reached
	}
	if w := get(t, h, "/users.json"); w.Code != http.StatusTooManyRequests {
		t.Errorf("one more: %d", w.Code)
	}
	close(store.goOn)
	for range maxConcurrentExports {
		if status := <-done; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	go func() { <-store.reached }()
	if w := get(t, h, "/users.json"); w.Code != http.StatusOK {
		t.Errorf("after they have ended: %d", w.Code)
	}
}

// TestProblemsOfWorkspace: an error page leads back to the workspace that its address names, if there is one to see.
func TestProblemsOfWorkspace(t *testing.T) {
	f := people(t)
	f.workspaces = append(f.workspaces, directory.Workspace{ID: "T0SECOND", Name: "Second"})
	h := serving(t, f)
	for path, want := range map[string]string{
		"/?team=T0SECOND&after=x":  "T0SECOND",
		"/users/T0SECOND/U404":     "T0SECOND",
		"/nowhere?team=T0SECOND":   "T0SECOND",
		"/sync?team=T0SECOND":      "T0SECOND",
		"/users/" + team + "/U404": team,
		"/nowhere":                 team,
		"/?team=T404":              "",
	} {
		w := get(t, h, path)
		for _, link := range []string{"/", "/changes", "/status"} {
			if want != "" {
				link += "?team=" + want
			}
			if w.Code < 400 || !strings.Contains(w.Body.String(), `<a href="`+link+`"`) || !strings.Contains(w.Body.String(), `class="button" href="`+strings.TrimSuffix("/?team="+want, "?team=")+`"`) {
				t.Errorf("%s: %d, no link to %s in\n%s", path, w.Code, link, w.Body)
			}
		}
	}
}
