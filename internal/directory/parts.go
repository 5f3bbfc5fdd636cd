package directory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Parts is what was said about a person, by whom and when. A document is a pure
// function of its parts, and each part keeps the newest, so that the same messages in
// any order, any number of times, end in the same document.
//
// Slack describes one person in three shapes that differ although nothing changed:
// events, listings and profiles. No shape is complete, so none replaces another.
type Parts struct {
	// Told comes from events (team_join, user_change).
	Told *Said `json:"told,omitempty"`
	// Listed comes from users.list and users.info.
	Listed *Said `json:"listed,omitempty"`
	// Fields are the custom fields.
	Fields *CustomFields `json:"fields,omitempty"`
	// Forgotten is there once Slack has said is_forgotten.
	Forgotten *Forgetting `json:"forgotten,omitempty"`
	// Removed is the version of the newest complete listing that lacked the person. It
	// counts as long as nothing newer was told or listed.
	Removed Version `json:"removed,omitempty"`
	// Lifted and Reset are the operator's, see [Lift] and [Reset].
	Lifted Version `json:"lifted,omitempty"`
	Reset  Version `json:"reset,omitempty"`
}

// Said is one of Slack's user objects.
type Said struct {
	Version Version `json:"version"`
	Updated int64   `json:"updated,omitempty"` // Slack's own time of the object's last change, Unix seconds
	InList  bool    `json:"in_list,omitempty"` // see [Change.InList]
	// Object is canonical JSON, less the custom fields.
	Object json.RawMessage `json:"object"`
}

// CustomFields are Slack's profile.fields. They come from events that have any, and
// from users.profile.get, which can also say that there are none.
type CustomFields struct {
	Version Version         `json:"version"`
	Source  Source          `json:"source"`
	Values  json.RawMessage `json:"values"` // canonical JSON, {} for none
}

// Forgetting says that Slack has erased a person.
type Forgetting struct {
	Version Version `json:"version"`
	Source  Source  `json:"source"`
	// External keeps whether the person was of another workspace, so that a full sync does
	// not mistake their absence from users.list for removal.
	External bool `json:"external,omitempty"`
}

// partsOf returns what one message says, and the object in it, if its operation has one.
func partsOf(c Change) (p Parts, o *object, err error) {
	switch c.Operation {
	case Delete:
		return Parts{Removed: c.Version}, nil, nil
	case Lift:
		return Parts{Lifted: c.Version}, nil, nil
	case Reset:
		return Parts{Reset: c.Version}, nil, nil
	}
	if o, err = parseObject(c.User); err != nil {
		return Parts{}, nil, err
	}
	if o.is("is_forgotten") {
		return Parts{Forgotten: &Forgetting{c.Version, c.Source, !c.InList && isExternal(c.TeamID, o)}}, o, nil
	}
	if c.Source == FromOperator {
		return Parts{}, nil, fmt.Errorf("%w: only Slack describes people", ErrInvalid)
	}
	fields := o.profile.Get("fields")
	o.profile = o.profile.With("fields", "")
	if c.Source == FromProfile && fields.Empty() {
		p.Fields = &CustomFields{c.Version, c.Source, json.RawMessage("{}")}
	} else if !fields.Empty() {
		p.Fields = &CustomFields{c.Version, c.Source, json.RawMessage(fields)}
	}
	said := &Said{Version: c.Version, Updated: o.top.Get("updated").Int()}
	switch c.Source {
	case FromProfile:
		return p, o, nil
	case FromSync:
		o.dropTransient()
		said.InList = c.InList
		p.Listed = said
	default:
		p.Told = said
	}
	said.Object = o.text()
	return p, o, nil
}

// join keeps the newest of each part, and of equal versions the one that sorts last.
// It is commutative, associative and idempotent.
func join(p, q Parts) Parts {
	return Parts{
		Told:      newest(p.Told, q.Told, compareSaid),
		Listed:    newest(p.Listed, q.Listed, compareSaid),
		Fields:    newest(p.Fields, q.Fields, compareFields),
		Forgotten: newest(p.Forgotten, q.Forgotten, compareForgotten),
		Removed:   max(p.Removed, q.Removed),
		Lifted:    max(p.Lifted, q.Lifted),
		Reset:     max(p.Reset, q.Reset),
	}.settled()
}

func newest[T any](p, q *T, compare func(p, q *T) int) *T {
	if p == nil || q != nil && compare(q, p) > 0 {
		return q
	}
	return p
}

func compareSaid(p, q *Said) int {
	return cmp.Or(cmp.Compare(p.Version, q.Version), bytes.Compare(p.Object, q.Object), compareBool(p.InList, q.InList))
}

