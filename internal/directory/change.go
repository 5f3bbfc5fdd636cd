package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"rollcall/internal/ijson"
)

// Operation is what a [Change] asks for.
type Operation string

// The operations.
const (
	Insert Operation = "insert"
	Update Operation = "update"
	Delete Operation = "delete"
	// Lift and Reset are an operator's. Lift undoes the forgetting of a person who was marked
	// forgotten by mistake. Reset drops everything that is known about a person, so that the
	// next full sync loads the person again.
	Lift  Operation = "lift"
	Reset Operation = "reset"
	// Disconnect says that the app was removed from the workspace. It has no user.
	Disconnect Operation = "disconnect"
)

// Source says where a [Change] comes from.
type Source string

// The sources.
const (
	FromEvent    Source = "event"    // Slack's Events API
	FromSync     Source = "sync"     // users.list or users.info
	FromProfile  Source = "profile"  // users.profile.get: custom fields and nothing else
	FromOperator Source = "operator" // a person, by command
)

const (
	// maxEventID is well above Slack's, and below what Pub/Sub takes as an attribute (1,024 bytes).
	maxEventID = 200
	// maxUser bounds a user object. Slack's have some 3 kB; 100 custom fields of 500
	// characters have 60. A worker holds several copies of each of its concurrent messages.
	maxUser = 128 << 10
	// MaxAhead is how far a version may be ahead of our clock. A version in the
	// future would keep every true change out until then.
	MaxAhead = 5 * time.Minute
)

// Change is one message, about one user or, for a [Disconnect], a workspace, as it
// travels through Pub/Sub. [DecodeChange] and [NewChange] return valid ones only.
type Change struct {
	Operation Operation `json:"operation"`
	// TeamID is the workspace that the user is filed under: the one whose event or listing
	// this is. For a person of another workspace (Slack Connect) it is not their home.
	TeamID string `json:"team_id"`
	// User is Slack's user object as Slack sent it. For [Delete], [Lift] and [Reset] only its id counts.
	User    json.RawMessage `json:"user,omitzero"`
	Version Version         `json:"version"`
	Source  Source          `json:"source"`
	// EventID is Slack's event_id. One change may come under several.
	EventID string `json:"event_id,omitzero"`
	// InList says that the user is in users.list. People of other workspaces (Slack
	// Connect) are only in users.info.
	InList bool `json:"in_list,omitzero"`
	// FirstLoad says that a full sync found the directory empty and fills it. That is where
	// history begins: such a message creates people without a [Record].
	FirstLoad bool `json:"first_load,omitzero"`

	// UserID is the id in User; empty for a Disconnect.
	UserID string `json:"-"`
	// EventType is Slack's name for the event. It travels as a message attribute only.
	EventType string `json:"-"`
}

// NewChange returns c with its UserID, or an error that wraps [ErrInvalid] if c
// can never be applied. The error reveals nothing about the person.
func NewChange(c Change) (Change, error) {
	if c.Operation != Disconnect {
		var err error
		if c.UserID, err = userID(c.User); err != nil {
			return Change{}, err
		}
	}
	if err := c.validate(time.Now()); err != nil {
		return Change{}, err
	}
	return c, nil
}

// DecodeChange reads a message's data, and checks it as [NewChange] does.
func DecodeChange(data []byte) (Change, error) {
	var message struct {
		Change
		User    ijson.RawObject `json:"user"`
		Partial bool            `json:"partial"` // set by a release that published parts of users
	}
	if err := ijson.Unmarshal(data, &message); err != nil {
		return Change{}, fmt.Errorf("%w: message is not a change in JSON", ErrInvalid)
	}
	if message.Partial {
		return Change{}, fmt.Errorf("%w: only part of a user", ErrInvalid)
	}
	message.Change.User = json.RawMessage(message.User)
	return NewChange(message.Change)
}

// userID returns the string "id" of exactly one JSON object.
func userID(raw []byte) (string, error) {
	if len(raw) > maxUser {
		return "", fmt.Errorf("%w: user larger than %d kB", ErrInvalid, maxUser>>10)
	}
	id, err := ijson.TextOf(raw, "id")
	if err != nil {
		return "", fmt.Errorf("%w: user is not a JSON object", ErrInvalid)
	}
	if err := ijson.CheckDepth(raw); err != nil {
		return "", fmt.Errorf("%w: user: %w", ErrInvalid, err)
	}
	return id, ValidateID("user.id", id)
}

// operations lists the sources that each operation may have.
var operations = map[Operation][]Source{
	Insert:     {FromEvent, FromSync, FromOperator}, // an operator's insert only forgets
	Update:     {FromEvent, FromSync, FromProfile},
	Delete:     {FromEvent, FromSync, FromOperator},
	Lift:       {FromOperator},
	Reset:      {FromOperator},
	Disconnect: {FromEvent},
}

func (c Change) validate(now time.Time) error {
	sources, known := operations[c.Operation]
	switch {
	case !known:
		return fmt.Errorf("%w: unknown operation", ErrInvalid)
	case !slices.Contains(sources, c.Source):
		return fmt.Errorf("%w: this source cannot send this operation", ErrInvalid)
	case len(c.EventID) > maxEventID:
		return fmt.Errorf("%w: event_id too long", ErrInvalid)
	}
	if err := c.Version.Validate(now); err != nil {
		return err
	}
	return ValidateID("team_id", c.TeamID)
}

// Encode returns the message's data. The user object goes in unchanged.
func (c Change) Encode() ([]byte, error) {
	user := c.User
	c.User = nil
	rest, err := jsonv2.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	if len(user) == 0 {
		return rest, nil
	}
	return slices.Concat([]byte(`{"user":`), user, []byte(","), rest[1:]), nil
}
