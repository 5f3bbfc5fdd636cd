package ui

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
)

// fake is the content of a store.
type fake struct {
	workspaces []directory.Workspace
	users      []directory.User
	syncs      []syncs.Sync
	emoji      map[string]string
	err        error // of every read
}

// store opens a real store with that content.
func (f *fake) store(t testing.TB) Store {
	t.Helper()
	s, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, w := range f.workspaces {
		err = errors.Join(err, s.PutWorkspace(t.Context(), w), s.PutEmoji(t.Context(), w.ID, f.emoji))
	}
	for _, u := range f.users {
		err = errors.Join(err, s.PutUser(t.Context(), u, 0, nil))
	}
	for _, sync := range f.syncs {
		err = errors.Join(err, s.PutSync(t.Context(), sync))
	}
	if err != nil {
		t.Fatal(err)
	}
	if f.err != nil {
		return failing{s, f.err}
	}
	return s
}

// failing is a store that cannot be read.
type failing struct {
	Store
	err error
}

func (f failing) Workspaces(context.Context) ([]directory.Workspace, error) { return nil, f.err }

const team = "T0ROLLCALL"

func user(t testing.TB, slack string) directory.User {
	t.Helper()
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(slack), &o); err != nil {
		t.Fatal(err)
	}
	u, _, err := directory.Apply(nil, directory.Change{Operation: directory.Insert, TeamID: team, UserID: o.ID, User: []byte(slack),
		Version: 1648596712000001, Source: directory.FromEvent}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func ada(t testing.TB) directory.User {
	return user(t, `{"id":"U1","team_id":"T0ROLLCALL","name":"ada","real_name":"Ada Lovelace","tz":"Europe/London","is_admin":true,"updated":1648592000,
		"profile":{"real_name":"Ada Lovelace","display_name":"ada","title":"Analyst","email":"ada@example.com","status_text":"On a train","status_emoji":":train:",
		"image_72":"https://avatars.slack-edge.com/a_72.png","image_192":"https://avatars.slack-edge.com/a_192.png"},"new_field":[1]}`)
}

func people(t *testing.T) *fake {
	f := &fake{workspaces: []directory.Workspace{{ID: team, Name: "Marlow & Finch", URL: "https://marlow-finch.slack.com/"}}}
	removed := user(t, `{"id":"U4","name":"gone","real_name":"Gone"}`)
	removed.Removed, removed.SortName = true, ""
	f.users = []directory.User{
		ada(t),
		user(t, `{"id":"U2","name":"boris","deleted":true,"profile":{"real_name":"Борис"}}`),
		user(t, `{"id":"U3","name":"late","profile":{"real_name":"Expired Status","status_text":"At lunch","status_emoji":":pizza:","status_expiration":1648596000}}`),
		removed,
		user(t, `{"id":"U5","is_forgotten":true,"name":"secret"}`),
	}
	return f
}

func serving(t *testing.T, f *fake) http.Handler { return New(t.Context(), testOptions(t, f)) }

func testOptions(t *testing.T, f *fake) Options {
	return Options{Store: f.store(t), Log: slog.New(slog.DiscardHandler), ImageSources: []string{"http://127.0.0.1:9"},
		Now: func() time.Time { return time.Date(2022, 3, 30, 12, 0, 0, 0, time.UTC) }}
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}
