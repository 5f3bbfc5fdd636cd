package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Operation is what a [Change] asks for.
type Operation string

// The operations.
const (
	Insert Operation = "insert"
	Update Operation = "update"
	Delete Operation = "delete"
)

// Source says who told of a [Change].
type Source string

// The sources.
const (
	FromEvent Source = "event" // Slack's Events API
	FromSync  Source = "sync"  // a listing by users.list
)

// longestEventID is well above Slack's, and below what Pub/Sub takes as an attribute (1,024 bytes).
const longestEventID = 200

// Change is one message about one user, as it travels through Pub/Sub.
type Change struct {
	Operation Operation `json:"operation"`
	// TeamID is the workspace that the user is filed under: the one that was told, which
	// is not the user's own for a person of another workspace (Slack Connect).
	TeamID string `json:"team_id"`
	// User is Slack's user object as Slack sent it. A delete needs nothing but its id.
	User    json.RawMessage `json:"user"`
	Version Version         `json:"version"`
	Source  Source          `json:"source"`
	// EventID is Slack's event_id. One change may come under several.
	EventID string `json:"event_id,omitempty"`
	// Partial says that User holds only a part of the object, to be merged into what is stored.
	Partial bool `json:"partial,omitempty"`
	// EventType is Slack's name of the event. It travels as a message attribute only.
	EventType string `json:"-"`
}

// Encode returns the message's data.
func (c Change) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the user object stays as Slack wrote it
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// DecodeChange reads a message's data and validates it. An error wraps
// [ErrInvalid] and tells nothing of the person.
func DecodeChange(data []byte) (Change, error) {
	var c Change
	if err := ReadJSON(data, &c); err != nil {
		return Change{}, fmt.Errorf("%w: message is not a change in JSON", ErrInvalid)
	}
	if err := c.Validate(); err != nil {
		return Change{}, err
	}
	return c, nil
}

// Validate returns an error that wraps [ErrInvalid] if c can never be applied.
func (c Change) Validate() error {
	_, _, err := c.user()
	return err
}

// UserID returns the Slack id of the user that c is about, empty if c is invalid.
func (c Change) UserID() string {
	_, id, _ := c.user()
	return id
}

// user validates c and returns its user object with the user's id.
func (c Change) user() (object, string, error) {
	switch c.Operation {
	case Insert, Update, Delete:
	default:
		return nil, "", fmt.Errorf("%w: unknown operation", ErrInvalid)
	}
	switch c.Source {
	case FromEvent, FromSync:
	default:
		return nil, "", fmt.Errorf("%w: unknown source", ErrInvalid)
	}
	if c.Partial && c.Operation != Update {
		return nil, "", fmt.Errorf("%w: only an update can be partial", ErrInvalid)
	}
	if c.Version <= 0 || c.Version > maxVersion {
		return nil, "", fmt.Errorf("%w: version out of range", ErrInvalid)
	}
	if err := ValidateID("team_id", c.TeamID); err != nil {
		return nil, "", err
	}
	if len(c.EventID) > longestEventID {
		return nil, "", fmt.Errorf("%w: event_id too long", ErrInvalid)
	}
	if len(c.User) == 0 {
		return nil, "", fmt.Errorf("%w: no user", ErrInvalid)
	}
	o, err := decodeObject(c.User)
	if err != nil {
		return nil, "", fmt.Errorf("user: %w", err)
	}
	id := o.string("id")
	return o, id, ValidateID("user.id", id)
}
