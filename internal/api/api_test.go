package api

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// client is slack-go with another address.
func client(base, token string) *slack.Client { return slack.New(token, slack.OptionAPIURL(base)) }

// TestSlackGo: an unmodified slack-go gets from the API what it gets from Slack, person by person.
func TestSlackGo(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of people are compared one by one")
	}
	const people, asked = 2000, 300
	w := newWorld(t, fakeslack.Options{People: people})
	w.sync(t)
	theirs, ours := client(w.slack.Options().BaseURL+"/api/", w.slack.Options().BotToken), client(w.base, w.token(t, tokens.Scopes...))
	ctx := t.Context()

	list := func(c *slack.Client) map[string]slack.User {
		users, err := c.GetUsersContext(ctx, slack.GetUsersOptionLimit(170))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]slack.User{}
		for _, u := range users {
			if _, twice := all[u.ID]; twice {
				t.Errorf("%s is listed twice", u.ID)
			}
			all[u.ID] = kept(u)
		}
		return all
	}
	want, got := list(theirs), list(ours)
	if len(want) != people {
		t.Errorf("Slack lists %d", len(want))
	}
	if diff := cmp.Diff(want, got, sameUsers); diff != "" {
		t.Errorf("users.list (-Slack +API):\n%.3000s", diff)
	}

	ids := slices.Sorted(maps.Keys(want))[:asked]
	infos := map[string]map[string]slack.User{}
	for name, c := range map[string]*slack.Client{"slack": theirs, "api": ours} {
		infos[name] = map[string]slack.User{}
		users, err := c.GetUsersInfoContext(ctx, ids...)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range *users {
			if u.ID != ids[i] {
				t.Fatalf("%s answers %s in the place of %s", name, u.ID, ids[i])
			}
			infos[name][u.ID] = kept(u)
		}
	}
	if diff := cmp.Diff(infos["slack"], infos["api"], sameUsers); diff != "" {
		t.Errorf("users.info (-Slack +API):\n%.3000s", diff)
	}

	found := 0
	for _, id := range ids[:asked/3] {
		profile := func(c *slack.Client) (map[string]slack.UserProfileCustomField, string) {
			p, err := c.GetUserProfileContext(ctx, &slack.GetUserProfileParameters{UserID: id, IncludeLabels: true})
			if err != nil {
				t.Fatal(err)
			}
			return p.Fields.ToMap(), p.RealName + p.Email
		}
		wantFields, wantNames := profile(theirs)
		gotFields, gotNames := profile(ours)
		found += len(gotFields)
		if u := want[id]; u.Deleted || u.IsBot { // nobody asks Slack for their fields
			continue
		}
		if diff := cmp.Diff(wantFields, gotFields, cmpopts.EquateEmpty()); diff != "" || wantNames != gotNames {
			t.Errorf("users.profile.get of %s: %s and %s (-Slack +API):\n%s", id, wantNames, gotNames, diff)
		}
		if email := want[id].Profile.Email; email != "" {
			u, err := ours.GetUserByEmailContext(ctx, strings.ToUpper(email))
			if err != nil || u.ID != id {
				t.Errorf("users.lookupByEmail of %s: %v, error %v", id, u, err)
			}
		}
	}
	if found == 0 {
		t.Error("nobody has custom fields")
	}

	for name, call := range map[string]func(c *slack.Client) (any, error){
		"emoji.list":       func(c *slack.Client) (any, error) { return c.GetEmojiContext(ctx) },
		"team.profile.get": func(c *slack.Client) (any, error) { return c.GetTeamProfileContext(ctx) },
		"team.info": func(c *slack.Client) (any, error) {
			info, err := c.GetTeamInfoContext(ctx)
			if err == nil {
				info.EmailDomain = "" // the copy lacks it
			}
			return info, err
		},
		"auth.test": func(c *slack.Client) (any, error) {
			a, err := c.AuthTestContext(ctx)
			if err != nil {
				return nil, err
			}
			return []any{a.URL, a.Team, a.TeamID}, nil
		},
		"user_not_found": func(c *slack.Client) (any, error) {
			_, err := c.GetUserInfoContext(ctx, "U0NOBODY")
			return err.Error(), nil
		},
		"user_not_found among several": func(c *slack.Client) (any, error) {
			_, err := c.GetUsersInfoContext(ctx, ids[0], "U0NOBODY")
			return err.Error(), nil
		},
		"invalid_auth": func(c *slack.Client) (any, error) {
			base := w.base
			if c == theirs {
				base = w.slack.Options().BaseURL + "/api/"
			}
			_, err := client(base, "xoxb-of-somebody-else").AuthTestContext(ctx)
			return err.Error(), nil
		},
		"limit_required": func(c *slack.Client) (any, error) {
			p := c.GetUsersPaginated(slack.GetUsersOptionLimit(0))
			_, err := p.Next(ctx)
			return err.Error(), nil
		},
		"invalid_limit": func(c *slack.Client) (any, error) {
			_, err := c.GetUsersPaginated(slack.GetUsersOptionLimit(1001)).Next(ctx)
			return err.Error(), nil
		},
	} {
		want, err1 := call(theirs)
		got, err2 := call(ours)
		if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("%s: errors %v and %v (-Slack +API):\n%s", name, err1, err2, diff)
		}
	}
}

