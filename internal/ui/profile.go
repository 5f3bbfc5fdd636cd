package ui

import (
	"context"

	"rollcall/internal/directory"
)

// profile is what is known of a workspace's custom fields.
type profile struct {
	directory.Fields
	noScope bool // Rollcall is not allowed to read them
}

// profile returns the definitions of custom fields, none if they are unknown.
func (h *handler) profile(ctx context.Context, teamID string) profile {
	p, err := h.caches.profiles.get(teamID, func() (p profile, err error) {
		defined, err := h.Store.TeamProfile(ctx, teamID)
		if err != nil {
			return p, err
		}
		latest, err := h.Store.Syncs(ctx, teamID, maxSyncs)
		if err != nil {
			return p, err
		}
		if last := lastDone(latest); last != nil { // one that runs does not know yet
			p.noScope = last.Profiles.NoScope
		}
		if len(defined) > 0 {
			p.Fields, err = directory.ParseFields(defined)
		}
		return p, err
	})
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "definitions of custom fields not read", "team_id", teamID, "error", err)
	}
	return p
}

// labels returns the labels of custom fields by id, none if they are unknown.
func (p profile) labels() map[string]string {
	all := map[string]string{}
	for _, f := range p.Fields {
		all[f.ID] = f.Label
	}
	return all
}

// typeOf returns "" for a field that nobody has defined.
func (p profile) typeOf(id string) directory.FieldType {
	f, _ := p.Find(id)
	return f.Type
}
