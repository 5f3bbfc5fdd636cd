package fakeslack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

type wideEnvelope struct {
	TeamID         *string `json:"team_id"`
	ContextTeamID  string  `json:"context_team_id"`
	APIAppID       string  `json:"api_app_id"`
	EventTime      int64   `json:"event_time"`
	Authorizations []struct {
		TeamID     *string `json:"team_id"`
		Enterprise *string `json:"enterprise_id"`
		OrgWide    bool    `json:"is_enterprise_install"`
	} `json:"authorizations"`
	Event struct {
		Tokens map[string][]string `json:"tokens"`
		User   json.RawMessage     `json:"user"`
	} `json:"event"`
}

func TestEnvelopes(t *testing.T) {
	for team, want := range map[envelopeTeam]string{ownTeam: `"T0ROLLCALL"`, foreignTeam: `"T0HALDENPR"`, emptyTeam: `""`, missingTeam: "null"} {
		for _, context := range []bool{false, true} {
			w := New(Options{envelopes: envelopes{TeamID: team, Context: context}})
			got := decode[wideEnvelope](t, w.Join()[0].Envelope)
			if id := string(encode(got.TeamID)); id != want || (got.ContextTeamID == "T0ROLLCALL") != context {
				t.Errorf("team_id %s, want %s; context_team_id %q", id, want, got.ContextTeamID)
			}
			if len(got.Authorizations) != 1 || *got.Authorizations[0].TeamID != "T0ROLLCALL" || got.APIAppID != appID || got.EventTime == 0 {
				t.Errorf("%+v", got)
			}
		}
	}
	w := New(Options{envelopes: envelopes{NoAuthorizations: true}})
	if got := decode[wideEnvelope](t, w.Join()[0].Envelope); got.Authorizations != nil {
		t.Errorf("authorizations %v", got.Authorizations)
	}
	w = New(Options{Enterprise: "E0MARLOW", OrgWide: true})
	if a := decode[wideEnvelope](t, w.Join()[0].Envelope).Authorizations[0]; a.TeamID != nil || !a.OrgWide || *a.Enterprise != "E0MARLOW" {
		t.Errorf("authorization of an organisation's install: %+v", a)
	}
}

func refusalOf(t *testing.T, answer map[string]json.RawMessage) string {
	t.Helper()
	if answer["error"] == nil {
		return ""
	}
	return decode[string](t, answer["error"])
}

func TestUninstall(t *testing.T) {
	for _, refusal := range []string{"", "invalid_auth", "token_revoked"} {
		w, server := serve(t, Options{})
		old := w.Options().BotToken
		events := w.Uninstall(refusal)
		if len(events) != 2 || events[0].Type != "app_uninstalled" || events[1].Type != "tokens_revoked" {
			t.Fatalf("%+v", events)
		}
		tokens := decode[wideEnvelope](t, events[1].Envelope).Event.Tokens
		if diff := gocmp.Diff(map[string][]string{"bot": {w.app.id}, "oauth": {}}, tokens); diff != "" {
			t.Error(diff)
		}
		if user := decode[wideEnvelope](t, events[0].Envelope).Event.User; user != nil {
			t.Errorf("app_uninstalled has a user: %s", user)
		}
		want := refusal
		if want == "" {
			want = "account_inactive"
		}
		for _, method := range []string{"auth.test", "users.list", "users.profile.get"} {
			if _, answer := call(t, w, server, method, nil); refusalOf(t, answer) != want {
				t.Errorf("%s answers %q, want %q", method, refusalOf(t, answer), want)
			}
		}
		w.Reinstall("xoxb-another")
		if _, answer := call(t, w, server, "auth.test", nil); refusalOf(t, answer) != "" {
			t.Errorf("after a reinstall: %s", answer["error"])
		}
		r := httptest.NewRequest(http.MethodPost, "/api/auth.test", nil)
		r.Header.Set("Authorization", "Bearer "+old)
		answered := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(answered, r)
		if got := refusalOf(t, decode[map[string]json.RawMessage](t, answered.Body.Bytes())); got != "invalid_auth" {
			t.Errorf("the old token answers %q", got)
		}
	}
}

