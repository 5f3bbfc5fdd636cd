package fakeslack

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// object writes somebody as Slack does. See Slack's page "User object". now
// decides on daylight saving time only; avatars are links below baseURL.
func (p *person) object(now time.Time, baseURL string) map[string]any {
	switch {
	case p.forgotten:
		return p.forgottenObject(baseURL)
	case p.deleted:
		return p.deletedObject(baseURL)
	}
	label, offset := zones[p.tz].at(now)
	profile := p.profile(baseURL)
	profile["status_text"] = p.status.text
	profile["status_emoji"] = p.status.emoji
	profile["status_emoji_display_info"] = []any{}
	profile["status_expiration"] = p.statusExpiration
	profile["status_text_canonical"] = ""
	o := map[string]any{
		"id": p.id, "team_id": p.teamID, "name": p.username, "deleted": false, "color": p.color,
		"real_name": p.realName, "tz": p.tz, "tz_label": label, "tz_offset": offset, "profile": profile,
		"is_admin": p.admin || p.owner, "is_owner": p.owner, "is_primary_owner": p.primaryOwner,
		"is_restricted":       p.kind == guest || p.kind == singleChannel,
		"is_ultra_restricted": p.kind == singleChannel,
		"is_bot":              p.kind == bot, "is_app_user": false, "updated": p.updated,
		"is_email_confirmed": p.confirmed, "who_can_share_contact_card": "EVERYONE",
	}
	if p.kind == external {
		o["is_stranger"] = true
		for _, private := range []string{"is_admin", "is_owner", "is_primary_owner", "who_can_share_contact_card"} {
			delete(o, private)
		}
	}
	return o
}

// deletedObject has no color, tz, status, nor roles: Slack leaves them out once an account is deactivated.
func (p *person) deletedObject(baseURL string) map[string]any {
	return map[string]any{
		"id": p.id, "team_id": p.teamID, "name": p.username, "deleted": true, "profile": p.profile(baseURL),
		"is_bot": p.kind == bot, "is_app_user": false, "updated": p.updated,
	}
}

// forgottenObject is all that is left once Slack has erased somebody's profile.
func (p *person) forgottenObject(baseURL string) map[string]any {
	profile := map[string]any{"real_name": "Deactivated User", "real_name_normalized": "Deactivated User", "team": p.teamID}
	p.addImages(profile, baseURL)
	return map[string]any{
		"id": p.id, "team_id": p.teamID, "name": p.shownUsername(), "deleted": true, "is_forgotten": true,
		"profile": profile, "is_bot": false, "updated": p.updated,
	}
}

func (p *person) shownUsername() string {
	if p.forgotten {
		return fmt.Sprintf("deactivateduser%d", p.index)
	}
	return p.username
}

func (p *person) profile(baseURL string) map[string]any {
	profile := map[string]any{
		"title": p.title, "phone": p.phone, "skype": "", "fields": p.fields,
		"avatar_hash": p.avatarHash, "team": p.teamID,
	}
	maps.Copy(profile, p.nameFields())
	p.addImages(profile, baseURL)
	switch p.kind {
	case bot:
		profile["api_app_id"], profile["bot_id"], profile["always_active"] = p.appID, p.botID, true
	case slackbot:
		profile["always_active"] = true
	case external: // Slack keeps a stranger's e-mail address to itself
	default:
		profile["email"] = p.username + "@" + p.domain
	}
	return profile
}

// nameFields are those parts of the profile that a new name changes. Slack
// takes the last word of the real name for the last name, whatever the script.
func (p *person) nameFields() map[string]any {
	first, last := p.realName, ""
	if i := strings.LastIndexByte(p.realName, ' '); i >= 0 {
		first, last = p.realName[:i], p.realName[i+1:]
	}
	return map[string]any{
		"real_name": p.realName, "real_name_normalized": unaccented(p.realName),
		"display_name": p.displayName, "display_name_normalized": unaccented(p.displayName),
		"first_name": first, "last_name": last,
	}
}

func (p *person) addImages(profile map[string]any, baseURL string) {
	for _, size := range imageSizes {
		profile[fmt.Sprintf("image_%d", size)] = fmt.Sprintf("%s/avatars/%s-%d.svg", baseURL, p.id, size)
	}
}

// encode panics on what JSON cannot hold, which the maps built here never contain.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fakeslack: %v", err))
	}
	return b
}
