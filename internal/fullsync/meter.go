package fullsync

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// meters count what a sync uses of Slack, Firestore and Pub/Sub. Nothing wraps Slack: only
// its client knows how often it waits and retries.
type meters struct {
	slack    Slack
	before   syncs.Usage
	store    *storeMeter
	messages *publishMeter
}

// measure wraps the dependencies in o with meters.
func measure(o *Options) meters {
	m := meters{slack: o.Slack, before: o.Slack.Usage(), store: &storeMeter{Store: o.Store}, messages: &publishMeter{Publisher: o.Publisher}}
	o.Store, o.Publisher = m.store, m.messages
	return m
}

// addTo adds what was used so far to the costs in s. For each message the worker
// reads and writes one document.
func (m meters) addTo(s *syncs.Sync) {
	used := m.slack.Usage()
	s.Calls += used.Calls - m.before.Calls
	s.Waits += used.Waits - m.before.Waits
	s.Waited += used.Waited - m.before.Waited
	messages := int(m.messages.accepted.Load())
	s.Reads += int(m.store.reads.Load()) + messages
	s.Writes += int(m.store.writes.Load()) + messages
}

type publishMeter struct {
	Publisher
	accepted atomic.Int64
}

func (m *publishMeter) Publish(ctx context.Context, c directory.Change) error {
	err := m.Publisher.Publish(ctx, c)
	if err == nil {
		m.accepted.Add(1)
	}
	return err
}

// storeMeter counts what Firestore bills (its page "Understand Cloud Firestore
// billing"): a read for each document, and at least one for each query. Deletions
// count as writes.
type storeMeter struct {
	Store
	reads, writes atomic.Int64
	pages         atomic.Int64 // stored checkpoints
}

func (m *storeMeter) read(n int) { m.reads.Add(int64(max(1, n))) }

func (m *storeMeter) Workspaces(ctx context.Context) ([]directory.Workspace, error) {
	all, err := m.Store.Workspaces(ctx)
	m.read(len(all))
	return all, err
}

func (m *storeMeter) PutWorkspace(ctx context.Context, w directory.Workspace) error {
	m.writes.Add(1)
	return m.Store.PutWorkspace(ctx, w)
}

func (m *storeMeter) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	count, sum, err = m.Store.SumFingerprints(ctx, teamID, r)
	m.read(compare.QueryReads(int(count)))
	return count, sum, err
}

func (m *storeMeter) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) ([]directory.Stored, error) {
	all, err := m.Store.Fingerprints(ctx, teamID, r)
	m.read(compare.FetchReads(len(all)))
	return all, err
}

func (m *storeMeter) User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error) {
	m.read(1)
	return m.Store.User(ctx, teamID, userID)
}

func (m *storeMeter) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	page, err := m.Store.Users(ctx, teamID, req)
	n := len(page.Users)
	if req.Before != nil && page.Prev != nil || req.Before == nil && page.Next != nil {
		n++ // a store fetches one more to see whether a page follows
	}
	m.read(n)
	return page, err
}

func (m *storeMeter) PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error {
	m.writes.Add(1)
	return m.Store.PutEmoji(ctx, teamID, emoji)
}

func (m *storeMeter) Emoji(ctx context.Context, teamID string) (map[string]string, error) {
	m.read(1)
	return m.Store.Emoji(ctx, teamID)
}

func (m *storeMeter) ProfilesDue(ctx context.Context, teamID string, limit int) ([]string, error) {
	ids, err := m.Store.ProfilesDue(ctx, teamID, limit)
	m.read(compare.FetchReads(len(ids)))
	return ids, err
}

func (m *storeMeter) CountProfiles(ctx context.Context, teamID string) (all, neverAsked int, err error) {
	all, neverAsked, err = m.Store.CountProfiles(ctx, teamID)
	m.read(compare.QueryReads(all) + compare.QueryReads(neverAsked))
	return all, neverAsked, err
}

func (m *storeMeter) PutTeamProfile(ctx context.Context, teamID string, profile json.RawMessage) error {
	m.writes.Add(1)
	return m.Store.PutTeamProfile(ctx, teamID, profile)
}

func (m *storeMeter) TeamProfile(ctx context.Context, teamID string) (json.RawMessage, error) {
	m.read(1)
	return m.Store.TeamProfile(ctx, teamID)
}

func (m *storeMeter) PutSync(ctx context.Context, s syncs.Sync) error {
	m.writes.Add(1)
	return m.Store.PutSync(ctx, s)
}

func (m *storeMeter) Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	all, err := m.Store.Syncs(ctx, teamID, limit)
	m.read(len(all))
	return all, err
}

func (m *storeMeter) PutSyncPage(ctx context.Context, teamID, syncID string, p syncs.Page) error {
	m.writes.Add(1)
	m.pages.Add(1)
	return m.Store.PutSyncPage(ctx, teamID, syncID, p)
}

func (m *storeMeter) SyncPages(ctx context.Context, teamID, syncID string) ([]syncs.Page, error) {
	all, err := m.Store.SyncPages(ctx, teamID, syncID)
	m.read(len(all))
	m.pages.Add(int64(len(all)))
	return all, err
}

// Lease and Release are transactions: they read a document and write it.

func (m *storeMeter) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	m.read(1)
	m.writes.Add(1)
	return m.Store.Lease(ctx, teamID, holder, until)
}

func (m *storeMeter) Release(ctx context.Context, teamID, holder string) error {
	m.read(1)
	m.writes.Add(1)
	return m.Store.Release(ctx, teamID, holder)
}

func (m *storeMeter) DeleteSyncPages(ctx context.Context, teamID, syncID string) error {
	m.writes.Add(m.pages.Swap(0))
	return m.Store.DeleteSyncPages(ctx, teamID, syncID)
}
