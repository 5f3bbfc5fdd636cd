package sdks

import (
	"slices"
	"testing"

	"rollcall/internal/tokens"
)

// differences are all fields in which the API may differ from Slack, with the reason. The API also sends two fields
// where Slack does not: profile.fields (see plain) and locale (see compare).
var differences = map[string]string{
	"cache_ts":                   "the time of the answer, in both",
	"next_cursor":                "opaque, and each has its own",
	"scopes":                     "a token of the API has changes:read as well",
	"user":                       "auth.test names the token's user: a bot at Slack, a named program here",
	"user_id":                    "in auth.test: like user",
	"bot_id":                     "in auth.test: like user",
	"huddle_state":               "the copy takes huddles from events only; in a listing they are stale at once",
	"huddle_state_expiration_ts": "like huddle_state",
	"huddle_state_call_id":       "like huddle_state",
	"guest_invited_by":           "Slack sends it for some guests in listings, for others in users.info; the copy keeps what it receives",
}

// ofForgotten is what the copy keeps of people whom Slack has erased. Slack fills in placeholders.
var ofForgotten = []string{"id", "team_id", "deleted", "is_forgotten"}

// plain returns a value without the differences, and without empty members, which Slack itself sends or leaves
// out, depending on the method. unasked are more members to leave out.
func plain(v any, unasked ...string) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		if profile, ok := v["profile"].(map[string]any); ok && v["id"] != nil {
			// Slack has custom fields in users.profile.get only. The copy knows them, so the API sends them everywhere.
			delete(profile, "fields")
		}
		for name, value := range v {
			value = plain(value, unasked...)
			if _, object := value.(map[string]any); differences[name] != "" && !(name == "user" && object) {
				continue
			}
			if slices.Contains(unasked, name) {
				continue
			}
			if v["is_forgotten"] == true && !slices.Contains(ofForgotten, name) {
				continue
			}
			if value != nil {
				o[name] = value
			}
		}
		if len(o) == 0 {
			return nil
		}
		return o
	case []any:
		if len(v) == 0 {
			return nil
		}
		all := make([]any, len(v))
		for i, one := range v {
			all[i] = plain(one, unasked...)
		}
		return all
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// refusals checks the answers to the token with a single scope.
func refusals(t *testing.T, calls map[string]map[string]any) {
	t.Helper()
	for method, scope := range map[string]string{
		"auth.test": "", "emoji.list": narrow, "team.info": tokens.TeamRead, "team.profile.get": tokens.ProfileRead,
		"users.info": tokens.UsersRead, "users.profile.get": tokens.ProfileRead, "users.lookupByEmail": tokens.EmailRead,
	} {
		answer := calls[method+" narrow"]
		if allowed := scope == "" || scope == narrow; allowed {
			if answer["ok"] != true {
				t.Errorf("%s: %v", method, answer)
			}
		} else if answer["error"] != "missing_scope" || answer["needed"] != scope || answer["provided"] != narrow {
			t.Errorf("%s without its scope: %v", method, answer)
		}
	}
}
