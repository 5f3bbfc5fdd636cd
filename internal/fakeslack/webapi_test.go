package fakeslack

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func serve(t *testing.T, o Options) (*Workspace, *httptest.Server) {
	t.Helper()
	w := New(o)
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	w.SetBaseURL(server.URL)
	return w, server
}

func client(w *Workspace, server *httptest.Server) *slack.Client {
	o := w.Options()
	return slack.New(o.BotToken, slack.OptionAppLevelToken(o.AppToken), slack.OptionAPIURL(server.URL+"/api/"))
}

// call sends a GET with the bot's token.
func call(t *testing.T, w *Workspace, server *httptest.Server, method string, args url.Values) (*http.Response, map[string]json.RawMessage) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/"+method+"?"+args.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Options().BotToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, decode[map[string]json.RawMessage](t, body)
}

func TestSlackGoReadsTheWebAPI(t *testing.T) {
	w, server := serve(t, Options{People: 60})
	c := client(w, server)
	auth, err := c.AuthTestContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if auth.TeamID != "T0ROLLCALL" || auth.Team != "Marlow & Finch" || auth.User != "rollcall" || auth.URL != "https://marlow-finch.slack.com/" {
		t.Errorf("auth.test: %+v", auth)
	}
	self, err := c.GetUserInfoContext(t.Context(), auth.UserID)
	if err != nil || !self.IsBot || self.Profile.BotID != auth.BotID {
		t.Errorf("users.info of the app's bot: %+v, %v", self, err)
	}
	team, err := c.GetTeamInfoContext(t.Context())
	if err != nil || team.ID != "T0ROLLCALL" || team.EmailDomain != "marlow-finch.example" {
		t.Errorf("team.info: %+v, %v", team, err)
	}
	users, err := c.GetUsersContext(t.Context(), slack.GetUsersOptionLimit(7))
	if err != nil || len(users) != 60 {
		t.Errorf("users.list: %d users, %v", len(users), err)
	}
	stranger, err := c.GetUserInfoContext(t.Context(), w.ExternalIDs()[0])
	if err != nil || stranger.TeamID != partners[0] {
		t.Errorf("users.info of somebody external: %+v, %v", stranger, err)
	}
	if _, err := c.GetUserInfoContext(t.Context(), "U404"); err == nil || err.Error() != "user_not_found" {
		t.Errorf("users.info of nobody: %v", err)
	}
}

