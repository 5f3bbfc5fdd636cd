package ui

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"rollcall/internal/directory"
)

// everyWorkspace stands for all workspaces among [Viewers].
const everyWorkspace = "*"

// Viewers says who sees which workspace, by its id, or by "*" all of them: addresses, and domains as
// "@example.com". A workspace that is not named is seen only by those of "*". nil: everybody sees all.
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

// seen leaves out the workspaces that v does not see. If that is all of them it fails with [errNoViewer].
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

var (
	errNoViewer = errors.New("a viewer of no workspace")
	errTooMany  = errors.New("a viewer does too much at once")
)

const (
	// maxStreams is how many pages a viewer may keep live: each holds one of the requests that an instance answers at once.
	maxStreams = 20
	// maxExports is how many exports a viewer may have under way: each reads the whole directory.
	maxExports = 2
)

// turns bounds what each viewer does at once, as one instance sees it.
type turns struct {
	max   int
	mu    sync.Mutex
	taken map[string]int // by address
}

func newTurns(maxTurns int) *turns { return &turns{max: maxTurns, taken: map[string]int{}} }

// take fails with [errTooMany] if v has as many as are allowed. Where nobody signs in there is nobody to tell apart.
func (t *turns) take(v viewer) (giveBack func(), err error) {
	if v == (viewer{}) {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[v.Email] >= t.max {
		return nil, errTooMany
	}
	t.taken[v.Email]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.taken[v.Email]--; t.taken[v.Email] == 0 {
			delete(t.taken, v.Email)
		}
	}, nil
}
