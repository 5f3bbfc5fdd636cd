package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

const (
	// infosPerPage is how many calls of users.info (Tier 4) Slack allows in the time
	// of one call of users.list (Tier 2). Source: Slack's page "Rate limits".
	infosPerPage = 5
	// maxUnreadable is how many people in a row users.info may fail for. Beyond that the
	// fault is not theirs, and the sync fails.
	maxUnreadable = 5
	// deliveryTimeout is how long an event may take to arrive. A later change is not
	// drift yet. It also covers clocks that differ.
	deliveryTimeout = 5 * time.Minute
	// maxDiffered bounds the people for whom a sync reports the fields that differ.
	maxDiffered = 200
)

// repairer publishes repairs: of listed people, then of people of other workspaces.
type repairer struct {
	asker
	store   peopleStore
	isFirst bool // no sync has been done before
	looked  int  // people whose differing fields were reported
}

// publishRepairs fetches the objects that the walk did not keep, by users.info or a second
// walk, whichever Slack's rate limits make faster, and publishes them.
func (p *repairer) publishRepairs(ctx context.Context, out outbox, needs map[string]need, pages int) error {
	b := out.open(ctx)
	total := len(needs)
	publish := func(id string, user json.RawMessage, v directory.Version) error {
		n := needs[id]
		delete(needs, id) // a person may be listed twice
		p.record.progress.repairing(p.record.value(), "repairs", total-len(needs), total)
		return p.publish(b, id, n, user, v, true)
	}
	if total > infosPerPage*pages {
		return b.finish(p.walkAgain(b.ctx, needs, publish))
	}
	for id := range needs {
		user, v, err := p.ask(ctx, id)
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, syncs.ErrUnreadable) {
			continue // has left since the walk, or is left out
		}
		if err == nil {
			err = publish(id, user, v)
		}
		if err != nil {
			return b.finish(err)
		}
	}
	return b.wait()
}

// walkAgain lists everybody again and publishes those who need a repair.
func (p *repairer) walkAgain(ctx context.Context, needs map[string]need, publish func(string, json.RawMessage, directory.Version) error) error {
	s := p.record.value()
	for attempt := 1; ; attempt++ {
		err := func() error {
			for page, err := range p.slack.Users(ctx, s.TeamID, "") {
				if err != nil {
					return err
				}
				for _, user := range page.Users {
					u, err := directory.FromListing(s.TeamID, user)
					if _, needed := needs[u.ID]; err != nil || !needed {
						continue
					}
					if err := publish(u.ID, user, page.Version); err != nil {
						return err
					}
				}
			}
			return nil
		}()
		if !errors.Is(err, syncs.ErrCursorExpired) || attempt == maxWalks {
			return err
		}
		p.record.log.WarnContext(ctx, "listing for repairs starts over", "team_id", s.TeamID, "sync_id", s.ID, "error", err)
	}
}

// asker asks users.info about people one by one.
type asker struct {
	slack      Slack
	record     *record
	unreadable int // in a row
}

// ask fetches one user by users.info. Errors that wrap [directory.ErrNotFound] or
// [syncs.ErrUnreadable] are about this user only.
func (a *asker) ask(ctx context.Context, id string) (json.RawMessage, directory.Version, error) {
	user, v, err := a.slack.User(ctx, id)
	if !errors.Is(err, syncs.ErrUnreadable) {
		a.unreadable = 0
		return user, v, err
	}
	a.leaveOut(ctx, id, err)
	if a.unreadable++; a.unreadable == maxUnreadable {
		return nil, 0, fmt.Errorf("users.info failed for %d people in a row, the last time with: %v", maxUnreadable, err) //nolint:errorlint // it is no longer about one user
	}
	return nil, 0, err
}

// leaveOut logs and counts a user who is left out.
func (a *asker) leaveOut(ctx context.Context, id string, err error) {
	a.record.update(func(s *syncs.Sync) { s.Failed++ })
	a.record.log.WarnContext(ctx, "a user who cannot be read or stored is left out", "team_id", a.record.value().TeamID, "user_id", id, "error", err)
}

// publish sends one repair, unless the document is by now the same as what Slack
// says, or newer.
func (p *repairer) publish(b *batch, id string, n need, user json.RawMessage, v directory.Version, inList bool) error {
	now := time.Now()
	// An insert at first, to see what an empty directory would store.
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: b.teamID, User: user, Version: v, Source: directory.FromSync, InList: inList})
	if err == nil && c.UserID != id {
		err = errors.New("users.info returned a different user")
	}
	var u directory.User
	if err == nil {
		u, _, err = directory.Apply(nil, c, now)
	}
	if err != nil {
		p.leaveOut(b.ctx, id, err)
		return nil
	}
	c.Operation = n.operation
	if n.stored != nil && !isInFuture(*n.stored, now) {
		if n.stored.Fingerprint == u.Fingerprint {
			return nil
		}
		if judge(*n.stored, directory.Said{Version: v, Updated: u.Updated, InList: inList}, u.Kind == directory.Forgotten, now) != wins {
			p.record.update(func(s *syncs.Sync) { s.Stale++ })
			return nil
		}
	}
	differed, err := p.differed(b.ctx, n, user)
	if err != nil {
		return err
	}
	drifted := p.drifted(n, u.Updated, v)
	return b.send(c, func(s *syncs.Sync) {
		switch {
		case n.operation == directory.Insert:
			s.Inserted++
		case inList:
			s.Updated++
		default:
			s.Updated++
			s.External.Updated++
		}
		if drifted {
			s.Drift++
		}
		for _, path := range differed {
			if s.Differed == nil {
				s.Differed = map[string]int{}
			}
			s.Differed[path]++
		}
	})
}

// differed returns the core fields that a repair changes, if the newest data about the
// person came from an event.
func (p *repairer) differed(ctx context.Context, n need, user json.RawMessage) ([]string, error) {
	s := n.stored
	if s == nil || s.Told == nil || s.Listed != nil && directory.ListedIsNewer(*s.Told, *s.Listed) || p.looked == maxDiffered {
		return nil, nil
	}
	p.looked++
	stored, _, err := p.store.User(ctx, p.record.value().TeamID, s.ID)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	paths, err := directory.CoreDifferences(stored.Slack, user)
	if err != nil {
		p.record.log.DebugContext(ctx, "fields not compared", "user_id", s.ID, "error", err)
	}
	return paths, nil
}

// drifted reports whether an event should have made this repair unnecessary. That is
// not so in the first sync, when Slack's own updated has not moved (clock changes
// send no event), or while the event may still be on its way.
func (p *repairer) drifted(n need, updated int64, v directory.Version) bool {
	if p.isFirst || time.Unix(updated, 0).After(v.Time().Add(-deliveryTimeout)) {
		return false
	}
	return n.stored == nil || n.stored.Updated != updated
}
