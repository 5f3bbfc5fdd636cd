// Package storetest is the contract of a store as a test suite.
package storetest

import (
	"context"
	"errors"
	"testing"

	"rollcall/internal/directory"
)

// Store is the contract.
type Store interface {
	// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// PutUser writes u if the stored revision is still the expected one (zero: none
	// stored), and fails with [directory.ErrConflict] otherwise.
	PutUser(ctx context.Context, u directory.User, expected directory.Revision) error
	PutWorkspace(ctx context.Context, w directory.Workspace) error
	// Workspaces returns all workspaces by id, those that only have users with nothing but the id.
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
	ListStore
	SyncStore
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
		{"count changed", testCountChanged},
		{"watch", testWatch},
		{"emoji", testEmoji},
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
	return directory.Change{Operation: op, TeamID: team, User: []byte(user), Version: v, Source: directory.FromEvent}
}

// apply reads, decides and writes until nothing changed in between.
func apply(t *testing.T, s Store, c directory.Change) directory.Outcome {
	t.Helper()
	for {
		var current *directory.User
		stored, revision, err := s.User(t.Context(), c.TeamID, c.UserID())
		if err == nil {
			current = &stored
		} else if !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("read: %v", err)
			return ""
		}
		next, outcome, err := directory.Apply(current, c)
		if err != nil {
			t.Errorf("apply: %v", err)
			return ""
		}
		if outcome == directory.Unchanged {
			return outcome
		}
		err = s.PutUser(t.Context(), next, revision)
		if err == nil {
			return outcome
		}
		if !errors.Is(err, directory.ErrConflict) {
			t.Errorf("write: %v", err)
			return ""
		}
	}
}

func get(t *testing.T, s Store, id string) directory.User {
	t.Helper()
	u, _, err := s.User(t.Context(), team, id)
	if err != nil {
		t.Fatalf("read %s: %v", id, err)
	}
	return u
}
