package fakeslack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Shapes select among the ways in which Slack is known to describe people.
type Shapes struct {
	Strangers Strangers

	// Deactivated people keep their time zone, color and roles.
	EventsKeepDeactivated, ListingsKeepDeactivated bool

	HuddlesKeepUpdated bool // a huddle does not change updated
}

// Strangers select the shapes in which people of other workspaces have is_stranger.
type Strangers int

// The zero value is StrangersInEvents.
const (
	StrangersInEvents Strangers = iota
	StrangersInListings
	StrangersEverywhere
	StrangersNowhere
)

// Person is a user at one moment.
type Person struct {
	person  person
	options *Options
	at      time.Time // for daylight saving time and huddles
	baseURL string    // for avatars
	variant uint64
}

// ID is the user ID.
func (p Person) ID() string { return p.person.id }

// Variant returns the same person with other choices of how to write an empty value, and of keys
// that only some objects have. The workspace itself answers with Variant(0).
func (p Person) Variant(n uint64) Person {
	p.variant = n
	return p
}

// EventObject is the user of a user_change or team_join event.
func (p Person) EventObject() json.RawMessage { return encode(p.object(inEvent, true)) }

// ListObject is the member of a users.list answer; locale is include_locale.
func (p Person) ListObject(locale bool) json.RawMessage { return encode(p.object(inList, locale)) }

// InfoObject is the user of a users.info answer; locale is include_locale.
func (p Person) InfoObject(locale bool) json.RawMessage { return encode(p.object(inInfo, locale)) }

// ProfileObject is the profile of a users.profile.get answer; labels is include_labels.
func (p Person) ProfileObject(labels bool) json.RawMessage {
	return encode(p.profile(inProfile, labels))
}

type shape string

const (
	inEvent   shape = "event"
	inList    shape = "list"
	inInfo    shape = "info"
	inProfile shape = "profile" // users.profile.get
)

// writer writes the keys of one object of one shape.
type writer struct {
	o    map[string]any
	seed uint64
}

func (p Person) writer(s shape) writer {
	return writer{map[string]any{}, hash(p.variant, p.person.id+string(s))}
}

// one returns one of n choices, always the same for a person, shape, variant and key.
func (w writer) one(n uint64, key string) uint64 { return hash(w.seed, key) % n }

// put writes a key that every object of the shape has. An empty value is mostly zero, sometimes
// missing or null.
func (w writer) put(key string, value any) {
	if nothing(value) {
		switch w.one(8, key) {
		case 0, 1:
			return
		case 2:
			value = nil
		}
	}
	w.o[key] = value
}

// some writes a key that only some objects of the shape have.
func (w writer) some(key string, value any) {
	if w.one(3, key) == 0 {
		w.o[key] = value
	}
}

// set writes a key only if it has a value.
func (w writer) set(key string, value any) {
	if !nothing(value) {
		w.o[key] = value
	}
}

func nothing(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case int:
		return v == 0
	case int64:
		return v == 0
	case []any:
		return len(v) == 0
	}
	return value == nil
}

// hash is FNV-1a with a final mix, without which similar keys would have similar values.
func hash(seed uint64, s string) uint64 {
	h := seed ^ 14695981039346656037
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func (p Person) object(s shape, locale bool) map[string]any {
	w, who := p.writer(s), &p.person
	maps.Copy(w.o, map[string]any{
		"id": who.id, "team_id": who.teamID, "name": who.shownUsername(), "deleted": who.deleted, "updated": who.updated,
	})
	w.o["profile"] = p.profile(s, false)
	w.put("is_bot", who.kind == bot)
	w.put("is_app_user", false)
	if who.forgotten {
		w.o["is_forgotten"] = true
		return w.o
	}
	p.putStranger(w, s)
	keeps := p.options.Shapes.ListingsKeepDeactivated
	if s == inEvent {
		keeps = p.options.Shapes.EventsKeepDeactivated
	}
	if !who.deleted || keeps {
		p.putActive(w, s, locale)
	}
	return w.o
}

// putActive writes the keys that deactivated people lose.
func (p Person) putActive(w writer, s shape, locale bool) {
	who := &p.person
	label, offset := zones[who.tz].at(p.at)
	w.put("color", who.color)
	w.put("real_name", who.realName)
	w.put("tz", who.tz)
	w.put("tz_label", label)
	w.put("tz_offset", offset)
	w.put("is_restricted", who.kind == guest || who.kind == singleChannel)
	w.put("is_ultra_restricted", who.kind == singleChannel)
	w.put("is_email_confirmed", who.confirmed)
	if who.kind != external {
		w.put("is_admin", who.admin || who.owner)
		w.put("is_owner", who.owner)
		w.put("is_primary_owner", who.primaryOwner)
		w.put("who_can_share_contact_card", "EVERYONE")
	}
	if locale {
		w.put("locale", who.locale())
	}
	if p.options.Enterprise != "" && who.kind != external && !who.ofOrganisation {
		w.o["enterprise_user"] = p.enterpriseUser(s)
	}
	w.some("is_workflow_bot", false)
	w.some("is_invited_user", false)
	if s != inEvent {
		w.some("has_2fa", false)
		return
	}
	w.some("is_connector_bot", false)
	w.some("has_files", true)
	w.some("presence", []string{"active", "away"}[w.one(2, "present")])
}

func (p Person) putStranger(w writer, s shape) {
	if p.person.kind != external {
		if s != inList { // no sample of users.list has it
			w.some("is_stranger", false)
		}
		return
	}
	by := p.options.Shapes.Strangers
	if by == StrangersEverywhere || by == StrangersInEvents && s == inEvent || by == StrangersInListings && s != inEvent {
		w.o["is_stranger"] = true
	} else {
		w.some("is_stranger", false)
	}
}

// enterpriseUser is the user object of the organisation.
func (p Person) enterpriseUser(s shape) map[string]any {
	w, who := p.writer(s+".enterprise_user"), &p.person
	teams := []any{p.options.TeamID, sisterTeam}
	if w.one(2, "order") == 0 {
		slices.Reverse(teams)
	}
	maps.Copy(w.o, map[string]any{
		"id": who.id, "enterprise_id": p.options.Enterprise, "enterprise_name": p.options.Name, "teams": teams,
	})
	w.put("is_admin", who.owner)
	w.put("is_owner", who.primaryOwner)
	w.put("is_primary_owner", who.primaryOwner)
	return w.o
}

// encode panics if v is not valid JSON, which the maps built here always are.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fakeslack: %v", err))
	}
	return b
}