func TestRevocations(t *testing.T) {
	w, server := serve(t, Options{})
	tokens := decode[wideEnvelope](t, w.revokeUserTokens("U1", "U2").Envelope).Event.Tokens
	if diff := gocmp.Diff(map[string][]string{"bot": {}, "oauth": {"U1", "U2"}}, tokens); diff != "" {
		t.Error(diff)
	}
	if _, answer := call(t, w, server, "auth.test", nil); refusalOf(t, answer) != "" {
		t.Errorf("after user tokens were revoked the bot's answers %s", answer["error"])
	}
	w.revokeBotToken()
	if _, answer := call(t, w, server, "auth.test", nil); refusalOf(t, answer) != "token_revoked" {
		t.Errorf("the bot's token answers %s", answer["error"])
	}
	w.Reinstall("")
	if _, answer := call(t, w, server, "auth.test", nil); refusalOf(t, answer) != "" {
		t.Errorf("after a reinstall: %s", answer["error"])
	}
}

func TestOrganisationWideInstall(t *testing.T) {
	w, server := serve(t, Options{Enterprise: "E0MARLOW", OrgWide: true})
	_, who := call(t, w, server, "auth.test", nil)
	if decode[string](t, who["team_id"]) != "E0MARLOW" || string(who["is_enterprise_install"]) != "true" {
		t.Errorf("%s", encode(who))
	}
	if _, answer := call(t, w, server, "users.list", nil); refusalOf(t, answer) != "missing_argument" {
		t.Errorf("users.list without team_id: %q", refusalOf(t, answer))
	}
	if _, answer := call(t, w, server, "users.list", url.Values{"team_id": {"T0ROLLCALL"}}); refusalOf(t, answer) != "" {
		t.Errorf("users.list: %q", refusalOf(t, answer))
	}
}

func TestScopes(t *testing.T) {
	w, server := serve(t, Options{Scopes: "users:read"})
	for method, needed := range map[string]string{
		"users.list": "", "users.info": "", "auth.test": "", "users.profile.get": "users.profile:read",
		"team.profile.get": "users.profile:read", "team.info": "team:read", "emoji.list": "emoji:read",
	} {
		response, answer := call(t, w, server, method, url.Values{"user": {w.app.id}})
		if refused := refusalOf(t, answer); (refused == "missing_scope") != (needed != "") {
			t.Errorf("%s: %q", method, refused)
		}
		if needed != "" && (decode[string](t, answer["needed"]) != needed || decode[string](t, answer["provided"]) != "users:read") {
			t.Errorf("%s: %s", method, encode(answer))
		}
		if response.Header.Get("X-OAuth-Scopes") != "users:read" {
			t.Errorf("%s: scopes %q", method, response.Header.Get("X-OAuth-Scopes"))
		}
	}
	if strings.Contains(string(encode(w.Users())), "@") {
		t.Error("there is an e-mail address without the scope")
	}
}

func TestProfiles(t *testing.T) {
	w, server := serve(t, Options{})
	id := activeMember(w)
	fieldsOf := func(args url.Values) map[string]map[string]string {
		t.Helper()
		args.Set("user", id)
		_, answer := call(t, w, server, "users.profile.get", args)
		p := decode[struct {
			Fields map[string]map[string]string `json:"fields"`
		}](t, answer["profile"])
		return p.Fields
	}
	before, _ := w.Person(id)
	if err := w.EditFields(id); err != nil {
		t.Fatal(err)
	}
	after, _ := w.Person(id)
	if got := fieldsOf(url.Values{})[fieldBadge]; got["value"] == "" || got["label"] != "" {
		t.Errorf("the field is %v", got)
	}
	if got := fieldsOf(url.Values{"include_labels": {"true"}})[fieldBadge]; got["label"] != "Badge number" {
		t.Errorf("with labels it is %v", got)
	}
	if string(before.ListObject(true)) != string(after.ListObject(true)) || string(before.InfoObject(true)) != string(after.InfoObject(true)) {
		t.Error("a listing shows that custom fields changed")
	}
	if string(before.EventObject()) == string(after.EventObject()) {
		t.Error("the next event does not show that custom fields changed")
	}
	if _, answer := call(t, w, server, "users.profile.get", url.Values{"user": {"U404"}}); refusalOf(t, answer) != "user_not_found" {
		t.Errorf("an unknown user: %q", refusalOf(t, answer))
	}
	w.SetFaults(Faults{ProfileRateLimitEvery: 1, RetryAfter: 7})
	if response, _ := call(t, w, server, "users.profile.get", nil); response.StatusCode != 429 || response.Header.Get("Retry-After") != "7" {
		t.Errorf("limited: %d %v", response.StatusCode, response.Header)
	}
	_, team := call(t, w, server, "team.profile.get", url.Values{"visibility": {"visible"}})
	defined := decode[struct {
		Fields []struct{ ID, Label, Type string } `json:"fields"`
	}](t, team["profile"])
	if len(defined.Fields) != 5 || defined.Fields[1].Type != "user" || defined.Fields[0].Label != "Department" {
		t.Errorf("team.profile.get: %+v", defined)
	}
}

