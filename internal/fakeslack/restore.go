package fakeslack

import (
	"encoding/json"
	"slices"
)

// said is the part of one of Slack's objects that the workspace's own changes can alter.
type said struct {
	ID                string `json:"id"`
	Name              string `json:"name"`
	Deleted           bool   `json:"deleted"`
	IsForgotten       bool   `json:"is_forgotten"`
	IsBot             bool   `json:"is_bot"`
	IsAdmin           bool   `json:"is_admin"`
	IsOwner           bool   `json:"is_owner"`
	IsRestricted      bool   `json:"is_restricted"`
	IsUltraRestricted bool   `json:"is_ultra_restricted"`
	TZ                string `json:"tz"`
	Updated           int64  `json:"updated"`
	Profile           struct {
		RealName         string          `json:"real_name"`
		Title            string          `json:"title"`
		StatusText       string          `json:"status_text"`
		StatusEmoji      string          `json:"status_emoji"`
		StatusExpiration int64           `json:"status_expiration"`
		Fields           json.RawMessage `json:"fields"`
	} `json:"profile"`
}

// known returns Options.Known by ID. It skips anything that is not one of Slack's objects.
func (o *Options) known() map[string]said {
	all := map[string]said{}
	for _, object := range o.Known {
		var s said
		if err := json.Unmarshal(object, &s); err == nil && s.ID != "" {
			all[s.ID] = s
		}
	}
	return all
}

// addKnown adds those of this seed who are known. Somebody in between may be missing, such as a joiner whose event
// was still on its way when the previous process ended.
func (w *Workspace) addKnown(known map[string]said) {
	indexes := uint64(0)
	for i := range uint64(2 * len(known)) {
		if _, ok := known[newPerson(w.options.Seed, i, member).id]; ok {
			indexes = i + 1
		}
	}
	for w.drawn < indexes {
		p := w.founder()
		s, ok := known[p.id]
		if !ok {
			w.drawn++
			continue
		}
		if p.kind == bot && !s.IsBot {
			p = newPerson(w.options.Seed, w.drawn, member) // a founder with this index would be a bot, but somebody joined
		}
		w.add(p)
		w.restore(p, s)
	}
}

// restore makes p what s says. A status that has since expired is cleared. It needs mu.
func (w *Workspace) restore(p *person, s said) {
	p.deleted, p.forgotten = s.Deleted || s.IsForgotten, s.IsForgotten
	if s.Updated > 0 {
		p.updated = s.Updated
	}
	if p.forgotten {
		p.status, p.statusExpiration = status{}, 0
		return
	}
	p.title = s.Profile.Title
	if s.Name != "" {
		p.username = s.Name
	}
	p.restoreStatus(s)
	if expired := p.statusExpiration; expired != 0 && expired <= w.now().Unix() {
		p.status, p.statusExpiration, p.updated = status{}, 0, expired
	}
	if p.culture == nil {
		return
	}
	p.restoreName(s.Profile.RealName)
	var fields map[string]struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(s.Profile.Fields, &fields); err == nil && len(fields) > 0 {
		p.fields = map[string]string{}
		for id, field := range fields {
			p.fields[id] = field.Value
		}
	}
	if p.deleted || p.kind == external {
		return // objects of deactivated people have no more
	}
	p.tz, p.admin, p.owner = s.TZ, s.IsAdmin, s.IsOwner
	switch {
	case s.IsUltraRestricted:
		p.kind = singleChannel
	case s.IsRestricted:
		p.kind = guest
	default:
		p.kind = member
	}
}

func (p *person) restoreStatus(s said) {
	p.status, p.statusExpiration = status{emoji: s.Profile.StatusEmoji, text: s.Profile.StatusText}, s.Profile.StatusExpiration
	for _, one := range statuses {
		if one.emoji == p.status.emoji && one.text == p.status.text {
			p.status = one
		}
	}
}

func (p *person) restoreName(realName string) {
	if realName == "" || realName == p.realName {
		return
	}
	p.realName = realName
	if i := slices.IndexFunc(p.culture.family, func(family name) bool { return p.culture.fullName(p.given, family) == realName }); i >= 0 {
		p.family = p.culture.family[i]
	}
}
