package fakeslack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const appID = "A0ROLLCALL"

// Event is one event as the Events API delivers it.
type Event struct {
	Type     string          // team_join, user_change, app_uninstalled, …
	UserID   string          // whom it is about, or ""
	Envelope json.RawMessage // the whole request body, of type event_callback
	Summary  string          // for a log; contains nothing of the profile
}

// envelopes select how envelopes name the workspace. The zero value is Slack's usual form.
type envelopes struct {
	TeamID           envelopeTeam
	Context          bool // with the right context_team_id
	NoAuthorizations bool
}

// envelopeTeam selects the team_id of an envelope.
type envelopeTeam int

// The zero value is ownTeam.
const (
	ownTeam     envelopeTeam = iota
	foreignTeam              // the person's own workspace, or a partner's
	emptyTeam                // ""
	missingTeam
)

// The following need mu.

// changed returns the events of a change of p now. granular is the specific event, or "".
func (w *Workspace) changed(p *person, granular, what string) []Event {
	p.updated = w.now().Unix()
	return w.eventsOf(p, granular, what)
}

func (w *Workspace) eventsOf(p *person, granular, what string) []Event {
	events := []Event{w.userEvent("user_change", p, what)}
	if granular != "" && w.options.GranularEvents {
		events = append(events, w.userEvent(granular, p, what))
	}
	return events
}

func (w *Workspace) userEvent(eventType string, p *person, what string) Event {
	ts := w.nextTS()
	inner := map[string]any{"type": eventType, "user": w.person(p).EventObject(), "event_ts": eventTS(ts)}
	if eventType != "team_join" {
		inner["cache_ts"] = ts / 1e6
	}
	teamID := p.teamID
	if teamID == w.options.TeamID {
		teamID = partners[0]
	}
	return Event{Type: eventType, UserID: p.id, Summary: p.id + " " + what, Envelope: w.envelope(ts, inner, teamID)}
}

// nextTS returns a time in microseconds that no other event has, even if the clock stands still.
func (w *Workspace) nextTS() int64 {
	w.lastTS = max(w.now().UnixMicro(), w.lastTS+1)
	return w.lastTS
}

func eventTS(ts int64) string { return fmt.Sprintf("%d.%06d", ts/1e6, ts%1e6) }

// envelope wraps an event for our installation. foreign is the team_id for foreignTeam.
func (w *Workspace) envelope(ts int64, inner map[string]any, foreign string) json.RawMessage {
	o, e := w.options, w.options.envelopes
	body := map[string]any{
		"token": "invented-verification-token", "api_app_id": appID, "type": "event_callback",
		"event_id": "Ev" + strings.ToUpper(strconv.FormatInt(ts, 36)), "event_time": ts / 1e6,
		"event": inner, "is_ext_shared_channel": false,
	}
	var enterprise, authorized any = nil, o.TeamID
	if o.Enterprise != "" {
		enterprise, body["enterprise_id"] = o.Enterprise, o.Enterprise
	}
	if o.OrgWide {
		authorized = nil // the installation belongs to no workspace
	}
	switch e.TeamID {
	case ownTeam:
		body["team_id"] = o.TeamID
	case foreignTeam:
		body["team_id"] = foreign
	case emptyTeam:
		body["team_id"] = ""
	}
	if e.Context {
		body["context_team_id"], body["context_enterprise_id"] = o.TeamID, enterprise
	}
	if !e.NoAuthorizations {
		body["authorizations"] = []any{map[string]any{
			"enterprise_id": enterprise, "team_id": authorized, "user_id": w.app.id, "is_bot": true, "is_enterprise_install": o.OrgWide,
		}}
	}
	return encode(body)
}
