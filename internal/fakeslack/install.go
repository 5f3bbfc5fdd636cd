package fakeslack

import (
	"cmp"
	"net/http"
)

// Uninstall removes the app. Slack then refuses the bot token, by default with account_inactive.
func (w *Workspace) Uninstall(refusal string) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusal = slackError(cmp.Or(refusal, "account_inactive"))
	ts := w.nextTS()
	uninstalled := Event{
		Type: "app_uninstalled", Summary: "the app was uninstalled",
		Envelope: w.envelope(ts, map[string]any{"type": "app_uninstalled"}, partners[0]),
	}
	return []Event{uninstalled, w.tokensRevoked([]string{w.app.id}, []string{})}
}

// revokeBotToken revokes the bot token while the app stays installed. Slack then refuses it with
// token_revoked.
func (w *Workspace) revokeBotToken() Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusal = "token_revoked"
	return w.tokensRevoked([]string{w.app.id}, []string{})
}

// revokeUserTokens returns the event for revoked user tokens. It does not affect the bot.
func (w *Workspace) revokeUserTokens(userIDs ...string) Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokensRevoked([]string{}, userIDs)
}

// Reinstall installs the app again with a bot token; "" keeps the previous one. Slack refuses a
// replaced token with invalid_auth.
func (w *Workspace) Reinstall(botToken string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.botToken, w.refusal = cmp.Or(botToken, w.botToken), ""
}

// tokensRevoked needs mu.
func (w *Workspace) tokensRevoked(bot, oauth []string) Event {
	ts := w.nextTS()
	return Event{
		Type: "tokens_revoked", Summary: "tokens were revoked",
		Envelope: w.envelope(ts, map[string]any{
			"type": "tokens_revoked", "tokens": map[string]any{"oauth": oauth, "bot": bot}, "event_ts": eventTS(ts),
		}, partners[0]),
	}
}

func (w *Workspace) authTest(*http.Request) (map[string]any, error) {
	o := w.options
	answer := map[string]any{
		"url": "https://" + o.Domain + ".slack.com/", "team": o.Name, "team_id": o.TeamID,
		"user": w.app.username, "user_id": w.app.id, "bot_id": w.app.botID, "is_enterprise_install": o.OrgWide,
	}
	if o.Enterprise != "" {
		answer["enterprise_id"] = o.Enterprise
	}
	if o.OrgWide {
		answer["team_id"], answer["url"] = o.Enterprise, "https://"+o.Domain+".enterprise.slack.com/"
	}
	return answer, nil
}

func (w *Workspace) teamInfo(r *http.Request) (map[string]any, error) {
	o := w.options
	if team := r.FormValue("team"); team != "" && team != o.TeamID {
		return nil, slackError("team_not_found")
	}
	team := map[string]any{
		"id": o.TeamID, "name": o.Name, "domain": o.Domain, "email_domain": o.Domain + ".example",
		"url": "https://" + o.Domain + ".slack.com/", "icon": map[string]any{"image_default": true},
	}
	if o.Enterprise != "" {
		team["enterprise_id"], team["enterprise_name"] = o.Enterprise, o.Name
	}
	return map[string]any{"team": team}, nil
}
