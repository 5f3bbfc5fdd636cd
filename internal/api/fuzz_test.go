package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// nobody is a store without people that checks what it is asked.
type nobody struct{ t *testing.T }

func (n nobody) id(id string) {
	if err := directory.ValidateID("id", id); err != nil {
		n.t.Errorf("the store is asked for %q", id)
	}
}

func (n nobody) User(_ context.Context, team, id string) (directory.User, directory.Revision, error) {
	n.id(team)
	n.id(id)
	return directory.User{}, 0, directory.ErrNotFound
}

func (n nobody) Users(_ context.Context, team string, req directory.PageRequest) (directory.Page, error) {
	n.id(team)
	if req.Limit < 1 || req.Limit > maxLimit || req.Filter.Validate() != nil || req.After != nil && req.After.String() == "" {
		n.t.Errorf("the store is asked for %+v", req)
	}
	return directory.Page{}, nil
}

func (n nobody) Count(context.Context, string, directory.Filter) (int, bool, error) {
	return 0, true, nil
}

func (n nobody) UsersByID(_ context.Context, team string, ids []string) ([]directory.User, error) {
	n.id(team)
	for _, id := range ids {
		n.id(id)
	}
	if len(ids) > maxLimit {
		n.t.Errorf("the store is asked for %d people", len(ids))
	}
	return nil, nil
}

func (n nobody) UsersByEmail(_ context.Context, _, key string) ([]directory.User, error) {
	if key == "" || key != directory.EmailKey(key) {
		n.t.Errorf("the store is asked for %q", key)
	}
	return nil, nil
}

func (n nobody) Feed(_ context.Context, team string, req directory.FeedRequest) (directory.Feed, error) {
	n.id(team)
	if req.Limit < 1 || req.Limit > maxLimit || req.Filter.UserID != "" && directory.ValidateID("id", req.Filter.UserID) != nil {
		n.t.Errorf("the store is asked for %+v", req)
	}
	return directory.Feed{Next: req.After}, nil
}

func (n nobody) Workspace(_ context.Context, team string) (directory.Workspace, error) {
	n.id(team)
	return directory.Workspace{ID: team}, nil
}

func (n nobody) TeamProfile(context.Context, string) (json.RawMessage, error) { return nil, nil }

func (n nobody) Emoji(context.Context, string) (map[string]string, error) { return nil, nil }

// FuzzCall: whatever a program sends, the answer is Slack's JSON with status 200, and the store is asked
// only for what can exist.
func FuzzCall(f *testing.F) {
	text, token, err := tokens.New("fuzz", []string{"T1", "T2"}, tokens.Scopes, time.Now(), time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	cursor := directory.Cursor{SortName: "ada", Version: 1, ID: "U1"}.String()
	for name := range methods {
		f.Add(name, "POST", "team_id=T1", "application/x-www-form-urlencoded", "limit=2&cursor="+cursor+"&user=U1&users=U1,U2&email=a@b")
		f.Add(name, "GET", "team_id=T2&query=ada&status=active&kind=members&tz=Europe/London&updated_since=1.5", "", "")
		f.Add(name, "POST", "", "application/json", `{"team_id":"T1","limit":3,"users":["U1","a/b"],"types":["user.created"],"oldest":1,"latest":"9.000001","visibility":"hidden"}`)
	}
	f.Add("changes.list", "GET", "team_id=T1&cursor="+directory.RecordCursor{WrittenAt: time.UnixMicro(5), ID: "x"}.String(), "", "")
	f.Add("/", "PUT", "token=x", "text/plain; x", "\x00")
	f.Fuzz(func(t *testing.T, name, method, query, contentType, body string) {
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery, r.Method = prefix+name, query, method
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "Bearer "+text)
		n := nobody{t}
		store := &memory{all: map[string]tokens.Token{token.Hash: token}}
		w := httptest.NewRecorder()
		New(Options{People: n, Workspaces: n, History: n, Tokens: store, Rate: 1, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, r)
		var answer struct {
			OK    *bool  `json:"ok"`
			Error string `json:"error"`
		}
		d := json.NewDecoder(w.Body)
		err := d.Decode(&answer)
		if _, end := d.Token(); w.Code != http.StatusOK || err != nil || !errors.Is(end, io.EOF) || answer.OK == nil || *answer.OK == (answer.Error != "") || answer.Error == errInternal.code {
			t.Errorf("status %d, %v, %+v", w.Code, err, answer)
		}
	})
}
