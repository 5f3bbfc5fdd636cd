package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jellydator/ttlcache/v3"

	"rollcall/internal/directory"
)

const (
	// knownTTL is for how long a workspace is taken for known without asking the store again.
	knownTTL      = 10 * time.Minute
	maxWorkspaces = 1000
)

// unknownWorkspace is the result of a message that is dropped: Slack signs what
// it tells of any workspace, and only what a full sync or an installation has
// written is one of ours.
const unknownWorkspace = "unknown_workspace"

// disconnected is the result of a message that the app was removed from a workspace.
const disconnected = "disconnected"

// workspaces remembers which workspaces are known. Unknown ones are asked for
// each time, because the sync that makes one known publishes its people at once.
type workspaces struct {
	store Store
	known *ttlcache.Cache[string, struct{}]
}

func newWorkspaces(store Store) workspaces {
	return workspaces{store, ttlcache.New(ttlcache.WithTTL[string, struct{}](knownTTL),
		ttlcache.WithCapacity[string, struct{}](maxWorkspaces), ttlcache.WithDisableTouchOnHit[string, struct{}]())}
}

func (w workspaces) isKnown(ctx context.Context, teamID string) (bool, error) {
	if w.known.Get(teamID) != nil {
		return true, nil
	}
	_, err := w.store.Workspace(ctx, teamID)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read workspace: %w", err)
	}
	w.known.Set(teamID, struct{}{}, ttlcache.DefaultTTL)
	return true, nil
}

// disconnect records that the app was removed. The newer of that and the last
// sync that Slack answered says how things stand.
func (w workspaces) disconnect(ctx context.Context, c directory.Change) (result string, err error) {
	err = w.store.PutWorkspace(ctx, directory.Workspace{ID: c.TeamID, DisconnectedAt: c.Version})
	if err != nil {
		return "", fmt.Errorf("write workspace: %w", err)
	}
	return disconnected, nil
}
