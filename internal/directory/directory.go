// Package directory is Rollcall's domain: the people of Slack workspaces, the
// changes that Slack reports, and the rules by which a change becomes a stored
// user. It knows nothing of Slack's API, Pub/Sub or any database.
//
// # The message
//
// A [Change] travels through Pub/Sub as JSON:
//
//	{"operation": "insert | update | delete | lift | reset | disconnect", "team_id": "T…",
//	 "user": {"id": "U…", "…": "Slack's object, verbatim"}, "version": 1648596712000001,
//	 "source": "event | sync | profile | operator", "event_id": "Ev…", "in_list": true, "first_load": true}
//
// The version is a time on Slack's clock in microseconds: an event's event_ts, or
// a moment before Slack produced a listing. Versions alone order messages, because
// Slack repeats events under new ids, and Pub/Sub delivers at least once and in any
// order. A queue that kept the order would stop at the first message that fails.
//
// # A person is a join of what was said
//
// Slack describes one person in three shapes that differ although nothing changed:
// events, listings and profiles. So a document keeps the newest of each apart
// ([Parts]), and what readers see, slack, is made of them:
//
//   - The core (see coreTop and what follows it) comes from one object, the newer of the
//     event and the listing. A core field that the newer one lacks is gone.
//   - All other keys come from the newer object or, if it lacks the key, from the older
//     one: locale and huddles survive a listing, color survives an event.
//   - If the newer object says deleted, readers see nothing of the older one.
//   - Custom fields come from the newest event that has any, or from users.profile.get if
//     that is newer.
//
// [Apply] joins a message into the parts:
//
//	stored            insert    update                            delete
//	nothing           create    fail: delivered again, in the     a tombstone
//	                            end parked as a dead letter
//	a newer or        nothing   nothing                           nothing
//	equal part
//	an older part     write     write                             mark removed, to expire after 45 days
//
// The same messages in any order, any number of times, end in the same document;
// FuzzConvergence looks for a counter-example. That is why a delete leaves a
// tombstone (the insert that it outran may still arrive), why equal versions are
// decided by the canonical JSON that sorts last, and why is_forgotten stays true
// whatever arrives later: only an operator's [Lift] ends it.
//
// # History
//
// A change in what readers see of a user leaves a [Record], which the store writes in
// one commit with the user. [RecordOf] compares the users before and after, so history
// does not depend on what a message claims. It covers the core without Slack's status,
// and custom fields. Status, huddles, presence, clock changes and updated leave no
// record: Rollcall does not keep attendance.
//
// A full sync that fills an empty directory says so in each message ("first_load").
// History begins there: such a message creates people without a record. Custom fields
// begin with the first answer of users.profile.get.
//
// A record's id is a hash of its message. If a worker dies between the commit and
// publishing the record, the next delivery finds the change already made, and by that id
// the record to publish. Forgetting somebody erases the document first and then the
// history. Only the record that says so stays, with nothing personal.
//
// # Fingerprints
//
// Each document has a fingerprint of its id and core. Firestore counts and sums the
// fingerprints in a range for a thousandth of what reading costs, which is how a
// full sync finds what differs.
package directory

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sentinel errors. Match them with [errors.Is].
var (
	// ErrInvalid marks input that can never succeed, however often it is tried.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound says that the directory holds no such user or workspace.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a stored user changed between a read and the write that relied on it.
	ErrConflict = errors.New("changed in the meantime")
	// ErrUnknownUser refuses an update of a user who is not stored. The insert may still be on its way.
	ErrUnknownUser = errors.New("update of a user not in the directory")
)

// Version orders what is known of one user: microseconds since 1970 on Slack's clock.
type Version int64

// VersionOf returns t as a version.
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

// Time returns v as a time.
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
	// EmailDomain is Slack's email_domain: whoever has such an address may join. It may be empty.
	EmailDomain string `json:"email_domain,omitempty"`

	// ConnectedAt is when Slack last answered the app's token, DisconnectedAt when the app
	// was last found to be removed. The newer one says how things stand.
	ConnectedAt    Version `json:"connected_at,omitempty"`
	DisconnectedAt Version `json:"disconnected_at,omitempty"`
	// Token identifies the bot token that opens the workspace, without revealing it.
	Token string `json:"token,omitempty"`
	// Hidden keeps a workspace that is not Slack's, such as a smoke test's, off the pages.
	Hidden bool `json:"hidden,omitempty"`
}

// Disconnected says whether the app was removed from the workspace.
func (w Workspace) Disconnected() bool { return w.DisconnectedAt > w.ConnectedAt }

const maxID = 64

// ValidateID returns an error that wraps [ErrInvalid] unless id can be a Slack id ("U…", "W…", "T…", "E…"). Slack
// asks to treat them as opaque, so it admits letters, digits, _ and -, but nothing that a database would take for
// a path or a reserved name.
func ValidateID(what, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, what)
	case len(id) > maxID || strings.ContainsFunc(id, notInIDs) || id[0] == '_' || id[0] == '-':
		return fmt.Errorf("%w: %s is not a Slack id", ErrInvalid, what)
	}
	return nil
}

func notInIDs(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
}
