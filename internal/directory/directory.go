// Package directory is Rollcall's domain: the people of Slack workspaces, the
// changes that are told of them, and the rules by which a change becomes a
// stored user. It knows nothing of Slack's API, Pub/Sub or any database.
package directory

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Sentinel errors. Match them with [errors.Is].
var (
	// ErrInvalid marks input that can never succeed, however often it is tried.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound says that the directory holds no such user or workspace.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a stored user changed between a read and the write that relied on it.
	ErrConflict = errors.New("changed meanwhile")
	// ErrUnknownUser refuses an update of a user whose insert has not arrived: it may still be on the way.
	ErrUnknownUser = errors.New("update of a user not in the directory")
)

// Version orders what is known of one user: microseconds since 1970 on Slack's clock.
type Version int64

// VersionOf returns the version that t names.
func VersionOf(t time.Time) Version { return Version(t.UnixMicro()) }

// Validate returns an error that wraps [ErrInvalid] if v is no time, or more than [MaxAhead] after now.
func (v Version) Validate(now time.Time) error {
	switch {
	case v <= 0:
		return fmt.Errorf("%w: no version", ErrInvalid)
	case v.InFuture(now):
		return fmt.Errorf("%w: version in the future", ErrInvalid)
	}
	return nil
}

// InFuture says whether v is more than [MaxAhead] after now.
func (v Version) InFuture(now time.Time) bool { return v > VersionOf(now.Add(MaxAhead)) }

// Time returns the moment that v names.
func (v Version) Time() time.Time { return time.UnixMicro(int64(v)).UTC() }

// Revision identifies one stored state of a user to the store that gave it.
// The zero Revision says that nothing is stored.
type Revision int64

// Workspace is one Slack workspace (a "team" in Slack's API).
type Workspace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	Icon string `json:"icon,omitempty"` // address of an image; empty if the workspace has none of its own

	// ConnectedAt is when Slack last answered the app's token, DisconnectedAt when the app
	// was last found to be removed. The newer one says how things stand.
	ConnectedAt    Version `json:"connected_at,omitempty"`
	DisconnectedAt Version `json:"disconnected_at,omitempty"`
	// Token tells the bot token that opens the workspace from others, without giving it away.
	Token string `json:"token,omitempty"`
	// Hidden keeps a workspace that is not Slack's, such as a smoke test's, off the pages.
	Hidden bool `json:"hidden,omitempty"`
}

// Disconnected says whether the app was removed from the workspace.
func (w Workspace) Disconnected() bool { return w.DisconnectedAt > w.ConnectedAt }

// idPattern admits Slack's ids ("U…", "W…", "T…", "E…"), which Slack asks to treat as
// opaque, and nothing that a database would take for a path or a reserved name.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// ValidateID returns an error that wraps [ErrInvalid] unless id can be a Slack id.
func ValidateID(what, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, what)
	case !idPattern.MatchString(id):
		return fmt.Errorf("%w: %s is not a Slack id", ErrInvalid, what)
	}
	return nil
}
