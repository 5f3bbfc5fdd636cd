package fakeslack

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// huddleLasts is how long after its beginning a huddle ends if Slack hears no
// more of it, as recorded.
const huddleLasts = 22 * time.Minute

// JoinHuddle takes an active person into a huddle.
func (w *Workspace) JoinHuddle(id string) ([]Event, error) { return w.change(id, w.joinHuddle) }

// LeaveHuddle ends what JoinHuddle began.
func (w *Workspace) LeaveHuddle(id string) ([]Event, error) { return w.change(id, w.leaveHuddle) }

// MakeAdmin makes an active member or guest an admin.
func (w *Workspace) MakeAdmin(id string) ([]Event, error) {
	return w.change(id, w.become(member, true))
}

// MakeMember makes an active guest or admin an ordinary member.
func (w *Workspace) MakeMember(id string) ([]Event, error) {
	return w.change(id, w.become(member, false))
}

// MakeGuest makes an active member a guest of several channels.
func (w *Workspace) MakeGuest(id string) ([]Event, error) {
	return w.change(id, w.become(guest, false))
}

// Move gives an active person another time zone.
func (w *Workspace) Move(id string) ([]Event, error) { return w.change(id, w.move) }

// EditFields changes somebody's custom fields. Slack sends no event for that, and
// only users.profile.get and later events of other changes show it.
func (w *Workspace) EditFields(id string) error {
	_, err := w.change(id, func(p *person, rng *rand.Rand) ([]Event, error) {
		if !p.active() || p.culture == nil {
			return nil, ErrWrongState
		}
		if p.fields == nil {
			p.fields = map[string]string{}
		}
		p.fields[fieldBadge] = strconv.Itoa(1000 + rng.IntN(1_000_000))
		return nil, nil
	})
	return err
}

// ClearFields takes all custom fields away, as silently as EditFields.
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
		return nil, ErrWrongState
	}
	p.huddle, p.huddleUntil = "R0"+base36(rng, 9), w.options.Clock().Add(huddleLasts).Unix()
	return w.huddled(p, "joined a huddle"), nil
}

func (w *Workspace) leaveHuddle(p *person, _ *rand.Rand) ([]Event, error) {
	if p.huddle == "" {
		return nil, ErrWrongState
	}
	p.huddle = ""
	return w.huddled(p, "left a huddle"), nil
}

func (w *Workspace) huddled(p *person, what string) []Event {
	if w.options.Shapes.HuddlesKeepUpdated {
		return w.tell(p, "user_huddle_changed", what)
	}
	return w.changed(p, "user_huddle_changed", what)
}

func (w *Workspace) become(k kind, admin bool) operation {
	return func(p *person, _ *rand.Rand) ([]Event, error) {
		if !p.active() || p.culture == nil || p.primaryOwner || p.kind == external || p.kind == k && p.admin == admin {
			return nil, ErrWrongState
		}
		p.kind, p.admin, p.owner = k, admin, false
		return w.changed(p, "", fmt.Sprintf("is now %s, admin %t", k, admin)), nil
	}
}

func (w *Workspace) move(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, ErrWrongState
	}
	tz := p.tz
	for tz == p.tz {
		tz = pick(rng, pick(rng, cultures).zones)
	}
	p.tz = tz
	return w.changed(p, "user_profile_changed", "has moved"), nil
}
