package directory

import (
	"encoding/json"
	"errors"
	"time"
)

// Sentinel errors of full syncs.
var (
	ErrLeased        = errors.New("another full sync of this workspace is running")
	ErrCursorExpired = errors.New("the listing's cursor is no longer valid")
)

// ListingPage is one page of Slack's list of users.
type ListingPage struct {
	Users []json.RawMessage
	Next  string // the cursor of the page after it; empty after the last
	// Version is a moment on Slack's clock no later than when Slack produced the page.
	Version Version
}

// Usage is what talking to Slack's API took.
type Usage struct {
	Calls  int
	Waits  int           // for the rate limit
	Waited time.Duration // in them all
}

// Stored is what a full sync needs to know of a stored user.
type Stored struct {
	ID          string
	Fingerprint int64
	Kind        Kind
	Version     Version
	Updated     int64     // Slack's own, Unix seconds
	Written     time.Time // when the store wrote it, by the store's clock
	// Told and Listed are the parts without their objects; nil where nothing was said.
	Told, Listed *Said
}

// StoredOf returns what a full sync needs to know of u, which the store wrote at
// that time. It needs nothing of Slack's JSON in u.
func StoredOf(u User, written time.Time) Stored {
	s := Stored{ID: u.ID, Fingerprint: u.Fingerprint, Kind: u.Kind, Version: u.Version, Updated: u.Updated, Written: written,
		Told: u.Parts.Told.head(), Listed: u.Parts.Listed.head()}
	if !u.olderRelease() {
		return s
	}
	if said := (&Said{Version: u.SlackVersion, Updated: u.Updated}); u.Source == FromSync {
		said.InList = u.Kind != External
		s.Listed = said
	} else {
		s.Told = said
	}
	return s
}

// head returns s without its object.
func (s *Said) head() *Said {
	if s == nil {
		return nil
	}
	return &Said{Version: s.Version, Updated: s.Updated, InList: s.InList}
}

// SyncState says how a full sync stands.
type SyncState string

// The states. Their values are stored.
const (
	SyncRunning     SyncState = "running"
	SyncInterrupted SyncState = "interrupted" // told to stop; the next one goes on from its checkpoint
	SyncFailed      SyncState = "failed"
	SyncDone        SyncState = "done"
)

// Sync is a full sync of one workspace: its progress and, at the end, its outcome.
type Sync struct {
	ID      string    `json:"id"      firestore:"id"` // sorts by time
	TeamID  string    `json:"team_id" firestore:"team_id"`
	State   SyncState `json:"state"   firestore:"state"`
	Started time.Time `json:"started" firestore:"started"`
	Ended   time.Time `json:"ended,omitzero" firestore:"ended,omitempty"`
	// Filling says that the directory was empty at the start: each page is published as it comes.
	Filling  bool      `json:"filling" firestore:"filling"`
	ExpireAt time.Time `json:"expire_at" firestore:"expire_at"` // for Firestore's TTL
	// Since is a moment on Slack's clock before the first page.
	Since Version `json:"since" firestore:"since"`
	Error string  `json:"error,omitempty" firestore:"error,omitempty"`

	// What follows counts from the beginning of a sync that goes on from a checkpoint.
	// Repairs count once Pub/Sub has accepted them; one that was still on its way to the
	// store when the sync went on is made, and counts, once more.

	Pages     int `json:"pages"     firestore:"pages"`
	Listed    int `json:"listed"    firestore:"listed"`
	Inserted  int `json:"inserted"  firestore:"inserted"`
	Updated   int `json:"updated"   firestore:"updated"`
	Removed   int `json:"removed"   firestore:"removed"`
	Unchanged int `json:"unchanged" firestore:"unchanged"`
	// TimeZones counts active people, bots left out, by Slack's tz.
	TimeZones map[string]int `json:"time_zones,omitempty" firestore:"time_zones,omitempty"`
	// Drift counts the repairs of what events should have delivered, and had not.
	Drift int `json:"drift" firestore:"drift"`

	Calls  int           `json:"calls"  firestore:"calls"`  // of Slack's API
	Waits  int           `json:"waits"  firestore:"waits"`  // for Slack's rate limit
	Waited time.Duration `json:"waited" firestore:"waited"` // in them all
	// Reads and Writes are what Firestore bills, by estimate: those of the sync
	// itself and, of what it publishes, the worker's.
	Reads  int `json:"reads"  firestore:"reads"`
	Writes int `json:"writes" firestore:"writes"`
}

// SyncPage is a checkpoint of a full sync: what it must remember of one page of the listing.
type SyncPage struct {
	Number  int     `json:"number"  firestore:"number"` // from 1
	Cursor  string  `json:"cursor"  firestore:"cursor"` // of the page after it; empty after the last
	Version Version `json:"version" firestore:"version"`
	Users   []byte  `json:"users"   firestore:"users"` // the sync's own encoding
	// ExpireAt is for Firestore's TTL: a sync that nobody finishes leaves its pages.
	ExpireAt time.Time `json:"expire_at" firestore:"expire_at"`
}
