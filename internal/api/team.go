package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"rollcall/internal/directory"
)

// WorkspaceStore is where workspaces are read.
type WorkspaceStore interface {
	// Workspace returns a workspace, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
	// TeamProfile returns the profile in team.profile.get's answer, nil if nobody has stored any.
	TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error)
	// Emoji returns a workspace's custom emoji.
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

func unknownMethod(*handler, context.Context, *call) (answer, error) {
	return answer{}, errUnknownMethod
}

// apiTest answers api.test with its arguments and, if asked for one, with an error.
func apiTest(_ *handler, _ context.Context, c *call) (answer, error) {
	a := answer{}
	if code := c.args.values["error"]; code != "" {
		a.failed, a.members = true, []member{{"error", code}}
	}
	if len(c.args.values) > 0 {
		a.members = append(a.members, member{"args", c.args.values})
	}
	return a, nil
}

func (h *handler) workspace(ctx context.Context, teamID string) (directory.Workspace, error) {
	w, err := h.Workspaces.Workspace(ctx, teamID)
	if errors.Is(err, directory.ErrNotFound) {
		err = errAccountInactive
	}
	return w, err
}

// authTest answers auth.test for the token itself, whose ids are made up from its hash.
func (h *handler) authTest(ctx context.Context, c *call) (answer, error) {
	team := c.teamID
	if team == "" {
		team = c.token.Workspaces[0]
	}
	w, err := h.workspace(ctx, team)
	if err != nil {
		return answer{}, err
	}
	return ok(member{"url", w.URL}, member{"team", w.Name}, member{"user", c.token.Name}, member{"team_id", w.ID},
		member{"user_id", "U" + c.token.ID()}, member{"bot_id", "B" + c.token.ID()}, member{"is_enterprise_install", false})
}

// teamInfo answers team.info, for the workspace in the argument team if there is one.
func (h *handler) teamInfo(ctx context.Context, c *call) (answer, error) {
	team := c.teamID
	if other := c.args.values["team"]; other != "" {
		if team = other; !slices.Contains(c.token.Workspaces, other) {
			return answer{}, errTeamNotFound
		}
	}
	if team == "" {
		return answer{}, errMissingArgument
	}
	w, err := h.workspace(ctx, team)
	if err != nil {
		return answer{}, err
	}
	icon := map[string]any{"image_default": w.Icon == ""}
	if w.Icon != "" {
		for _, size := range []string{"34", "44", "68", "88", "102", "132", "230", "original"} {
			icon["image_"+size] = w.Icon // the copy has one
		}
	}
	return ok(member{"team", map[string]any{"id": w.ID, "name": w.Name, "url": w.URL, "domain": domain(w.URL), "email_domain": w.EmailDomain, "icon": icon}})
}

// domain returns the part of a workspace's address before .slack.com.
func domain(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Hostname(), ".slack.com")
}

// teamProfile answers team.profile.get.
func (h *handler) teamProfile(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	profile, err := h.Workspaces.TeamProfile(ctx, team)
	if err != nil {
		return answer{}, err
	}
	if profile == nil {
		profile = json.RawMessage(`{"fields":[],"sections":[]}`)
	}
	switch visibility := c.args.values["visibility"]; visibility {
	case "", "all":
	case "visible", "hidden":
		if profile, err = onlyFields(profile, visibility == "hidden"); err != nil {
			return answer{}, err
		}
	default:
		return answer{}, errArguments
	}
	return ok(member{"profile", profile})
}

// onlyFields keeps the definitions that are hidden, or those that are not.
func onlyFields(profile json.RawMessage, hidden bool) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	var fields, kept []json.RawMessage
	err := json.Unmarshal(profile, &all)
	if err == nil {
		err = json.Unmarshal(all["fields"], &fields)
	}
	if err != nil {
		return nil, fmt.Errorf("stored team profile: %w", err)
	}
	kept = []json.RawMessage{}
	for _, f := range fields {
		var of struct {
			Hidden bool `json:"is_hidden"`
		}
		if err := json.Unmarshal(f, &of); err != nil {
			return nil, fmt.Errorf("stored team profile: %w", err)
		}
		if of.Hidden == hidden {
			kept = append(kept, f)
		}
	}
	if all["fields"], err = json.Marshal(kept); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// labels returns the labels of a workspace's custom fields by id.
func (h *handler) labels(ctx context.Context, teamID string) (map[string]string, error) {
	stored, err := h.Workspaces.TeamProfile(ctx, teamID)
	if err != nil || stored == nil {
		return nil, err
	}
	var profile struct {
		Fields []struct {
			ID    string `json:"id"`
			Label string `json:"label"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(stored, &profile); err != nil {
		return nil, fmt.Errorf("stored team profile: %w", err)
	}
	labels := map[string]string{}
	for _, f := range profile.Fields {
		labels[f.ID] = f.Label
	}
	return labels, nil
}

// emojiList answers emoji.list with the workspace's own emoji.
func (h *handler) emojiList(ctx context.Context, c *call) (answer, error) {
	team, err := c.team()
	if err != nil {
		return answer{}, err
	}
	now := h.Now()
	emoji, err := h.Workspaces.Emoji(ctx, team)
	if err != nil {
		return answer{}, err
	}
	if emoji == nil {
		emoji = map[string]string{}
	}
	return ok(member{"emoji", emoji}, member{"cache_ts", fmt.Sprintf("%d.000000", now.Unix())})
}
