package sdks

import (
	"slices"
	"testing"

	"rollcall/internal/tokens"
)

// differences are all fields in which the API may differ from Slack, with the reason. Two more are said where
// Slack says nothing: profile.fields (see plain) and locale (see compare).
var differences = map[string]string{
	"cache_ts":                   "the moment of the answer, here and there",
	"next_cursor":                "opaque, and each has its own",
	"scopes":                     "a token of the API has changes:read as well",
	"user":                       "auth.test says who uses the token: a bot at Slack, a named program here",
	"user_id":                    "of auth.test: as user",
	"bot_id":                     "of auth.test: as user",
	"huddle_state":               "the copy takes huddles from events only; a listing's is stale at once",
	"huddle_state_expiration_ts": "as huddle_state",
	"huddle_state_call_id":       "as huddle_state",
	"guest_invited_by":           "Slack says it of some guests in listings, of others in users.info; the copy keeps what it hears",
}

// ofForgotten is what the copy keeps of people whom Slack has erased. Slack fills in placeholders.
var ofForgotten = []string{"id", "team_id", "deleted", "is_forgotten"}

// plain returns a value without the differences, and without members that say "nothing there", of which
// Slack itself sends any, or none, by method. unasked are more members to leave out.
func plain(v any, unasked ...string) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		if profile, ok := v["profile"].(map[string]any); ok && v["id"] != nil {
			// Slack has custom fields in users.profile.get only. The copy knows them, so it says them everywhere.
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

// refusals checks what the token with a single scope is told.
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
