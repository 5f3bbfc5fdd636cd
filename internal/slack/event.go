package slack

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"rollcall/internal/directory"
)

// Sentinel errors of [DecodeRequest].
var (
	ErrNotJSON   = errors.New("body is not a JSON object")
	ErrMalformed = errors.New("malformed event")
)

// Request is what Slack's Events API posts, as far as it concerns Rollcall.
// At most one of its three parts is set; if none is, there is nothing to do.
type Request struct {
	Challenge   string            // of a url_verification
	RateLimited bool              // app_rate_limited: Slack is dropping events
	Change      *directory.Change // of an event about a user

	// Type is the event's type, or the request's where it holds no event. For logs.
	Type    string
	TeamID  string
	EventID string
	UserID  string // of Change
}

// effects says what each event about a user means. Events of other types are none of Rollcall's business.
// See Slack's pages "team_join", "user_change", "user_profile_changed" and "user_status_changed".
var effects = map[string]struct {
	operation directory.Operation
	partial   bool
}{
	"team_join":            {operation: directory.Insert},
	"user_change":          {operation: directory.Update},
	"user_profile_changed": {operation: directory.Update, partial: true},
	"user_status_changed":  {operation: directory.Update, partial: true},
}

type envelope struct {
	Type      directory.Text `json:"type"`
	Challenge directory.Text `json:"challenge"`
	TeamID    directory.Text `json:"team_id"`
	EventID   directory.Text `json:"event_id"`
	EventTime timestamp      `json:"event_time"`
	Event     innerEvent     `json:"event"`
}

type innerEvent struct {
	Type    directory.Text `json:"type"`
	EventTS timestamp      `json:"event_ts"`
	User    user           `json:"user"`
}

// user is a user object and, so that nobody needs to look for it again, its id.
type user struct {
	body []byte // of the request, which is being decoded
	raw  []byte // the part of it that is the object
	id   directory.Text
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom]. What is no object is no user.
func (u *user) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != jsontext.KindBeginObject {
		return d.SkipValue()
	}
	start := d.InputOffset() // the end of the name before
	var o struct {
		ID directory.Text `json:"id"`
	}
	err := json.UnmarshalDecode(d, &o)
	u.raw, u.id = bytes.TrimLeft(u.body[start:d.InputOffset()], ": \t\r\n"), o.ID
	return err
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom]. What is no object is no event that Rollcall knows.
func (e *innerEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*e = innerEvent{User: user{body: e.User.body}}
	if d.PeekKind() != jsontext.KindBeginObject {
		return d.SkipValue()
	}
	type fields innerEvent
	return json.UnmarshalDecode(d, (*fields)(e))
}

// DecodeRequest reads a request's body. It is lenient where Slack may add to
// what it sends, and strict in what a change needs: an event about a user that
// lacks it fails with [ErrMalformed], a body that is no JSON object with
// [ErrNotJSON]. The errors' texts hold nothing of the body.
//
// slack-go's parser is passed over because it fails on event types that it does
// not know, and drops the fields of a user that it does not know.
func DecodeRequest(body []byte) (Request, error) {
	e := &envelope{Event: innerEvent{User: user{body: body}}}
	if err := directory.ReadJSON(body, &e); err != nil || e == nil {
		return Request{}, ErrNotJSON
	}
	r := Request{Type: string(e.Type), TeamID: string(e.TeamID), EventID: string(e.EventID)}
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
	effect, ours := effects[r.Type]
	if !ours {
		return r, nil
	}
	version, err := eventVersion(inner.EventTS, e.EventTime)
	if err != nil {
		return Request{}, err
	}
	c := directory.Change{
		Operation: effect.operation,
		TeamID:    r.TeamID,
		User:      inner.User.raw,
		Version:   version,
		Source:    directory.FromEvent,
		EventID:   r.EventID,
		Partial:   effect.partial,
		EventType: r.Type,
	}
	if err := c.ValidateAs(string(inner.User.id)); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.Change, r.UserID = &c, string(inner.User.id)
	return r, nil
}

// eventVersion takes event_ts, or event_time (whole seconds) where the event has none.
func eventVersion(ts timestamp, eventTime timestamp) (directory.Version, error) {
	if ts == "" {
		ts = eventTime
	}
	return ts.version()
}

// timestamp is Slack's "1648596712.000001": seconds and microseconds, as a
// string or, tolerated, as a number.
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
	*t = "neither" // is no time, and event_time does not stand in for it
	return d.SkipValue()
}

// version reads the digits as they stand: a float would round the microseconds.
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
