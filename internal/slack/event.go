package slack

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
)

// Sentinel errors of [DecodeRequest].
var (
	ErrNotJSON   = errors.New("body is not a JSON object")
	ErrMalformed = errors.New("malformed event")
)

// Request is the part of an Events API request that Rollcall uses.
// At most one of its first three fields is set. If none is, there is nothing to do.
type Request struct {
	Challenge   string            // in a url_verification
	RateLimited bool              // app_rate_limited: Slack is dropping events
	Change      *directory.Change // for an event about a user or the app's installation

	// NoWorkspace says that the event would be a change, but names no workspace.
	NoWorkspace bool

	// Type is the event's type, or the request's if there is no event. For logs.
	Type    string
	AppID   string // of the app that Slack sent the event to
	TeamID  string // the workspace that received the event
	EventID string
}

// operations maps events to changes. All other events are ignored, even
// user_profile_changed, user_status_changed and user_huddle_changed: Slack sends each of them
// together with a user_change that has the same object (their pages say so).
var operations = map[string]directory.Operation{
	"team_join":       directory.Insert,
	"user_change":     directory.Update,
	"app_uninstalled": directory.Disconnect,
	"tokens_revoked":  directory.Disconnect, // if the bot's token is among them
}

type envelope struct {
	Type           ijson.Text                   `json:"type"`
	Challenge      ijson.Text                   `json:"challenge"`
	AppID          ijson.Text                   `json:"api_app_id"`
	TeamID         ijson.Text                   `json:"team_id"`
	ContextTeamID  ijson.Text                   `json:"context_team_id"`
	Authorizations ijson.Maybe[[]authorization] `json:"authorizations"`
	EventID        ijson.Text                   `json:"event_id"`
	EventTime      timestamp                    `json:"event_time"`
	Event          innerEvent                   `json:"event"`
}

type authorization struct {
	TeamID ijson.Text `json:"team_id"`
}

type innerEvent struct {
	Type    ijson.Text      `json:"type"`
	EventTS timestamp       `json:"event_ts"`
	User    ijson.RawObject `json:"user"`
	Tokens  ijson.Maybe[struct {
		Bot []ijson.Text `json:"bot"` // user ids, not tokens
	}] `json:"tokens"`
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom]. What is not an object counts as an unknown event.
func (e *innerEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*e = innerEvent{}
	if d.PeekKind() != jsontext.KindBeginObject {
		return d.SkipValue()
	}
	type fields innerEvent
	return json.UnmarshalDecode(d, (*fields)(e))
}

// workspace returns the workspace that received the event. In shared channels and with
// organisation-wide installations, the envelope's team_id may be missing, empty or another
// workspace's.
func (e envelope) workspace() string {
	if e.ContextTeamID != "" {
		return string(e.ContextTeamID)
	}
	if all := e.Authorizations.Value; len(all) > 0 && all[0].TeamID != "" {
		return string(all[0].TeamID)
	}
	return string(e.TeamID)
}

// DecodeRequest reads a request's body. It accepts what Slack may add, and requires what a change
// needs: without it, an event about a user fails with [ErrMalformed]. A body that is not a JSON
// object fails with [ErrNotJSON]. The errors quote nothing of the body.
//
// slack-go's parser would fail on event types that it does not know, and drop fields of
// a user that it does not know.
func DecodeRequest(body []byte) (Request, error) {
	e := &envelope{}
	if err := ijson.Unmarshal(body, &e); err != nil || e == nil {
		return Request{}, ErrNotJSON
	}
	r := Request{Type: string(e.Type), AppID: string(e.AppID), TeamID: e.workspace(), EventID: string(e.EventID)}
	switch e.Type {
	case "url_verification":
		r.Challenge = string(e.Challenge)
	case "app_rate_limited":
		r.RateLimited = true
	case "event_callback":
		return decodeEvent(*e, r)
	}
	return r, nil
}

func decodeEvent(e envelope, r Request) (Request, error) {
	inner := e.Event
	if inner.Type != "" {
		r.Type = string(inner.Type)
	}
	operation, ours := operations[r.Type]
	if !ours || r.Type == "tokens_revoked" && len(inner.Tokens.Value.Bot) == 0 {
		return r, nil
	}
	if r.TeamID == "" {
		r.NoWorkspace = true
		return r, nil
	}
	version, err := eventVersion(inner.EventTS, e.EventTime)
	if err != nil {
		return Request{}, err
	}
	c := directory.Change{
		Operation: operation,
		TeamID:    r.TeamID,
		Version:   version,
		Source:    directory.FromEvent,
		EventID:   r.EventID,
		EventType: r.Type,
	}
	if operation != directory.Disconnect {
		c.User = []byte(inner.User)
	}
	c, err = directory.NewChange(c)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.Change = &c
	return r, nil
}

// eventVersion uses event_ts, or event_time (whole seconds) if the event has none.
func eventVersion(ts timestamp, eventTime timestamp) (directory.Version, error) {
	if ts == "" {
		ts = eventTime
	}
	return ts.version()
}

// timestamp is Slack's "1648596712.000001", seconds and microseconds. It may be a
// number instead of a string.
type timestamp string

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (t *timestamp) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case jsontext.KindNull:
		*t = ""
		return d.SkipValue()
	case jsontext.KindString, jsontext.KindNumber:
		token, err := d.ReadToken()
		*t = timestamp(token.String())
		return err
	}
	*t = "neither" // invalid, so that event_time does not replace it
	return d.SkipValue()
}

// version parses the digits, because a float would round the microseconds.
func (t timestamp) version() (directory.Version, error) {
	seconds, fraction, _ := strings.Cut(string(t), ".")
	micros := (fraction + "000000")[:6]
	s, err1 := strconv.ParseUint(seconds, 10, 40)
	us, err2 := strconv.ParseUint(micros, 10, 20)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%w: no timestamp", ErrMalformed)
	}
	return directory.Version(s*1e6 + us), nil
}
