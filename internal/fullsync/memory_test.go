package fullsync

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// memory is a store for tests of a sync by itself. What it says of fingerprints
// is checked on the Firestore emulator.
type memory struct {
	mu         sync.Mutex
	users      map[string]stored
	workspaces map[string]directory.Workspace
	emoji      map[string]string
	profile    json.RawMessage
	records    map[string]syncs.Sync   // by team and id
	pages      map[string][]syncs.Page // by sync
	holder     string
	until      time.Time
	revision   directory.Revision
}

type stored struct {
	directory.User
	revision directory.Revision
	written  time.Time
}

func newMemory() *memory {
	return &memory{users: map[string]stored{}, workspaces: map[string]directory.Workspace{}, records: map[string]syncs.Sync{}, pages: map[string][]syncs.Page{}}
}

func (m *memory) User(_ context.Context, _, userID string) (directory.User, directory.Revision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.users[userID]
	if !ok {
		return directory.User{}, 0, directory.ErrNotFound
	}
	return s.User, s.revision, nil
}

func (m *memory) PutUser(_ context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[u.ID].revision != expected {
		return directory.ErrConflict
	}
	m.revision++
	m.users[u.ID] = stored{u, m.revision, time.Now()}
	return nil
}

func (m *memory) Record(context.Context, string, string) (directory.Record, error) {
	return directory.Record{}, directory.ErrNotFound
}

func (m *memory) EraseRecords(context.Context, string, string) error { return nil }

// Users supports only lists by change, before a cursor.
func (m *memory) Users(_ context.Context, _ string, req directory.PageRequest) (directory.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []directory.User
	for _, s := range m.users {
		if !s.Removed && req.Order.Compare(directory.CursorOf(s.User), *req.Before) < 0 {
			all = append(all, s.User)
		}
	}
	slices.SortFunc(all, func(a, b directory.User) int { return req.Order.Compare(directory.CursorOf(b), directory.CursorOf(a)) })
	return directory.NewPage(req, all[:min(len(all), req.Limit+1)]), nil
}

func (m *memory) within(r directory.FingerprintRange) (all []stored) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.users {
		if s.Fingerprint != 0 && s.Fingerprint >= r.From && s.Fingerprint < r.To {
			all = append(all, s)
		}
	}
	return all
}

func (m *memory) SumFingerprints(_ context.Context, _ string, r directory.FingerprintRange) (count, sum int64, err error) {
	for _, s := range m.within(r) {
		count++
		sum += s.Fingerprint
	}
	return count, sum, nil
}

func (m *memory) Fingerprints(_ context.Context, _ string, r directory.FingerprintRange) (all []directory.Stored, err error) {
	for _, s := range m.within(r) {
		all = append(all, directory.StoredOf(s.User, s.written))
	}
	return all, nil
}

func (m *memory) PutWorkspace(_ context.Context, w directory.Workspace) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.workspaces[w.ID]
	if w.Name == "" {
		w.Name, w.URL, w.Icon, w.EmailDomain = before.Name, before.URL, before.Icon, before.EmailDomain
	}
	w.ConnectedAt, w.DisconnectedAt = max(w.ConnectedAt, before.ConnectedAt), max(w.DisconnectedAt, before.DisconnectedAt)
	w.Token = cmp.Or(w.Token, before.Token)
	m.workspaces[w.ID] = w
	return nil
}

func (m *memory) Workspaces(context.Context) ([]directory.Workspace, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.workspaces), func(a, b directory.Workspace) int { return cmp.Compare(a.ID, b.ID) }), nil
}

func (m *memory) PutEmoji(_ context.Context, _ string, emoji map[string]string) error {
	m.emoji = emoji
	return nil
}

func (m *memory) Emoji(context.Context, string) (map[string]string, error) { return m.emoji, nil }

func (m *memory) PutTeamProfile(_ context.Context, _ string, profile json.RawMessage) error {
	m.profile = profile
	return nil
}

func (m *memory) TeamProfile(context.Context, string) (json.RawMessage, error) { return m.profile, nil }

func (m *memory) ProfilesDue(_ context.Context, _ string, limit int) (ids []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, u := range m.users {
		if u.ProfileOrder != 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(m.users[a].ProfileOrder, m.users[b].ProfileOrder) })
	return ids[:min(limit, len(ids))], nil
}

func (m *memory) CountProfiles(context.Context, string) (all, neverAsked int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.users {
		if u.ProfileOrder != 0 {
			all++
		}
		if u.ProfileOrder == directory.NeverAsked {
			neverAsked++
		}
	}
	return all, neverAsked, nil
}

func (m *memory) PutSync(_ context.Context, s syncs.Sync) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[s.TeamID+s.ID] = s
	return nil
}

func (m *memory) Syncs(_ context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.SortedFunc(maps.Values(m.records), func(a, b syncs.Sync) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.DeleteFunc(all, func(s syncs.Sync) bool { return s.TeamID != teamID })
	return all[:min(limit, len(all))], nil
}

func (m *memory) PutSyncPage(_ context.Context, _, syncID string, p syncs.Page) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pages[syncID] = append(m.pages[syncID], p)
	return nil
}

func (m *memory) SyncPages(_ context.Context, _, syncID string) ([]syncs.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.pages[syncID]), nil
}

func (m *memory) DeleteSyncPages(_ context.Context, _, syncID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pages, syncID)
	return nil
}

func (m *memory) Lease(_ context.Context, _, holder string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != "" && m.holder != holder && m.until.After(time.Now()) {
		return syncs.ErrLeased
	}
	m.holder, m.until = holder, until
	return nil
}

func (m *memory) Release(_ context.Context, _, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder == holder {
		m.holder = ""
	}
	return nil
}
