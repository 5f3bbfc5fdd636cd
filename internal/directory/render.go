package directory

import (
	"time"

	"rollcall/internal/ijson"
)

// tombstoneTTL is how long a removed user is kept. It exceeds the 31 days for
// which a dead letter is kept and may be sent again.
const tombstoneTTL = 45 * 24 * time.Hour

// render builds the document from the parts, and returns the object in it too. It is a pure function.
func render(teamID, id string, p Parts) (User, *object, error) {
	u := User{ID: id, TeamID: teamID, SlackVersion: p.said(), Parts: p}
	u.Version, u.Source = p.newest()
	o, external := (*object)(nil), false
	switch {
	case p.isForgotten():
		o = &object{top: ijson.Object{{Name: "id", Value: ijson.Quote(id)}, {Name: "is_forgotten", Value: "true"}}}
		external = p.Forgotten.External
		u.Kind = Forgotten
	case p.said() > 0:
		var err error
		if o, err = p.object(); err != nil {
			return User{}, nil, err
		}
		external = !p.inList() && isExternal(teamID, o)
		u.Kind = kind(external, o)
	}
	if o != nil {
		u.describe(o)
	}
	if p.isRemoved() {
		u.Removed = true
		u.ExpireAt = max(p.Removed, p.Lifted, p.Reset).Time().Add(tombstoneTTL)
		return u, o, nil
	}
	u.SortName = sortName(u)
	u.Fingerprint = fingerprint(id, external, o)
	u.ProfileOrder = profileOrder(u)
	return u, o, nil
}

// NeverAsked is the [User.ProfileOrder] of people whose custom fields nobody knows yet.
const NeverAsked = 1

// profileOrder is low for people whose profile Slack should be asked for soon: first those
// whose custom fields are unknown, then those whom Slack has changed since (by updated, in
// seconds), then those whose fields are the oldest (in microseconds, which are always more).
// It is 0 for people who have no custom fields of this workspace, or need none: bots, people
// of other workspaces, deactivated and forgotten ones.
func profileOrder(u User) int64 {
	known := u.Parts.Fields
	switch {
	case u.Deleted, u.Kind == Bot, u.Kind == External, u.Kind == Forgotten:
		return 0
	case known == nil:
		return NeverAsked
	// An event's updated covers the fields that came with it. A profile was read at some moment
	// within its second, and a later change may have the same updated.
	case u.Updated > known.Version.Time().Unix(), u.Updated == known.Version.Time().Unix() && known.Source == FromProfile:
		return u.Updated
	}
	return int64(known.Version)
}

// object joins what was told and listed, and the custom fields, into the object that readers see.
func (p Parts) object() (*object, error) {
	newer, older, err := p.inOrder()
	if err != nil {
		return nil, err
	}
	o := newer
	if older != nil && !newer.is("deleted") { // deactivated people keep few keys
		o = joined(newer, older)
	}
	// Nobody rewrites a document when a huddle ends without an event.
	if ends := o.profile.Get("huddle_state_expiration_ts").Int(); ends > 0 && !time.Unix(ends, 0).After(p.said().Time()) {
		o.dropTransient()
	}
	if p.Fields != nil {
		o.profile = o.profile.With("fields", ijson.Value(p.Fields.Values))
	}
	return o, nil
}

// inOrder returns the two objects. If there is only one, older is nil.
func (p Parts) inOrder() (newer, older *object, err error) {
	parse := func(s *Said) *object {
		if s == nil || err != nil {
			return nil
		}
		var o *object
		o, err = parseStored(s.Object)
		return o
	}
	told, listed := parse(p.Told), parse(p.Listed)
	switch {
	case told == nil:
		return listed, nil, err
	case listed == nil, !ListedIsNewer(*p.Told, *p.Listed):
		return told, listed, err
	}
	return listed, told, err
}

// describe fills the fields that are taken from Slack's object, and keeps the object.
func (u *User) describe(o *object) {
	top, profile := o.top, o.profile
	u.Slack = o.text()
	u.Name = top.Get("name").String()
	u.RealName = first(profile.Get("real_name").String(), top.Get("real_name").String())
	u.DisplayName = profile.Get("display_name").String()
	u.Title = profile.Get("title").String()
	u.Email = profile.Get("email").String()
	u.Phone = profile.Get("phone").String()
	u.Deleted = o.is("deleted") || u.Kind == Forgotten
	u.TZ = top.Get("tz").String()
	u.StatusText = profile.Get("status_text").String()
	u.StatusEmoji = profile.Get("status_emoji").String()
	u.StatusExpiration = profile.Get("status_expiration").Int()
	u.Image72 = profile.Get("image_72").String()
	u.Image192 = profile.Get("image_192").String()
	u.Updated = top.Get("updated").Int()
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// kind follows Slack's page "User object". The order matters: an owner is also
// an admin, a single-channel guest also a guest.
func kind(external bool, o *object) Kind {
	switch {
	case external:
		return External
	case o.is("is_bot"), o.top.Get("id").String() == "USLACKBOT": // Slack says is_bot: false for Slackbot
		return Bot
	case o.is("is_primary_owner"), o.is("is_owner"):
		return Owner
	case o.is("is_admin"):
		return Admin
	case o.is("is_ultra_restricted"):
		return SingleChannelGuest
	case o.is("is_restricted"):
		return Guest
	}
	return Member
}

// isExternal recognises people of other workspaces by core fields only. is_stranger and
// enterprise_user.teams are in one of the shapes and not in the other. In an Enterprise
// organisation team_id may name a sister workspace or the organisation itself, so whoever
// is in users.list is not external, whatever this says.
func isExternal(teamID string, o *object) bool {
	home := o.top.Get("team_id").String()
	return home != "" && home != teamID && o.enterpriseUser.Get("enterprise_id").String() != teamID
}