func TestStaleListings(t *testing.T) {
	now := noon
	w, server := serve(t, Options{Clock: func() time.Time { return now }})
	id, gone := activeMember(w), w.listed[20].id
	list := func() (response map[string]json.RawMessage, date string) {
		t.Helper()
		r, answer := call(t, w, server, "users.list", url.Values{"include_locale": {"true"}})
		return answer, r.Header.Get("Date")
	}
	fresh, _ := list()
	w.FreezeListings()
	now = now.Add(39 * time.Minute)
	if _, err := w.SetStatus(id); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(gone); err != nil {
		t.Fatal(err)
	}
	w.Join()
	stale, date := list()
	if string(stale["members"]) != string(fresh["members"]) || decode[int64](t, stale["cache_ts"]) != noon.Unix() {
		t.Errorf("the listing is not frozen; cache_ts %s", stale["cache_ts"])
	}
	if date != "Tue, 01 Jul 2025 12:39:00 GMT" {
		t.Errorf("Date %q", date)
	}
	w.SetFaults(Faults{NoCacheTS: true})
	if stale, _ := list(); stale["cache_ts"] != nil {
		t.Errorf("cache_ts %s", stale["cache_ts"])
	}
	w.ThawListings()
	if thawed, _ := list(); string(thawed["members"]) == string(fresh["members"]) || strings.Contains(string(thawed["members"]), gone) {
		t.Error("the listing is still stale")
	}
}

func TestListingFaults(t *testing.T) {
	w, server := serve(t, Options{})
	a, b := w.ExternalIDs()[0], w.ExternalIDs()[1]
	w.SetFaults(Faults{NoDate: true, StuckCursor: true, InfoError: map[string]string{a: "fatal_error"}, InfoOther: map[string]string{b: "U404"}})
	response, page := call(t, w, server, "users.list", url.Values{"limit": {"10"}})
	if dates := response.Header.Values("Date"); len(dates) != 0 {
		t.Errorf("Date %q", dates)
	}
	metadata := decode[map[string]string](t, page["response_metadata"])
	_, again := call(t, w, server, "users.list", url.Values{"limit": {"10"}, "cursor": {metadata["next_cursor"]}})
	if metadata["next_cursor"] == "" || string(again["members"]) != string(page["members"]) || string(again["response_metadata"]) != string(page["response_metadata"]) {
		t.Errorf("the cursor moves: %s, then %s", page["response_metadata"], again["response_metadata"])
	}
	if _, answer := call(t, w, server, "users.info", url.Values{"user": {a}}); refusalOf(t, answer) != "fatal_error" {
		t.Errorf("users.info: %q", refusalOf(t, answer))
	}
	if _, answer := call(t, w, server, "users.info", url.Values{"user": {b}}); refusalOf(t, answer) != "user_not_found" {
		t.Errorf("users.info: %q", refusalOf(t, answer))
	}
	w.SetFaults(Faults{InfoOther: map[string]string{b: a}})
	_, answer := call(t, w, server, "users.info", url.Values{"user": {b}})
	if got := decode[struct{ ID string }](t, answer["user"]); got.ID != a {
		t.Errorf("users.info answers %s, want %s", got.ID, a)
	}
	w.SetFaults(Faults{})
	_, several := call(t, w, server, "users.info", url.Values{"users": {a + "," + b}})
	if users := decode[[]struct{ ID string }](t, several["users"]); len(users) != 2 || users[1].ID != b {
		t.Errorf("users.info of two: %v", users)
	}
}