func compareFields(p, q *CustomFields) int {
	return cmp.Or(cmp.Compare(p.Version, q.Version), bytes.Compare(p.Values, q.Values), cmp.Compare(p.Source, q.Source))
}

func compareForgotten(p, q *Forgetting) int {
	return cmp.Or(cmp.Compare(p.Version, q.Version), cmp.Compare(p.Source, q.Source), compareBool(p.External, q.External))
}

func compareBool(p, q bool) int {
	switch {
	case p == q:
		return 0
	case q:
		return -1
	}
	return 1
}

// settled drops the parts that a forgetting, a lift or a reset has ended.
//
// What Slack says while a person is forgotten is gone for good. A later lift
// cannot bring it back; the next full sync does. This is the one case in which
// the order of messages matters, and only between a lift and what Slack said
// after it.
func (p Parts) settled() Parts {
	floor := p.Reset
	if p.Forgotten != nil && p.Lifted > p.Forgotten.Version {
		floor = max(floor, p.Lifted)
	}
	if p.Told != nil && (p.isForgotten() || p.Told.Version <= floor) {
		p.Told = nil
	}
	if p.Listed != nil && (p.isForgotten() || p.Listed.Version <= floor) {
		p.Listed = nil
	}
	if p.Fields != nil && (p.isForgotten() || p.Fields.Version <= floor) {
		p.Fields = nil
	}
	if p.Removed <= floor {
		p.Removed = 0
	}
	return p
}

// before drops what was said at a time after limit.
func (p Parts) before(limit Version) Parts {
	if p.Told != nil && p.Told.Version > limit {
		p.Told = nil
	}
	if p.Listed != nil && p.Listed.Version > limit {
		p.Listed = nil
	}
	if p.Fields != nil && p.Fields.Version > limit {
		p.Fields = nil
	}
	if p.Forgotten != nil && p.Forgotten.Version > limit {
		p.Forgotten = &Forgetting{limit, p.Forgotten.Source, p.Forgotten.External} // an erasure is not undone by a wrong clock
	}
	for _, v := range []*Version{&p.Removed, &p.Lifted, &p.Reset} {
		if *v > limit {
			*v = 0
		}
	}
	return p
}

func (p Parts) isForgotten() bool { return p.Forgotten != nil && p.Forgotten.Version >= p.Lifted }

// said returns the newest version of what was told and listed, 0 for nothing.
func (p Parts) said() (v Version) {
	if p.Told != nil {
		v = p.Told.Version
	}
	if p.Listed != nil {
		v = max(v, p.Listed.Version)
	}
	return v
}

// inList says that users.list has the person. A newer listing without the person ends
// that: whoever comes back as a member of another workspace stays out of the sums of
// users.list.
func (p Parts) inList() bool {
	return p.Listed != nil && p.Listed.InList && p.Removed <= p.Listed.Version
}

// isRemoved says that there is nobody: removed from Slack, nothing left, or nothing said yet.
func (p Parts) isRemoved() bool {
	if p.isForgotten() {
		return p.Removed > p.Forgotten.Version
	}
	return p.Removed > p.said() || p.said() == 0
}

// newest returns the version and the source of the newest part that counts. Custom fields
// do not: those of an event are as new as the event, and full syncs ask for profiles in
// turn, most of which have not changed.
func (p Parts) newest() (v Version, s Source) {
	take := func(version Version, source Source) {
		if version > v {
			v, s = version, source
		}
	}
	if p.Told != nil {
		take(p.Told.Version, FromEvent)
	}
	if p.Listed != nil {
		take(p.Listed.Version, FromSync)
	}
	if p.isForgotten() {
		take(p.Forgotten.Version, p.Forgotten.Source)
	}
	if p.isRemoved() {
		take(p.Removed, FromSync)
		take(max(p.Lifted, p.Reset), FromOperator)
	}
	if v == 0 && p.Fields != nil { // all else was dropped, see [Parts.before]
		take(p.Fields.Version, p.Fields.Source)
	}
	return v, s
}

// MaxListingLag is how long after an event a listing can still be from before it.
// Listings may be stale: 39 minutes have been seen.
const MaxListingLag = 2 * time.Hour

// ListedIsNewer reports whether readers see the core of the listed object instead
// of the told one. The higher version wins, and at a tie the event. But a listing
// whose updated is before the event's (both above 0) is stale. After two hours the
// listing wins all the same, so that a disagreement between Slack's clocks cannot
// block a repair for good.
func ListedIsNewer(told, listed Said) bool {
	if listed.Version <= told.Version {
		return false
	}
	stale := listed.Updated > 0 && listed.Updated < told.Updated
	return !stale || listed.Version.Time().Sub(told.Version.Time()) > MaxListingLag
}
