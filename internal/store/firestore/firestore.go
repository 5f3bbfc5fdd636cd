// Package firestore keeps the directory in Firestore: workspaces/{team_id} and
// below each workspaces/{team_id}/users/{user_id}.
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
type Store struct{ client *firestore.Client }

// Open opens a database of the project. FIRESTORE_EMULATOR_HOST, if set, names an emulator.
func Open(ctx context.Context, project, database string) (*Store, error) {
	client, err := firestore.NewClientWithDatabase(ctx, project, database)
	if err != nil {
		return nil, fmt.Errorf("open Firestore: %w", err)
	}
	return New(client), nil
}

// New uses an open client, which [Store.Close] closes.
func New(client *firestore.Client) *Store { return &Store{client} }

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

func (s *Store) workspace(teamID string) *firestore.DocumentRef {
	return s.client.Collection("workspaces").Doc(teamID)
}

func (s *Store) users(teamID string) *firestore.CollectionRef {
	return s.workspace(teamID).Collection("users")
}

// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
func (s *Store) User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error) {
	snapshot, err := s.users(teamID).Doc(userID).Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound:
		return directory.User{}, 0, directory.ErrNotFound
	case err != nil:
		return directory.User{}, 0, fmt.Errorf("firestore: %w", err)
	}
	u, err := decode(snapshot)
	// Firestore's times are in microseconds.
	return u, directory.Revision(snapshot.UpdateTime.UnixMicro()), err
}

func decode(snapshot *firestore.DocumentSnapshot) (directory.User, error) {
	var d document
	if err := snapshot.DataTo(&d); err != nil {
		return directory.User{}, fmt.Errorf("user %s: %w", snapshot.Ref.ID, err)
	}
	return d.user()
}

// largest is a document's size (Google's page "Usage and limits"). The client
// would go on trying what is larger than a request.
const largest = 1 << 20

// PutUser writes u if the stored revision is still the expected one (zero: none
// stored), and fails with [directory.ErrConflict] otherwise.
func (s *Store) PutUser(ctx context.Context, u directory.User, expected directory.Revision) error {
	d, err := toDocument(u)
	if err != nil {
		return err
	}
	if len(d.Slack)+len(d.Overlay) > largest {
		return fmt.Errorf("firestore: %w: larger than a document", directory.ErrInvalid)
	}
	doc := s.users(u.TeamID).Doc(u.ID)
	if expected == 0 {
		_, err = doc.Create(ctx, d)
	} else {
		_, err = doc.Update(ctx, d.updates(), firestore.LastUpdateTime(time.UnixMicro(int64(expected))))
	}
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.AlreadyExists, // somebody created it
		codes.FailedPrecondition, // somebody updated it
		codes.NotFound,           // its time to live ended
		codes.Aborted:            // somebody is writing it at this moment
		return fmt.Errorf("firestore: %w: %w", directory.ErrConflict, err)
	case codes.InvalidArgument: // larger than a document, by all its fields
		return fmt.Errorf("firestore: %w: %w", directory.ErrInvalid, err)
	}
	return fmt.Errorf("firestore: %w", err)
}

type workspaceDocument struct {
	ID   string `firestore:"id"`
	Name string `firestore:"name"`
	URL  string `firestore:"url"`
	Icon string `firestore:"icon,omitempty"`
}

// PutWorkspace writes w.
func (s *Store) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	if _, err := s.workspace(w.ID).Set(ctx, workspaceDocument(w)); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// Workspaces returns all workspaces by id. One that nobody has written yet, but
// that has users, has an id only.
func (s *Store) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	// A listing of references, unlike a query, has documents that are only the parents of others.
	refs, err := s.client.Collection("workspaces").DocumentRefs(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	if len(refs) == 0 {
		return nil, nil
	}
	snapshots, err := s.client.GetAll(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	all := make([]directory.Workspace, len(snapshots))
	for i, snapshot := range snapshots {
		d := workspaceDocument{ID: snapshot.Ref.ID}
		if snapshot.Exists() {
			if err := snapshot.DataTo(&d); err != nil {
				return nil, fmt.Errorf("workspace %s: %w", snapshot.Ref.ID, err)
			}
		}
		all[i] = directory.Workspace(d)
	}
	return all, nil
}