func TestPagingListsEachOnce(t *testing.T) {
	tests := []struct {
		name   string
		limit  string
		faults Faults
	}{
		{"whole", "", Faults{}},
		{"a thousand", "1000", Faults{}},
		{"tens", "10", Faults{}},
		{"short and empty pages", "30", Faults{ShortPages: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, server := serve(t, Options{Faults: tt.faults})
			want := strs(w.Users())
			var got []string
			args := url.Values{"limit": {tt.limit}}
			empty, cursors := false, map[string]bool{}
			for {
				_, answer := call(t, w, server, "users.list", args)
				members := strs(decode[[]json.RawMessage](t, answer["members"]))
				got = append(got, members...)
				empty = empty || len(members) == 0
				next := decode[map[string]string](t, answer["response_metadata"])["next_cursor"]
				if next == "" {
					break
				}
				if cursors[next] {
					t.Fatalf("cursor %s comes twice", next)
				}
				cursors[next] = true
				args.Set("cursor", next)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if empty != tt.faults.ShortPages {
				t.Errorf("empty pages: %v", empty)
			}
		})
	}
}

func TestJoinersDoNotShiftTheList(t *testing.T) {
	w, server := serve(t, Options{People: 20})
	_, first := call(t, w, server, "users.list", url.Values{"limit": {"15"}})
	joiner := w.Join()[0].UserID
	next := decode[map[string]string](t, first["response_metadata"])["next_cursor"]
	_, second := call(t, w, server, "users.list", url.Values{"limit": {"15"}, "cursor": {next}})
	members := decode[[]slack.User](t, second["members"])
	if len(members) != 6 || members[5].ID != joiner {
		t.Errorf("second page has %d users", len(members))
	}
}

func TestRefusals(t *testing.T) {
	w, server := serve(t, Options{People: 501})
	o := w.Options()
	tests := []struct{ name, method, contentType, authorization, body, want string }{
		{name: "no token", method: "users.list", want: "not_authed"},
		{name: "wrong token", method: "users.list", authorization: "Bearer xoxb-wrong", want: "invalid_auth"},
		{name: "the app's token", method: "users.list", authorization: "Bearer " + o.AppToken, want: "not_allowed_token_type"},
		{name: "the bot's token", method: "apps.connections.open", authorization: "Bearer " + o.BotToken, want: "not_allowed_token_type"},
		{name: "token in the form", method: "users.list", body: "limit=1&token=" + o.BotToken},
		{name: "no limit", method: "users.list", authorization: "Bearer " + o.BotToken, want: "limit_required"},
		{name: "limit 0", method: "users.list", authorization: "Bearer " + o.BotToken, body: "limit=0", want: "limit_required"},
		{name: "limit too high", method: "users.list", authorization: "Bearer " + o.BotToken, body: "limit=1001", want: "invalid_limit"},
		{name: "limit in a JSON body", method: "users.list", authorization: "Bearer " + o.BotToken, contentType: "application/json", body: `{"limit":10}`, want: "limit_required"},
		{name: "cursor not base64", method: "users.list", authorization: "Bearer " + o.BotToken, body: "limit=1&cursor=%25", want: "invalid_cursor"},
		{name: "cursor of an unknown user", method: "users.list", authorization: "Bearer " + o.BotToken, body: "limit=1&cursor=dXNlcjpVNDA0", want: "invalid_cursor"},
		{name: "unknown method", method: "users.teleport", authorization: "Bearer " + o.BotToken, want: "unknown_method"},
		{name: "another workspace", method: "team.info", authorization: "Bearer " + o.BotToken, body: "team=T404", want: "team_not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/api/"+tt.method, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			r.Header.Set("Authorization", tt.authorization)
			answer := httptest.NewRecorder()
			server.Config.Handler.ServeHTTP(answer, r)
			got := decode[slack.SlackResponse](t, answer.Body.Bytes())
			if answer.Code != http.StatusOK || got.Error != tt.want || got.Ok != (tt.want == "") {
				t.Errorf("%d %+v, want %q", answer.Code, got, tt.want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		faults Faults
		check  func(error) bool
	}{
		{"429", Faults{RateLimitEvery: 2, RetryAfter: 3}, func(err error) bool {
			limited, ok := errors.AsType[*slack.RateLimitedError](err)
			return ok && limited.RetryAfter == 3*time.Second
		}},
		{"ratelimited in a 200", Faults{RatelimitedIn200Every: 2}, func(err error) bool {
			refusal, ok := errors.AsType[slack.SlackErrorResponse](err)
			return ok && refusal.Err == "ratelimited"
		}},
		{"500", Faults{ErrorEvery: 2}, func(err error) bool {
			status, ok := errors.AsType[slack.StatusCodeError](err)
			return ok && status.Code == http.StatusInternalServerError
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, server := serve(t, Options{})
			w.SetFaults(tt.faults)
			c := client(w, server)
			for i := range 6 {
				_, err := c.GetUsersPaginated(slack.GetUsersOptionLimit(10)).Next(t.Context())
				if spoilt := i%2 == 1; spoilt && !tt.check(err) || !spoilt && err != nil {
					t.Errorf("call %d: %T %v", i+1, err, err)
				}
			}
		})
	}
}

func TestDateIsTheWorkspacesClock(t *testing.T) {
	w, server := serve(t, Options{Clock: atNoon})
	response, _ := call(t, w, server, "users.list", nil)
	if got := response.Header.Get("Date"); got != "Tue, 01 Jul 2025 12:00:00 GMT" {
		t.Errorf("Date %q", got)
	}
}

func TestAvatars(t *testing.T) {
	w, server := serve(t, Options{})
	w.listed[12].realName = `<script> "&`
	get := func(path string) (*http.Response, string) {
		t.Helper()
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(body)
	}
	for _, p := range w.listed {
		response, body := get("/avatars/" + p.id + "-72.svg")
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "image/svg+xml" || response.Header.Get("Content-Security-Policy") == "" {
			t.Fatalf("%d %v", response.StatusCode, response.Header)
		}
		var svg struct {
			Box  string `xml:"viewBox,attr"`
			Rect struct {
				Width  string `xml:"width,attr"`
				Height string `xml:"height,attr"`
			} `xml:"rect"`
			Text string `xml:"text"`
		}
		if err := xml.Unmarshal([]byte(body), &svg); err != nil || svg.Text == "" {
			t.Errorf("%v in %s", err, body)
		}
		if svg.Box != "0 0 "+svg.Rect.Width+" "+svg.Rect.Height {
			t.Errorf("its colour does not fill the square: %s", body)
		}
	}
	for _, path := range []string{"/avatars/U404-72.svg", "/avatars/USLACKBOT-73.svg", "/avatars/USLACKBOT.svg"} {
		if response, _ := get(path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// TestFaultsOfAListing: a page that is too large, a cursor that expires, changes during the listing, lost events.
func TestFaultsOfAListing(t *testing.T) {
	var events []Event
	w, server := serve(t, Options{People: 300, OnEvent: func(e Event) { events = append(events, e) }})
	list := func(limit, cursor string) (int, string, string) {
		response, answer := call(t, w, server, "users.list", url.Values{"limit": {limit}, "cursor": {cursor}})
		var refused string
		var metadata struct {
			NextCursor string `json:"next_cursor"`
		}
		for key, into := range map[string]any{"error": &refused, "response_metadata": &metadata} {
			if text, ok := answer[key]; ok {
				if err := json.Unmarshal(text, into); err != nil {
					t.Fatal(err)
				}
			}
		}
		return response.StatusCode, refused, metadata.NextCursor
	}
	w.SetFaults(Faults{MaxLimit: 100})
	if status, _, _ := list("101", ""); status != http.StatusInternalServerError {
		t.Errorf("101 a page: status %d", status)
	}
	_, _, next := list("100", "")
	if next == "" {
		t.Error("no second page")
	}
	w.SetFaults(Faults{ExpireCursorEvery: 1})
	if _, refused, _ := list("100", next); refused != "invalid_cursor" {
		t.Errorf("error %q", refused)
	}
	if _, refused, _ := list("100", ""); refused != "" {
		t.Errorf("the first page: error %q", refused)
	}
	count := func(f Faults) int {
		events = nil
		w.SetFaults(f)
		list("100", "")
		return len(events)
	}
	if n := count(Faults{Churn: 20}); n < 20 {
		t.Errorf("%d events of 20 changes", n)
	}
	if n := count(Faults{Churn: 20, DropEvery: 1}); n != 0 {
		t.Errorf("%d events, although all are lost", n)
	}
}

// TestRemove: a removed person is in no list, and nobody else moves.
func TestRemove(t *testing.T) {
	w := New(Options{})
	before := w.Users()
	var gone struct{ ID string }
	if err := json.Unmarshal(before[100], &gone); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(gone.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(gone.ID); !errors.Is(err, errUserNotFound) || w.User(gone.ID) != nil {
		t.Errorf("a second time: %v", err)
	}
	want := slices.Delete(slices.Clone(before), 100, 101)
	if diff := cmp.Diff(want, w.Users()); diff != "" {
		t.Errorf("(-want +got):\n%.1000s", diff)
	}
	var last struct{ ID string }
	if err := json.Unmarshal(before[len(before)-1], &last); err != nil {
		t.Fatal(err)
	}
	if p, ok := w.Person(last.ID); !ok || string(p.ListObject(false)) != string(before[len(before)-1]) {
		t.Error("the last one is not found any more")
	}
}
