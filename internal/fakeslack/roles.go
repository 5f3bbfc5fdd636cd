package fakeslack

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// huddleTimeout is how long a huddle lasts without an update. A recorded event has the same duration.
const huddleTimeout = 22 * time.Minute

// JoinHuddle starts a huddle for an active person.
func (w *Workspace) JoinHuddle(id string) ([]Event, error) { return w.change(id, w.joinHuddle) }

// LeaveHuddle ends the huddle.
func (w *Workspace) LeaveHuddle(id string) ([]Event, error) { return w.change(id, w.leaveHuddle) }

// MakeAdmin makes an active member or guest an admin.
func (w *Workspace) MakeAdmin(id string) ([]Event, error) {
	return w.change(id, w.become(member, true))
}

// MakeMember makes an active guest or admin a regular member.
func (w *Workspace) MakeMember(id string) ([]Event, error) {
	return w.change(id, w.become(member, false))
}

// MakeGuest makes an active member a guest of several channels.
func (w *Workspace) MakeGuest(id string) ([]Event, error) {
	return w.change(id, w.become(guest, false))
}

// Move changes the time zone of an active person.
func (w *Workspace) Move(id string) ([]Event, error) { return w.change(id, w.move) }

// EditFields changes somebody's custom fields. Slack sends no event; only users.profile.get
// and events about later changes show it.
func (w *Workspace) EditFields(id string) error {
	_, err := w.change(id, func(p *person, rng *rand.Rand) ([]Event, error) {
		if !p.active() || p.culture == nil {
			return nil, errWrongState
		}
		if p.fields == nil {
			p.fields = map[string]string{}
		}
		p.fields[fieldBadge] = strconv.Itoa(1000 + rng.IntN(1_000_000))
		return nil, nil
	})
	return err
}

// ClearFields removes all custom fields, also without an event.
func (w *Workspace) ClearFields(id string) error {
	_, err := w.change(id, func(p *person, _ *rand.Rand) ([]Event, error) {
		p.fields = nil
		return nil, nil
	})
	return err
}

func (w *Workspace) toggleHuddle(p *person, rng *rand.Rand) ([]Event, error) {
	if p.huddle != "" {
		return w.leaveHuddle(p, rng)
	}
	return w.joinHuddle(p, rng)
}

func (w *Workspace) joinHuddle(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil || p.huddle != "" {
		return nil, errWrongState
	}
	p.huddle, p.huddleUntil = "R0"+base36(rng, 9), w.now().Add(huddleTimeout).Unix()
	return w.huddled(p, "joined a huddle"), nil
}

func (w *Workspace) leaveHuddle(p *person, _ *rand.Rand) ([]Event, error) {
	if p.huddle == "" {
		return nil, errWrongState
	}
	p.huddle = ""
	return w.huddled(p, "left a huddle"), nil
}

func (w *Workspace) huddled(p *person, what string) []Event {
	if w.options.Shapes.HuddlesKeepUpdated {
		return w.eventsOf(p, "user_huddle_changed", what)
	}
	return w.changed(p, "user_huddle_changed", what)
}

func (w *Workspace) become(k kind, admin bool) operation {
	return func(p *person, _ *rand.Rand) ([]Event, error) {
		if !p.active() || p.culture == nil || p.primaryOwner || p.kind == external || p.kind == k && p.admin == admin {
			return nil, errWrongState
		}
		p.kind, p.admin, p.owner = k, admin, false
		return w.changed(p, "", fmt.Sprintf("is now %s, admin %t", k, admin)), nil
	}
}

func (w *Workspace) move(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, errWrongState
	}
	tz := p.tz
	for tz == p.tz {
		tz = pick(rng, pick(rng, cultures).zones)
	}
	p.tz = tz
	return w.changed(p, "user_profile_changed", "has moved"), nil
}
