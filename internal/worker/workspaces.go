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
	// knownTTL is how long a workspace counts as known before the store is asked again.
	knownTTL      = 10 * time.Minute
	maxWorkspaces = 1000
)

// unknownWorkspace is the result of a message that is dropped. Slack's signature covers events of every
// workspace with the app; ours are only those that a full sync or an installation has written.
const unknownWorkspace = "unknown_workspace"

// disconnected is the result of a message which says that the app was removed from a workspace.
const disconnected = "disconnected"

// workspaces remembers known workspaces. Unknown ones are looked up every time, because
// the sync that makes one known publishes its people at once.
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

// disconnect records that the app was removed. Whichever is newer, that or the last sync
// that Slack answered, decides whether the workspace is connected.
func (w workspaces) disconnect(ctx context.Context, c directory.Change) (result string, err error) {
	err = w.store.PutWorkspace(ctx, directory.Workspace{ID: c.TeamID, DisconnectedAt: c.Version})
	if err != nil {
		return "", fmt.Errorf("write workspace: %w", err)
	}
	return disconnected, nil
}
