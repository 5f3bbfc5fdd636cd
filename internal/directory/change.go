package directory

import (
	"encoding/json"
	"fmt"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
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
	User    json.RawMessage `json:"user,omitzero"`
	Version Version         `json:"version"`
	Source  Source          `json:"source"`
	// EventID is Slack's event_id. One change may come under several.
	EventID string `json:"event_id,omitzero"`
	// Partial says that User holds only a part of the object, to be merged into what is stored.
	Partial bool `json:"partial,omitzero"`
	// EventType is Slack's name of the event. It travels as a message attribute only.
	EventType string `json:"-"`
}

// Encode returns the message's data. It does not look into the user object, which
// is three quarters of it and has been validated: it is put in as it stands.
func (c Change) Encode() ([]byte, error) {
	user := c.User
	if len(user) == 0 {
		return nil, fmt.Errorf("encode change: %w: no user", ErrInvalid)
	}
	c.User = nil
	rest, err := jsonv2.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return slices.Concat([]byte(`{"user":`), user, []byte(","), rest[1:]), nil
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
	_, err := c.userID()
	return err
}

// UserID returns the Slack id of the user that c is about, empty if c is invalid.
func (c Change) UserID() string {
	id, err := c.userID()
	if err != nil {
		return ""
	}
	return id
}

// userID validates c and returns its user's id, without decoding the rest of the user.
func (c Change) userID() (string, error) {
	id, err := objectID(c.User)
	if err != nil {
		return "", fmt.Errorf("user: %w", err)
	}
	return id, c.ValidateAs(id)
}

// ValidateAs is [Change.Validate] for who has read User already, by [ReadJSON], and the id in it.
func (c Change) ValidateAs(userID string) error {
	switch c.Operation {
	case Insert, Update, Delete:
	default:
		return fmt.Errorf("%w: unknown operation", ErrInvalid)
	}
	switch c.Source {
	case FromEvent, FromSync:
	default:
		return fmt.Errorf("%w: unknown source", ErrInvalid)
	}
	if c.Partial && c.Operation != Update {
		return fmt.Errorf("%w: only an update can be partial", ErrInvalid)
	}
	if c.Version <= 0 || c.Version > maxVersion {
		return fmt.Errorf("%w: version out of range", ErrInvalid)
	}
	if err := ValidateID("team_id", c.TeamID); err != nil {
		return err
	}
	if len(c.EventID) > longestEventID {
		return fmt.Errorf("%w: event_id too long", ErrInvalid)
	}
	if err := checkDepth(c.User); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	return ValidateID("user.id", userID)
}