// sameUsers ignores what the copy has from elsewhere: custom fields, which Slack's listings lack, and
// huddles, which the copy takes only from events.
var sameUsers = cmp.Options{
	cmpopts.IgnoreUnexported(slack.UserProfileCustomFields{}), cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(slack.UserProfile{}, "HuddleState", "HuddleStateExpirationTS"),
	// For some people Slack itself sends these only in users.info or only in users.list.
	cmpopts.IgnoreFields(slack.User{}, "Has2FA"), cmpopts.IgnoreFields(slack.UserProfile{}, "GuestInvitedBy"),
}

// kept is what the copy keeps of somebody whom Slack has erased, and everything of anybody else.
func kept(u slack.User) slack.User {
	if u.Profile.RealName != "Deactivated User" {
		return u
	}
	return slack.User{ID: u.ID, TeamID: u.TeamID, Deleted: u.Deleted, Profile: slack.UserProfile{RealName: u.Profile.RealName}}
}

// TestWorkspaces: a token opens its workspaces and no other.
func TestWorkspaces(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	for _, id := range []string{"T1", "T2"} {
		if err := w.store.PutWorkspace(t.Context(), directory.Workspace{ID: id, Name: "Of " + id, URL: "https://x.slack.com/"}); err != nil {
			t.Fatal(err)
		}
	}
	text, stored, err := tokens.New("two", []string{"T1", "T2"}, tokens.Scopes, time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	lost, gone, err := tokens.New("purged", []string{"T9"}, tokens.Scopes, time.Now(), time.Time{})
	if err = errors.Join(err, w.store.PutToken(t.Context(), stored), w.store.PutToken(t.Context(), gone)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ token, method, team, want string }{
		{text, "users.list", "", "missing_argument"},
		{text, "users.list", "T2", ""},
		{text, "users.list", "T3", "team_access_not_granted"},
		{text, "auth.test", "", ""},
		{text, "team.info", "", "missing_argument"},
		{lost, "auth.test", "", "account_inactive"},
		{lost, "users.list", "T1", ""}, // is about T9, where there is nobody
	} {
		if _, answer := w.ask(t, tt.token, tt.method, "team_id", tt.team); answer["ok"] != (tt.want == "") || tt.want != "" && answer["error"] != tt.want {
			t.Errorf("%s in %q: %v, want %q", tt.method, tt.team, answer, tt.want)
		}
	}
	if _, answer := w.ask(t, text, "auth.test", "team_id", "T2"); answer["team"] != "Of T2" || answer["user"] != "two" || answer["user_id"] == "U" {
		t.Errorf("auth.test: %v", answer)
	}
}
