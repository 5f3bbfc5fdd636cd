// Package syncs holds what a full sync shares with the Slack client it reads from
// and the store it keeps its records in: the record of a sync, its checkpoints, the
// pages of users.list, and the errors that stop a sync.
//
// Stores name the fields of records by their JSON names.
package syncs

import (
	"encoding/json"
	"errors"
	"time"

	"rollcall/internal/directory"
)

// Sentinel errors. Match them with [errors.Is].
var (
	// ErrLeased means that another sync holds the workspace's lease.
	ErrLeased = errors.New("another full sync of this workspace is running")
	// ErrCursorExpired says that the walk through users.list must start over.
	ErrCursorExpired = errors.New("the listing's cursor is no longer valid")
	// ErrDisconnected means that Slack no longer accepts the workspace's token.
	ErrDisconnected = errors.New("disconnected")
	// ErrUnreadable means that Slack gave no usable answer about one person. Others may be fine.
	ErrUnreadable = errors.New("Slack does not answer for this user") //nolint:staticcheck // Slack is a name
)

// ListingPage is one page of users.list.
type ListingPage struct {
	Users []json.RawMessage
	Next  string // the cursor of the next page; empty after the last
	// Version is a time on Slack's clock, no later than when Slack produced the page.
	Version directory.Version
}

// Usage counts calls of Slack's API.
type Usage struct {
	Calls  int
	Waits  int           // for Slack's rate limit
	Waited time.Duration // in total
}

// State is the state of a full sync.
type State string

// The states. Their values are stored.
const (
	Running      State = "running"
	Interrupted  State = "interrupted" // told to stop; the next sync resumes from its checkpoint
	Failed       State = "failed"
	Done         State = "done"
	Disconnected State = "disconnected" // Slack no longer accepts the token
)

// Sync is the record of one full sync of one workspace: its progress and, in the
// end, its outcome.
type Sync struct {
	ID      string    `json:"id"` // sorts by time
	TeamID  string    `json:"team_id"`
	State   State     `json:"state"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Filling says that the directory was empty at the start. Each page is then published as it arrives.
	Filling  bool      `json:"filling"`
	ExpireAt time.Time `json:"expire_at"` // for Firestore's TTL
	// Since is a time on Slack's clock before any page was produced.
	Since directory.Version `json:"since"`
	Error string            `json:"error,omitempty"`

	// The counts below include those of the runs that this one resumed. A repair counts
	// once Pub/Sub has accepted it.

	Pages     int `json:"pages"`
	Listed    int `json:"listed"`
	Inserted  int `json:"inserted"`
	Updated   int `json:"updated"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"` // of those listed
	// TimeZones counts active people, without bots, by Slack's tz.
	TimeZones map[string]int `json:"time_zones,omitempty"`
	// Drift counts repairs that an event should have made unnecessary.
	Drift int `json:"drift"`
	// Differed counts, by core field, the repairs of people whose newest data came from an
	// event. A field about which Slack's events and listings disagree for good shows up here.
	// If there are many such people, a sync looks at 200 of them.
	Differed map[string]int `json:"differed,omitempty"`
	// Stale counts people who differ but were left alone, because the listing is older than what is stored.
	Stale int `json:"stale,omitempty"`
	// Failed counts people who were skipped because they could not be read or stored.
	Failed int `json:"failed,omitempty"`
	// Forgotten counts people who are stored as forgotten but active in Slack. Only an operator's lift brings them back.
	Forgotten int `json:"forgotten,omitempty"`
	// Future counts people who were stored with a version in the future, and were sent again.
	Future int `json:"future,omitempty"`

	// Stored is how many people were stored before the removals, without those of other workspaces.
	Stored int `json:"stored,omitempty"`
	// External is the part of the counts above that is about people of other workspaces.
	External External `json:"external,omitzero"`
	// Profiles is about custom fields.
	Profiles Profiles `json:"profiles,omitzero"`
	// MassRemoval says that an operator allowed any number of removals.
	MassRemoval bool `json:"mass_removal,omitempty"`
	// Thorough is when a sync last made a thorough comparison: see package compare.
	Thorough time.Time `json:"thorough,omitzero"`

	Calls  int           `json:"calls"`  // of Slack's API
	Waits  int           `json:"waits"`  // for Slack's rate limit
	Waited time.Duration `json:"waited"` // in total
	// Reads and Writes estimate what Firestore bills, for the sync itself and for the worker
	// that applies its messages.
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
}

// External counts people of other workspaces (Slack Connect).
type External struct {
	Stored  int `json:"stored"` // before the removals
	Asked   int `json:"asked"`  // by users.info
	Updated int `json:"updated"`
	Removed int `json:"removed"`
}

// Profiles counts calls of users.profile.get.
type Profiles struct {
	// Budget is how many people a sync asks about at most.
	Budget int `json:"budget,omitempty"`
	// Due is how many this sync asks about. Asked and Failed together say how far it is.
	Due    int `json:"due,omitempty"`
	Asked  int `json:"asked"`
	Failed int `json:"failed,omitempty"`
	// People counts those who have custom fields to ask about.
	People int `json:"people,omitempty"`
	// NeverAsked counts people whose custom fields have never been read.
	NeverAsked int `json:"never_asked"`
	// NoScope says that the token lacks users.profile:read.
	NoScope bool `json:"no_scope,omitempty"`
}

// Page is a checkpoint: what a full sync remembers of one page of the listing.
type Page struct {
	Number  int               `json:"number"` // from 1
	Cursor  string            `json:"cursor"` // of the next page; empty after the last
	Version directory.Version `json:"version"`
	At      time.Time         `json:"at"`    // when the page arrived
	Users   []byte            `json:"users"` // encoded by the sync
	// ExpireAt is for Firestore's TTL. A sync that nobody finishes leaves its pages behind.
	ExpireAt time.Time `json:"expire_at"`
}

// DisconnectedError is an [ErrDisconnected] with the time at which Slack refused the token.
type DisconnectedError struct {
	At  directory.Version
	Err error
}

func (e *DisconnectedError) Error() string { return e.Err.Error() }

// Unwrap matches both [ErrDisconnected] and what Slack said.
func (e *DisconnectedError) Unwrap() []error { return []error{ErrDisconnected, e.Err} }
