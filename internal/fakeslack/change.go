package fakeslack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Errors of the operations on people.
var (
	errUserNotFound = errors.New("no such user")
	errWrongState   = errors.New("not possible in this user's state")
)

// Join adds the next person. Who that is depends on the seed and on how many people joined before.
func (w *Workspace) Join() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.join()
}

// SetStatus changes the status of an active user.
func (w *Workspace) SetStatus(id string) ([]Event, error) { return w.change(id, w.setStatus) }

// ClearStatus clears the status of an active user.
func (w *Workspace) ClearStatus(id string) ([]Event, error) {
	return w.change(id, func(p *person, _ *rand.Rand) ([]Event, error) { return w.putStatus(p, status{}) })
}

// Rename changes the family name of an active person.
func (w *Workspace) Rename(id string) ([]Event, error) { return w.change(id, w.rename) }

// Retitle changes the job title of an active person.
func (w *Workspace) Retitle(id string) ([]Event, error) { return w.change(id, w.retitle) }

// Leave deactivates an account.
func (w *Workspace) Leave(id string) ([]Event, error) { return w.change(id, w.leave) }

// Return reactivates a deactivated account.
func (w *Workspace) Return(id string) ([]Event, error) { return w.change(id, w.reactivate) }

// Forget erases the profile of a deactivated account, for good.
func (w *Workspace) Forget(id string) ([]Event, error) { return w.change(id, w.forget) }

// Remove removes somebody from the workspace's list without an event, as when an account is
// deleted for good. Cursors that name them expire.
func (w *Workspace) Remove(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.position[id]
	if !ok {
		return fmt.Errorf("%s: %w", id, errUserNotFound)
	}
	w.listed = slices.Delete(w.listed, i, i+1)
	delete(w.position, id)
	for j, p := range w.listed[i:] {
		w.position[p.id] = i + j
	}
	return nil
}

// operation needs mu.
type operation func(*person, *rand.Rand) ([]Event, error)

func (w *Workspace) change(id string, op operation) ([]Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(id)
	if p == nil {
		return nil, fmt.Errorf("%s: %w", id, errUserNotFound)
	}
	events, err := op(p, w.rng)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return events, nil
}

// Step makes one random change. Mostly somebody sets or clears a status; sometimes somebody joins,
// leaves or is renamed, or somebody external changes. It returns at least one event.
func (w *Workspace) Step(rng *rand.Rand) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if events := w.expireStatus(); events != nil {
		return events
	}
	w.steps++
	if every := w.options.HuddlesEvery; every > 0 && w.steps%every == 0 {
		if events := w.tryOn(w.listed, w.toggleHuddle, rng); events != nil {
			return events
		}
	}
	among, op := w.listed, operation(w.setStatus)
	switch roll := rng.IntN(100); {
	case roll < 58:
	case roll < 74:
		op = w.clearStatus
	case roll < 80:
		op = w.retitle
	case roll < 84:
		op = w.rename
	case roll < 88:
		among = w.externals
	case roll < 91:
		op = w.leave
	case roll < 93:
		op = w.reactivate
	case roll == 93:
		op = w.forget
	default:
		return w.join()
	}
	if events := w.tryOn(among, op, rng); events != nil {
		return events
	}
	return w.join()
}

// tryOn applies op to a random person for whom it is possible. It gives up after a few tries.
func (w *Workspace) tryOn(among []*person, op operation, rng *rand.Rand) []Event {
	for range 50 {
		p := pick(rng, among)
		if p.culture == nil || p.primaryOwner {
			continue // only people change, and tests rely on the primary owner
		}
		if events, err := op(p, rng); err == nil {
			return events
		}
	}
	return nil
}

// expireStatus clears one expired status. It returns nil if there is none.
func (w *Workspace) expireStatus() []Event {
	now := w.now().Unix()
	for _, p := range w.listed {
		if p.active() && p.statusExpiration != 0 && p.statusExpiration <= now {
			if events, err := w.putStatus(p, status{}); err == nil {
				return events
			}
		}
	}
	return nil
}

func (p *person) active() bool { return !p.deleted }

func (w *Workspace) join() []Event {
	k := member
	if w.drawn%8 == 3 {
		k = guest
	}
	p := newPerson(w.options.Seed, w.drawn, k)
	p.status, p.statusExpiration = status{}, 0
	p.updated = w.now().Unix()
	w.add(p)
	return []Event{w.userEvent("team_join", p, "joined")}
}

func (w *Workspace) setStatus(p *person, rng *rand.Rand) ([]Event, error) {
	s := pick(rng, statuses)
	for s == p.status {
		s = pick(rng, statuses)
	}
	return w.putStatus(p, s)
}

func (w *Workspace) clearStatus(p *person, _ *rand.Rand) ([]Event, error) {
	return w.putStatus(p, status{})
}

func (w *Workspace) putStatus(p *person, s status) ([]Event, error) {
	if !p.active() || s == p.status {
		return nil, errWrongState
	}
	now := w.now()
	p.status, p.statusExpiration = s, 0
	if s.lasts > 0 {
		p.statusExpiration = now.Add(s.lasts).Truncate(time.Minute).Unix()
	}
	if s == (status{}) {
		return w.changed(p, "user_status_changed", "cleared the status"), nil
	}
	return w.changed(p, "user_status_changed", "set a status"), nil
}

func (w *Workspace) rename(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, errWrongState
	}
	family := pick(rng, p.culture.family)
	for family == p.family {
		family = pick(rng, p.culture.family)
	}
	p.family = family
	p.realName = p.culture.fullName(p.given, p.family)
	return w.changed(p, "user_profile_changed", "has a new name"), nil
}

func (w *Workspace) retitle(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, errWrongState
	}
	title := pick(rng, titles)
	for title == p.title {
		title = pick(rng, titles)
	}
	p.title = title
	return w.changed(p, "user_profile_changed", "has a new title"), nil
}

func (w *Workspace) leave(p *person, _ *rand.Rand) ([]Event, error) {
	if !p.active() || p.primaryOwner || p.kind == slackbot {
		return nil, errWrongState
	}
	p.deleted, p.status, p.statusExpiration, p.huddle = true, status{}, 0, ""
	return w.changed(p, "", "was deactivated"), nil
}

func (w *Workspace) reactivate(p *person, _ *rand.Rand) ([]Event, error) {
	if p.active() || p.forgotten {
		return nil, errWrongState
	}
	p.deleted = false
	return w.changed(p, "", "was reactivated"), nil
}

func (w *Workspace) forget(p *person, _ *rand.Rand) ([]Event, error) {
	if p.active() || p.forgotten {
		return nil, errWrongState
	}
	p.forgotten = true
	return w.changed(p, "", "was forgotten"), nil
}
