package system

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// Workspace is an invented workspace. It knows what Firestore must have.
type Workspace struct {
	*fakeslack.Workspace
	URL    string // of the Web API
	OnList func() // called before each answer of users.list, unless nil
}

// Invent starts a workspace.
func Invent(t *testing.T, o fakeslack.Options) *Workspace {
	t.Helper()
	o.SigningSecret, o.Log = Secret, slog.New(slog.DiscardHandler)
	w := &Workspace{Workspace: fakeslack.New(o)}
	api := w.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.OnList != nil && strings.HasSuffix(r.URL.Path, "users.list") {
			w.OnList()
		}
		api.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL + "/api/"
	return w
}

// Converges waits until Firestore has the core of everybody as Slack lists it. Firestore
// also keeps what only events have.
func (w *Workspace) Converges(t *testing.T, s *System) {
	t.Helper()
	diff := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Second) {
		if diff = w.differing(t, s); diff == "" {
			return
		}
	}
	t.Fatalf("not as in Slack (-want +got):\n%.3000s", diff)
}

func (w *Workspace) differing(t *testing.T, s *System) string {
	t.Helper()
	want, got := map[string]int64{}, map[string]int64{} // fingerprints
	for _, user := range w.Users() {
		u := AsStored(t, user)
		want[u.ID] = u.Fingerprint
	}
	for req := (directory.PageRequest{Limit: 1000}); ; {
		page, err := s.Store.Users(t.Context(), Team, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			got[u.ID] = u.Fingerprint
			if u.Kind == directory.External { // not in users.list
				of, err := directory.FromInfo(Team, w.User(u.ID))
				if err != nil {
					t.Fatal(err)
				}
				want[u.ID] = of.Fingerprint
			}
		}
		if page.Next == nil {
			return cmp.Diff(want, got)
		}
		req.After = page.Next
	}
}

// AsStored returns the stored user for one of Slack's objects.
func AsStored(t *testing.T, user json.RawMessage) directory.User {
	t.Helper()
	u, err := directory.FromListing(Team, user)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
