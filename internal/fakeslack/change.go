package fakeslack

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Errors of the operations that change somebody.
var (
	ErrUserNotFound = errors.New("no such user")
	ErrWrongState   = errors.New("not possible for this user now")
)

const appID = "A0ROLLCALL"

// Event is one event as the Events API delivers it.
type Event struct {
	Type     string          // team_join, user_change, user_profile_changed or user_status_changed
	UserID   string          // whom it is about
	Envelope json.RawMessage // the whole request body, of type event_callback
	Summary  string          // for a person who watches; holds nothing of the profile
}

// Join adds the next person. Who joins depends on the seed and on how many
// joined before.
func (w *Workspace) Join() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.join()
}

// SetStatus gives an active user another status.
func (w *Workspace) SetStatus(id string) ([]Event, error) { return w.change(id, w.setStatus) }

// ClearStatus takes an active user's status away.
func (w *Workspace) ClearStatus(id string) ([]Event, error) {
	return w.change(id, func(p *person, _ *rand.Rand) ([]Event, error) { return w.putStatus(p, status{}) })
}

// Rename gives an active person another family name.
func (w *Workspace) Rename(id string) ([]Event, error) { return w.change(id, w.rename) }

// Retitle gives an active person another job title.
func (w *Workspace) Retitle(id string) ([]Event, error) { return w.change(id, w.retitle) }

// Leave deactivates an account.
func (w *Workspace) Leave(id string) ([]Event, error) { return w.change(id, w.leave) }

// Return reactivates a deactivated account.
func (w *Workspace) Return(id string) ([]Event, error) { return w.change(id, w.reactivate) }

// Forget erases the profile of a deactivated account, for good.
func (w *Workspace) Forget(id string) ([]Event, error) { return w.change(id, w.forget) }

// Remove takes somebody out of the workspace's list without any event, as
// happens when an account is deleted for good. Cursors that name them expire.
func (w *Workspace) Remove(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.position[id]
	if !ok {
		return fmt.Errorf("%s: %w", id, ErrUserNotFound)
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
		return nil, fmt.Errorf("%s: %w", id, ErrUserNotFound)
	}
	events, err := op(p, w.rng)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return events, nil
}

// Step does what happens next: mostly somebody sets or clears a status, now and
// then somebody joins, is renamed, leaves, or somebody external changes. Who and
// what is drawn from rng. It returns at least one event.
func (w *Workspace) Step(rng *rand.Rand) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if events := w.expireStatus(); events != nil {
		return events
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
	// Not everybody can do everything: try a few, then let somebody join instead.
	for range 50 {
		p := pick(rng, among)
		if p.culture == nil || p.primaryOwner {
			continue // bots have no private life, and the primary owner is there to be found
		}
		if events, err := op(p, rng); err == nil {
			return events
		}
	}
	return w.join()
}

// expireStatus clears one status whose time is up; nil if there is none.
func (w *Workspace) expireStatus() []Event {
	now := w.options.Clock().Unix()
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
	p.updated = w.options.Clock().Unix()
	w.add(p)
	return []Event{w.event("team_join", p, w.object(p), "joined")}
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

// putStatus tells of it twice, as Slack does: the whole user, and the status alone.
func (w *Workspace) putStatus(p *person, s status) ([]Event, error) {
	if !p.active() || s == p.status {
		return nil, ErrWrongState
	}
	now := w.options.Clock()
	p.status, p.statusExpiration, p.updated = s, 0, now.Unix()
	if s.lasts > 0 {
		p.statusExpiration = now.Add(s.lasts).Truncate(time.Minute).Unix()
	}
	what := "set a status"
	if s == (status{}) {
		what = "cleared the status"
	}
	return []Event{
		w.event("user_change", p, w.object(p), what),
		w.event("user_status_changed", p, reduced(p, map[string]any{
			"status_text": s.text, "status_emoji": s.emoji, "status_expiration": p.statusExpiration,
		}), what),
	}, nil
}

func (w *Workspace) rename(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, ErrWrongState
	}
	family := pick(rng, p.culture.family)
	for family == p.family {
		family = pick(rng, p.culture.family)
	}
	p.family = family
	p.realName = p.culture.fullName(p.given, p.family)
	user := reduced(p, p.nameFields())
	user["real_name"] = p.realName
	return w.profileChanged(p, user, "has a new name"), nil
}

func (w *Workspace) retitle(p *person, rng *rand.Rand) ([]Event, error) {
	if !p.active() || p.culture == nil {
		return nil, ErrWrongState
	}
	title := pick(rng, titles)
	for title == p.title {
		title = pick(rng, titles)
	}
	p.title = title
	return w.profileChanged(p, reduced(p, map[string]any{"title": title}), "has a new title"), nil
}

func (w *Workspace) profileChanged(p *person, user map[string]any, what string) []Event {
	p.updated = w.options.Clock().Unix()
	return []Event{
		w.event("user_change", p, w.object(p), what),
		w.event("user_profile_changed", p, user, what),
	}
}

func (w *Workspace) leave(p *person, _ *rand.Rand) ([]Event, error) {
	if !p.active() || p.primaryOwner || p.kind == slackbot {
		return nil, ErrWrongState
	}
	p.deleted, p.status, p.statusExpiration = true, status{}, 0
	return w.changed(p, "was deactivated"), nil
}

func (w *Workspace) reactivate(p *person, _ *rand.Rand) ([]Event, error) {
	if p.active() || p.forgotten {
		return nil, ErrWrongState
	}
	p.deleted = false
	return w.changed(p, "was reactivated"), nil
}

func (w *Workspace) forget(p *person, _ *rand.Rand) ([]Event, error) {
	if p.active() || p.forgotten {
		return nil, ErrWrongState
	}
	p.forgotten = true
	return w.changed(p, "was forgotten"), nil
}

func (w *Workspace) changed(p *person, what string) []Event {
	p.updated = w.options.Clock().Unix()
	return []Event{w.event("user_change", p, w.object(p), what)}
}

func reduced(p *person, profile map[string]any) map[string]any {
	return map[string]any{"id": p.id, "team_id": p.teamID, "profile": profile}
}

// event makes the envelope. The workspace is ours, also where the user's is another.
func (w *Workspace) event(eventType string, p *person, user map[string]any, what string) Event {
	// No two events share a time, not even when the clock stands still.
	ts := max(w.options.Clock().UnixMicro(), w.lastTS+1)
	w.lastTS = ts
	return Event{
		Type: eventType, UserID: p.id, Summary: p.id + " " + what,
		Envelope: encode(map[string]any{
			"token": "invented-verification-token", "team_id": w.options.TeamID, "api_app_id": appID,
			"type": "event_callback", "event_id": "Ev" + strings.ToUpper(strconv.FormatInt(ts, 36)), "event_time": ts / 1e6,
			"event": map[string]any{
				"type": eventType, "user": user, "cache_ts": ts / 1e6,
				"event_ts": fmt.Sprintf("%d.%06d", ts/1e6, ts%1e6),
			},
			"authorizations": []any{map[string]any{
				"enterprise_id": nil, "team_id": w.options.TeamID, "user_id": w.app.id,
				"is_bot": true, "is_enterprise_install": false,
			}},
			"is_ext_shared_channel": false,
		}),
	}
}
