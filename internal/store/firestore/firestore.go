// Package firestore keeps the directory in Firestore, at workspaces/{team_id},
// workspaces/{team_id}/users/{user_id} and workspaces/{team_id}/changes/{id}.
//
// Users are written by Create, or by Update with a precondition on the update
// time: a blind set would lose a race, and a transaction costs twice as much.
// A change that history covers is one commit of two documents, by WriteBatch. The
// client's documentation deprecates it in favour of transactions, which need a call
// of their own before the commit (on the emulator 1.9 ms instead of 1.4), and of
// BulkWriter, which is not atomic. Any other change stays a single write.
//
// Removed users have no sort_name and no fingerprint, so lists and sums skip them
// without another index. Pages continue from a name and an id, not from an offset,
// so nobody is repeated or skipped while others come and go.
package firestore

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
)

// Store reads and writes one database. It is safe for concurrent use.
type Store struct {
	client     *firestore.Client
	maxWatched int           // see [Store.Watch]
	horizon    time.Duration // see [Store.Feed]
	now        func() any    // the written_at of a record
}

// Open opens one of the project's databases. FIRESTORE_EMULATOR_HOST, if set, names an emulator.
func Open(ctx context.Context, project, database string) (*Store, error) {
	client, err := firestore.NewClientWithDatabase(ctx, project, database)
	if err != nil {
		return nil, fmt.Errorf("open Firestore: %w", err)
	}
	return New(client), nil
}

// New returns a store on an open client, which [Store.Close] closes.
func New(client *firestore.Client) *Store {
	return &Store{client, maxWatched, feedHorizon, func() any { return firestore.ServerTimestamp }}
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

func (s *Store) workspace(teamID string) *firestore.DocumentRef {
	return s.client.Collection("workspaces").Doc(teamID)
}

func (s *Store) users(teamID string) *firestore.CollectionRef {
	return s.workspace(teamID).Collection("users")
}

// User returns a user, possibly a removed one, and its revision, or [directory.ErrNotFound].
func (s *Store) User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error) {
	snapshot, err := s.users(teamID).Doc(userID).Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound:
		return directory.User{}, 0, directory.ErrNotFound
	case err != nil:
		return directory.User{}, 0, fmt.Errorf("firestore: %w", err)
	}
	u, err := userOf(snapshot)
	// Firestore's times are in microseconds.
	return u, directory.Revision(snapshot.UpdateTime.UnixMicro()), err
}

// maxDocument is Firestore's limit (Google's page "Usage and limits"). The client
// would keep retrying a document that is larger than a request may be.
const maxDocument = 1 << 20

// PutUser writes u if the stored revision is still the expected one (zero: none
// stored), and fails with [directory.ErrConflict] otherwise. A record (nil for none)
// is written with it, both or neither.
func (s *Store) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if size(u) > maxDocument {
		return fmt.Errorf("firestore: %w: larger than a document", directory.ErrInvalid)
	}
	err := s.put(ctx, u, expected, record)
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.AlreadyExists, // somebody created it
		codes.FailedPrecondition, // somebody updated it
		codes.NotFound,           // it expired
		codes.Aborted:            // somebody is writing it now
		return fmt.Errorf("firestore: %w: %w", directory.ErrConflict, err)
	case codes.InvalidArgument: // all fields together are larger than a document may be
		return fmt.Errorf("firestore: %w: %w", directory.ErrInvalid, err)
	}
	return fmt.Errorf("firestore: %w", err)
}

func (s *Store) put(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) (err error) {
	d, doc := document(u), s.users(u.TeamID).Doc(u.ID)
	current := firestore.LastUpdateTime(time.UnixMicro(int64(expected)))
	switch {
	case record == nil && expected == 0:
		_, err = doc.Create(ctx, d)
		return err
	case record == nil:
		_, err = doc.Update(ctx, updates(d), current)
		return err
	}
	batch := s.client.Batch() //nolint:staticcheck // deprecated, see the package comment
	if expected == 0 {
		batch.Create(doc, d)
	} else {
		batch.Update(doc, updates(d), current)
	}
	// Set: the condition on the user is the one that counts. After a purge, a message that comes
	// again may find its record still there.
	batch.Set(s.changes(record.TeamID).Doc(record.ID), s.recordDocument(*record))
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	_, err = batch.Commit(ctx)
	return err
}

// size returns how many bytes of Slack's own JSON u's document has.
func size(u directory.User) int {
	n := len(u.Slack)
	for _, said := range []*directory.Said{u.Parts.Told, u.Parts.Listed} {
		if said != nil {
			n += len(said.Object)
		}
	}
	if u.Parts.Fields != nil {
		n += len(u.Parts.Fields.Values)
	}
	return n
}

// PutWorkspace merges w into the stored workspace. Empty fields of w leave the
// stored ones as they are, and times only grow. If w has a name, it is a complete
// description, and an empty icon or e-mail domain removes the stored one.
func (s *Store) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	d := encode(w)
	if w.Name == "" {
		delete(d, "name")
		delete(d, "url")
	} else {
		for name, value := range map[string]string{"icon": w.Icon, "email_domain": w.EmailDomain} {
			if value == "" {
				d[name] = firestore.Delete
			}
		}
	}
	for name, at := range map[string]directory.Version{"connected_at": w.ConnectedAt, "disconnected_at": w.DisconnectedAt} {
		if at > 0 {
			d[name] = firestore.FieldTransformMaximum(int64(at))
		}
	}
	if _, err := s.workspace(w.ID).Set(ctx, d, firestore.MergeAll); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// Workspace returns a workspace that a sync or an installation wrote, or [directory.ErrNotFound].
func (s *Store) Workspace(ctx context.Context, teamID string) (w directory.Workspace, err error) {
	snapshot, err := s.workspace(teamID).Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound:
		return directory.Workspace{}, directory.ErrNotFound
	case err != nil:
		return directory.Workspace{}, fmt.Errorf("firestore: %w", err)
	}
	return workspaceOf(snapshot)
}

// Workspaces returns all workspaces, ordered by id.
func (s *Store) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	snapshots, err := s.client.Collection("workspaces").OrderBy(firestore.DocumentID, firestore.Asc).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	var all []directory.Workspace
	for _, snapshot := range snapshots {
		w, err := workspaceOf(snapshot)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

func workspaceOf(snapshot *firestore.DocumentSnapshot) (w directory.Workspace, err error) {
	if err := decode(snapshot.Data(), &w); err != nil {
		return directory.Workspace{}, fmt.Errorf("workspace %s: %w", snapshot.Ref.ID, err)
	}
	return w, nil
}
