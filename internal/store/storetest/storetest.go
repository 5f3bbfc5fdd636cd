// Package storetest is the contract of a store as a test suite.
package storetest

import (
	"context"
	"testing"
	"time"

	"rollcall/internal/directory"
)

// Store is the contract.
type Store interface {
	// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// PutUser writes u if the stored revision is still the expected one (zero: none
	// stored), and fails with [directory.ErrConflict] otherwise. A record (nil for none) is
	// written with it, both or neither, at a time that the store sets.
	PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error
	// PutWorkspace merges w into what is stored: empty fields of w leave the stored ones as
	// they are, and times only grow. A w with a name is a complete description, and without
	// an icon removes the stored one.
	PutWorkspace(ctx context.Context, w directory.Workspace) error
	// Workspace returns a workspace that was put, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
	// Workspaces returns all workspaces that were put, by id.
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
	// PurgeWorkspace deletes a workspace and everything below it, and returns how many documents
	// there were. It calls progress with the number so far.
	PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error)
	ListStore
	HistoryStore
	SyncStore
	ProfileStore
	TokenStore
}

// Run runs the suite. open returns an empty store, which it closes by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"put", testPut},
		{"apply", testApply},
		{"shapes", testShapes},
		{"forgotten", testForgotten},
		{"concurrent writers", testConcurrentWriters},
		{"large object", testLargeObject},
		{"paging", testPaging},
		{"paging while others change", testPagingWhileOthersChange},
		{"removed are not listed", testRemovedAreNotListed},
		{"filters", testFilters},
		{"users by id", testUsersByID},
		{"users by email", testUsersByEmail},
		{"tokens", testTokens},
		{"watch", testWatch},
		{"history", testHistory},
		{"history pages", testHistoryPages},
		{"history is written with the user", testHistoryIsAtomic},
		{"history of concurrent writers", testHistoryOfConcurrentWriters},
		{"history of the forgotten", testHistoryOfTheForgotten},
		{"feed", testFeed},
		{"watch history", testWatchHistory},
		{"emoji", testEmoji},
		{"profiles", testProfiles},
		{"purge", testPurge},
		{"workspaces", testWorkspaces},
		{"fingerprints", testFingerprints},
		{"syncs", testSyncs},
		{"sync pages", testSyncPages},
		{"lease", testLease},
		{"cancelled", testCancelled},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, open(t)) })
	}
}

const team = "T1"

func change(op directory.Operation, v directory.Version, user string) directory.Change {
	return must(directory.Change{Operation: op, TeamID: team, User: []byte(user), Version: v, Source: sourceOf(op)})
}

func sourceOf(op directory.Operation) directory.Source {
	if op == directory.Delete {
		return directory.FromSync
	}
	return directory.FromEvent
}

func listed(v directory.Version, user string) directory.Change {
	return must(directory.Change{Operation: directory.Insert, TeamID: team, User: []byte(user), Version: v, Source: directory.FromSync, InList: true})
}

func must(c directory.Change) directory.Change {
	c, err := directory.NewChange(c)
	if err != nil {
		panic(err) // the suite's own
	}
	return c
}

// apply reads, decides and writes until nothing changed in between.
func apply(t *testing.T, s Store, c directory.Change) directory.Outcome {
	t.Helper()
	return applyKept(t, s, c, 0).Outcome
}

// applyKept keeps history for that time.
func applyKept(t *testing.T, s Store, c directory.Change, history time.Duration) directory.Applied {
	t.Helper()
	applied, err := directory.ApplyTo(t.Context(), s, c, history)
	if err != nil {
		t.Error(err)
	}
	return applied
}

func get(t *testing.T, s Store, id string) directory.User {
	t.Helper()
	u, _, err := s.User(t.Context(), team, id)
	if err != nil {
		t.Fatalf("read %s: %v", id, err)
	}
	return u
}
