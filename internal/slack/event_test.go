package slack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

func TestDecodeRequest(t *testing.T) {
	change := func(op directory.Operation, eventType, user string) *directory.Change {
		c, err := directory.NewChange(directory.Change{
			Operation: op, EventType: eventType, TeamID: "T1", EventID: "Ev1",
			User: []byte(user), Version: 1648596712000001, Source: directory.FromEvent,
		})
		if err != nil {
			t.Fatal(err)
		}
		if user == "" {
			c.User = nil
		}
		return &c
	}
	event := func(inner string) string {
		return `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1648596712,"event":` + inner + `}`
	}
	about := func(change *directory.Change) Request {
		return Request{Type: change.EventType, TeamID: "T1", EventID: "Ev1", Change: change}
	}
	tests := []struct {
		name, body string
		want       Request
		err        error
	}{
		{name: "challenge", body: `{"type":"url_verification","challenge":"abc"}`, want: Request{Type: "url_verification", Challenge: "abc"}},
		{name: "rate limited", body: `{"type":"app_rate_limited","team_id":"T1"}`, want: Request{Type: "app_rate_limited", TeamID: "T1", RateLimited: true}},
		{name: "join", body: event(`{"type":"team_join","event_ts":"1648596712.000001","user":{"id":"U1","x":[1.10,null]}}`),
			want: about(change(directory.Insert, "team_join", `{"id":"U1","x":[1.10,null]}`))},
		{name: "change", body: event(`{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}`),
			want: about(change(directory.Update, "user_change", `{"id":"U1"}`))},
		{name: "a profile, which user_change covers as well", body: event(`{"type":"user_profile_changed","event_ts":"1648596712.000001","user":{"id":"U1"}}`),
			want: Request{Type: "user_profile_changed", TeamID: "T1", EventID: "Ev1"}},
		{name: "a status, which user_change covers as well", body: event(`{"type":"user_status_changed","event_ts":1648596712.000001,"user":{"id":"U1"}}`),
			want: Request{Type: "user_status_changed", TeamID: "T1", EventID: "Ev1"}},
		{name: "a huddle, which user_change covers as well", body: event(`{"type":"user_huddle_changed","event_ts":"1648596712.000001","user":{"id":"U1"}}`),
			want: Request{Type: "user_huddle_changed", TeamID: "T1", EventID: "Ev1"}},
		{name: "uninstalled", body: event(`{"type":"app_uninstalled","event_ts":"1648596712.000001"}`), want: about(change(directory.Disconnect, "app_uninstalled", ""))},
		{name: "the bot's token revoked", body: event(`{"type":"tokens_revoked","event_ts":"1648596712.000001","tokens":{"oauth":["U9"],"bot":["U8"]}}`),
			want: about(change(directory.Disconnect, "tokens_revoked", ""))},
		{name: "somebody's token revoked", body: event(`{"type":"tokens_revoked","event_ts":"1648596712.000001","tokens":{"oauth":["U9"],"bot":[]}}`),
			want: Request{Type: "tokens_revoked", TeamID: "T1", EventID: "Ev1"}},
		{name: "tokens of another form", body: event(`{"type":"tokens_revoked","tokens":[{}]}`), want: Request{Type: "tokens_revoked", TeamID: "T1", EventID: "Ev1"}},
		{name: "the workspace that received the event", body: `{"type":"event_callback","api_app_id":"A1","team_id":"T9","context_team_id":"T1","authorizations":[{"team_id":"T8"}],"event_id":"Ev1","event":{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}}`,
			want: Request{Type: "user_change", AppID: "A1", TeamID: "T1", EventID: "Ev1", Change: change(directory.Update, "user_change", `{"id":"U1"}`)}},
		{name: "by the authorization", body: `{"type":"event_callback","team_id":"T9","authorizations":[{"enterprise_id":null,"team_id":"T1"}],"event_id":"Ev1","event":{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}}`,
			want: about(change(directory.Update, "user_change", `{"id":"U1"}`))},
		{name: "by the envelope", body: `{"type":"event_callback","team_id":"T1","context_team_id":null,"authorizations":[{"team_id":null}],"event_id":"Ev1","event":{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}}`,
			want: about(change(directory.Update, "user_change", `{"id":"U1"}`))},
		{name: "authorizations of another form", body: `{"type":"event_callback","team_id":"T1","authorizations":{"team_id":"T2"},"event_id":"Ev1","event":{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}}`,
			want: about(change(directory.Update, "user_change", `{"id":"U1"}`))},
		{name: "another event", body: event(`{"type":"message","user":"U1"}`), want: Request{Type: "message", TeamID: "T1", EventID: "Ev1"}},
		{name: "an event of the future", body: event(`{"type":"user_teleported","user":{}}`), want: Request{Type: "user_teleported", TeamID: "T1", EventID: "Ev1"}},
		{name: "another type", body: `{"type":"block_actions","team_id":7}`, want: Request{Type: "block_actions"}},
		{name: "no type", body: `{}`},
		{name: "two fields of one name", body: `{"team_id":"T0","team_id":"T1"}`, err: ErrNotJSON},
		{name: "and within the user", body: event(`{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U0","id":"U1"}}`), err: ErrNotJSON},
		{name: "half a surrogate pair", body: event(`{"type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1","name":"\ud83d"}}`),
			want: about(change(directory.Update, "user_change", `{"id":"U1","name":"\ud83d"}`))},
		{name: "names of fields are lower case", body: event(`{"Type":"user_change","event_ts":"1648596712.000001","user":{"id":"U1"}}`),
			want: Request{Type: "event_callback", TeamID: "T1", EventID: "Ev1"}},
		{name: "event is null", body: event(`null`), want: Request{Type: "event_callback", TeamID: "T1", EventID: "Ev1"}},
		{name: "event is a list", body: event(`[]`), want: Request{Type: "event_callback", TeamID: "T1", EventID: "Ev1"}},

		{name: "no user", body: event(`{"type":"user_change","event_ts":"1648596712.000001"}`), err: ErrMalformed},
		{name: "user is an id", body: event(`{"type":"user_change","event_ts":"1648596712.000001","user":"U1"}`), err: ErrMalformed},
		{name: "no id", body: event(`{"type":"team_join","event_ts":"1648596712.000001","user":{"name":"x"}}`), err: ErrMalformed},
		{name: "no team", body: `{"type":"event_callback","team_id":"","event":{"type":"user_change","event_ts":"1.0","user":{"id":"U1"}}}`, want: Request{Type: "user_change", NoWorkspace: true}},
		{name: "team is a number", body: `{"type":"event_callback","team_id":1,"event":{"type":"user_change","event_ts":"1.0","user":{"id":"U1"}}}`, want: Request{Type: "user_change", NoWorkspace: true}},
		{name: "team as a path", body: `{"type":"event_callback","team_id":"T1/x","event":{"type":"user_change","event_ts":"1.0","user":{"id":"U1"}}}`, err: ErrMalformed},
		{name: "in the year 2200", body: event(`{"type":"user_change","event_ts":"7258118400.000000","user":{"id":"U1"}}`), err: ErrMalformed},
		{name: "no time at all", body: `{"type":"event_callback","team_id":"T1","event":{"type":"user_change","user":{"id":"U1"}}}`, err: ErrMalformed},
		{name: "time in words", body: event(`{"type":"user_change","event_ts":"now","user":{"id":"U1"}}`), err: ErrMalformed},
		{name: "time is a list", body: event(`{"type":"user_change","event_ts":[],"user":{"id":"U1"}}`), err: ErrMalformed},
		{name: "user is null", body: event(`{"type":"user_change","event_ts":"1.0","user":null}`), err: ErrMalformed},
		{name: "empty", body: ``, err: ErrNotJSON},
		{name: "form", body: `payload=%7B%7D`, err: ErrNotJSON},
		{name: "a list", body: `[]`, err: ErrNotJSON},
		{name: "two objects", body: `{}{}`, err: ErrNotJSON},
		{name: "null", body: `null`, err: ErrNotJSON},
		{name: "a key twice", body: `{"type":"x","type":"y"}`, err: ErrNotJSON},
		{name: "keys in another case", body: `{"Type":"url_verification","CHALLENGE":"abc"}`},
		{name: "half a surrogate pair", body: `{"type":"url_verification","challenge":"\ud83d!"}`, want: Request{Type: "url_verification", Challenge: "\ufffd!"}},
		{name: "not UTF-8", body: "{\"type\":\"\xff\"}", err: ErrNotJSON},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeRequest([]byte(tt.body))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventVersion(t *testing.T) {
	tests := []struct {
		ts, time timestamp
		want     directory.Version
	}{
		{"1648596712.000001", "1", 1648596712000001},
		{"1648596712.1", "", 1648596712100000},
		{"1648596712", "", 1648596712000000},
		{"1648596712.0000019", "", 1648596712000001},
		{"", "1648596712", 1648596712000000},
		{"-1.0", "", 0},
		{"1.-1", "", 0},
		{"", "", 0},
	}
	for _, tt := range tests {
		got, err := eventVersion(tt.ts, tt.time)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("eventVersion(%q, %q) = %d, %v, want %d", tt.ts, tt.time, got, err, tt.want)
		}
	}
}

// FuzzDecodeRequest: no input panics, and every accepted event can be applied and encoded.
func FuzzDecodeRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no events in testdata", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeRequest(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotJSON) {
				t.Errorf("unexpected kind of error: %v", err)
			}
			return
		}
		if r.Change == nil {
			return
		}
		data, err := r.Change.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := directory.DecodeChange(data)
		if err != nil {
			t.Fatalf("what was accepted is refused later: %v", err)
		}
		if back.UserID != r.Change.UserID || back.Version != r.Change.Version {
			t.Errorf("%s@%d came back as %s@%d", r.Change.UserID, r.Change.Version, back.UserID, back.Version)
		}
		if back.Operation == directory.Disconnect {
			return
		}
		back.Operation = directory.Insert
		if _, _, err := directory.Apply(nil, back, time.Now()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestErrorsTellNothingOfTheBody(t *testing.T) {
	_, err := DecodeRequest([]byte(`{"type":"event_callback","team_id":"T1","event":{"type":"user_change","event_ts":"Sesame","user":{"id":"Sesame/street"}}}`))
	if err == nil || strings.Contains(err.Error(), "Sesame") {
		t.Errorf("error %v", err)
	}
}
