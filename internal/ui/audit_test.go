package ui

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// signedIn authenticates every request as v.
func signedIn(v viewer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(withViewer(r.Context(), v)))
		})
	}
}

// TestAudit: each answer that shows people, or reveals whether somebody exists, writes one audit line. It
// contains nothing of a profile and no search term; the ordinary request line names nobody at all.
func TestAudit(t *testing.T) {
	type line = map[string]any
	shown := func(view string, count float64, more line) line {
		l := line{"level": "INFO", "msg": "profiles shown", "audit": true, "viewer": "grace@example.com", "view": view, "method": "GET",
			"status": 200.0, "team_id": team, "count": count}
		maps.Copy(l, more)
		return l
	}
	ada, all := []any{"U1"}, []any{"U1", "U3"}
	type names []string // of filters
	tests := []struct {
		method, path string
		filters      names
		want         line // nil: nobody is shown
	}{
		{"GET", "/", nil, shown("list", 2, line{"user_ids": all})},
		{"HEAD", "/", nil, shown("list", 2, line{"user_ids": all, "method": "HEAD"})},
		{"GET", "/?q=lovelace&sort=changed", names{"q", "sort"}, shown("list", 1, line{"user_ids": ada})},
		{"GET", "/?q=lovelace-nobody", names{"q"}, shown("list", 0, nil)},
		{"GET", "/?team=T404", nil, shown("list", 0, line{"team_id": "T404", "status": 404.0})},
		{"GET", "/?team=lovelace/..", nil, shown("list", 0, line{"team_id": "", "status": 404.0})},
		{"GET", "/users/count?q=lovelace&show=all", names{"q", "show"}, shown("count", 1, nil)},
		{"GET", "/users/" + team + "/U1", nil, shown("person", 1, line{"user_ids": ada})},
		{"GET", "/users/" + team + "/U1?sort=name", nil, shown("person", 2, line{"user_ids": all})}, // with a neighbour
		{"GET", "/users/" + team + "/U1.json", nil, shown("person_json", 1, line{"user_ids": ada})},
		{"GET", "/users/" + team + "/U404.json", nil, shown("person_json", 0, line{"user_ids": []any{"U404"}, "status": 404.0})},
		{"HEAD", "/users/" + team + "/U1/events", nil, shown("person_live", 0, line{"user_ids": ada, "method": "HEAD"})},
		{"GET", "/users/T404/U1/events", nil, shown("person_live", 0, line{"team_id": "T404", "user_ids": ada, "status": 404.0})},
		{"HEAD", "/users/" + team + "/U1", nil, shown("person", 1, line{"user_ids": ada, "method": "HEAD"})},
		{"GET", "/users/" + team + "/U404", nil, shown("person", 0, line{"user_ids": []any{"U404"}, "status": 404.0})},
		{"HEAD", "/users/" + team + "/U404", nil, shown("person", 0, line{"user_ids": []any{"U404"}, "status": 404.0, "method": "HEAD"})},
		{"GET", "/users/" + team + "/lovelace@example.com", nil, shown("person", 0, line{"status": 404.0})},
		{"GET", "/users.csv?kind=admins", names{"kind"}, shown("csv", 1, line{"user_ids": ada})},
		{"GET", "/users.json", nil, shown("json", 2, line{"user_ids": all})},
		{"HEAD", "/users.csv", nil, shown("csv", 0, line{"method": "HEAD"})},
		{"HEAD", "/events?q=lovelace", names{"q"}, shown("live", 0, line{"method": "HEAD"})},
		{"GET", "/events?team=T404", nil, shown("live", 0, line{"team_id": "T404", "status": 404.0})},
		{"GET", "/?sort=lovelace", nil, nil},
		{"GET", "/status", nil, nil},
		{"GET", assetsPath + "base.css", nil, nil},
		{"GET", "/lovelace", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			var requests, log bytes.Buffer
			o := testOptions(t, people(t))
			o.Log, o.Audit = slog.New(slog.NewJSONHandler(&requests, nil)), audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil)
			o.Authenticate = signedIn(viewer{Email: "grace@example.com"})
			New(t.Context(), o).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil))
			for _, personal := range []string{"ovelace", "grace", "U1"} {
				if strings.Contains(requests.String(), personal) {
					t.Errorf("%s in %s", personal, &requests)
				}
			}
			if strings.Contains(log.String(), "ovelace") || strings.Count(log.String(), "\n") > 1 {
				t.Fatalf("the audit log is %s", &log)
			}
			var got line
			if log.Len() > 0 {
				if err := json.Unmarshal(log.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
			}
			delete(got, "time")
			var filters names
			if hashes, ok := got["filters"].(line); ok {
				for _, name := range []string{"q", "show", "kind", "tz", "sort", "team"} {
					if hash, ok := hashes[name]; ok && len(hash.(string)) == 16 {
						filters = append(filters, name)
					}
				}
				delete(got, "filters")
			}
			if diff := cmp.Diff(tt.filters, filters); diff != "" {
				t.Errorf("filters (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAuditOfAStream: the line of a live stream comes when it ends, and says whom it showed.
func TestAuditOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := &watched{users: make(chan []directory.User)}
		o := Options{Store: w, Log: slog.New(slog.DiscardHandler), Audit: audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil),
			Authenticate: signedIn(viewer{Email: "grace@example.com", Until: time.Now().Add(time.Minute)})}
		ended := make(chan struct{})
		h := New(t.Context(), o)
		go func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/events?q=ada", nil))
			close(ended)
		}()
		synctest.Wait()
		shown, other := ada(t), user(t, `{"id":"U2","name":"boris"}`)
		w.users <- []directory.User{shown, other}
		w.users <- []directory.User{shown}
		<-ended
		for _, want := range []string{`"view":"live"`, `"count":2`, `"user_ids":["U1"]`, `"filters":{"q":"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %s in %s", want, &log)
			}
		}
	})
}
