package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/directory"
)

// everyWorkspace stands for all workspaces among [Viewers].
const everyWorkspace = "*"

// Viewers says who sees which workspace. Keys are workspace ids, or "*" for all workspaces; values are
// e-mail addresses, or domains as "@example.com". Only the viewers of "*" see a workspace that is not
// named. A nil Viewers shows everybody all workspaces.
type Viewers map[string][]string

func (all Viewers) see(v viewer, teamID string) bool {
	if all == nil {
		return true
	}
	match := func(who string) bool {
		if domain, ok := strings.CutPrefix(who, "@"); ok {
			return v.Domain != "" && strings.EqualFold(domain, v.Domain)
		}
		return v.Email != "" && strings.EqualFold(who, v.Email)
	}
	return slices.ContainsFunc(all[teamID], match) || slices.ContainsFunc(all[everyWorkspace], match)
}

var (
	errNoViewer     = errors.New("viewer may not see any workspace")
	errNoWorkspaces = errors.New("no workspaces yet")
)

// seen returns the workspaces that v sees. If there are workspaces but v sees none it fails with [errNoViewer].
func (all Viewers) seen(v viewer, workspaces []directory.Workspace) ([]directory.Workspace, error) {
	var seen []directory.Workspace
	for _, w := range workspaces {
		if all.see(v, w.ID) {
			seen = append(seen, w)
		}
	}
	if len(seen) == 0 && len(workspaces) > 0 {
		return nil, errNoViewer
	}
	return seen, nil
}

// workspaces returns all that are not hidden.
func (h *handler) workspaces(ctx context.Context) ([]directory.Workspace, error) {
	all, err := h.caches.workspaces.get("", func() ([]directory.Workspace, error) {
		all, err := h.Store.Workspaces(ctx)
		all = slices.DeleteFunc(all, func(w directory.Workspace) bool { return w.Hidden })
		if err == nil && len(all) == 0 { // not cached, so that the first workspace shows at once
			err = errNoWorkspaces
		}
		return all, err
	})
	if err != nil && !errors.Is(err, errNoWorkspaces) {
		return nil, fmt.Errorf("workspaces: %w", err)
	}
	return all, nil
}

// current returns the workspaces that the viewer sees, and the one with that id. An empty
// id stands for the first one; if there are no workspaces yet, current is zero.
func (h *handler) current(ctx context.Context, teamID string) (all []directory.Workspace, current directory.Workspace, err error) {
	all, err = h.workspaces(ctx)
	if err == nil {
		all, err = h.Viewers.seen(viewerOf(ctx), all)
	}
	if err != nil {
		return nil, current, err
	}
	for _, w := range all {
		if teamID == "" || w.ID == teamID {
			return all, w, nil
		}
	}
	if teamID != "" {
		return nil, current, fmt.Errorf("workspace: %w", directory.ErrNotFound)
	}
	return all, current, nil
}
