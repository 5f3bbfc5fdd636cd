package fakeslack

import "net/http"

// IDs of the workspace's custom fields.
const (
	fieldDepartment = "Xf0DEPARTMNT"
	fieldStart      = "Xf0STARTDATE"
	fieldManager    = "Xf0REPORTSTO"
	fieldWebsite    = "Xf0WEBSITEXX"
	fieldOffice     = "Xf0OFFICEXXX"
	fieldBadge      = "Xf0BADGENUMB"
)

type profileField struct {
	id, label, hint, kind string
	values                []string // of an options_list
	hidden                bool
}

// profileFields are in the order that the workspace's owners chose.
var profileFields = []profileField{
	{id: fieldDepartment, label: "Department", kind: "options_list", values: departments},
	{id: fieldManager, label: "Manager", hint: "Whom you report to", kind: "user"},
	{id: fieldStart, label: "Start date", kind: "date"},
	{id: fieldWebsite, label: "Website", hint: "Where to read more about you", kind: "link"},
	{id: fieldOffice, label: "Office", kind: "options_list", values: offices},
	{id: fieldBadge, label: "Badge number", kind: "text", hidden: true},
}

// teamProfile answers team.profile.get.
func (w *Workspace) teamProfile(r *http.Request) (map[string]any, error) {
	visibility := r.FormValue("visibility")
	fields := []any{}
	for i, f := range profileFields {
		if visibility == "visible" && f.hidden || visibility == "hidden" && !f.hidden {
			continue
		}
		var values any
		if f.values != nil {
			values = f.values
		}
		fields = append(fields, map[string]any{
			"id": f.id, "ordering": i, "label": f.label, "hint": f.hint, "type": f.kind, "possible_values": values,
			"options":   map[string]any{"is_scim": f.id == fieldManager, "is_protected": f.id == fieldManager},
			"is_hidden": f.hidden, "section_id": "Ps0ABOUTME00",
		})
	}
	return map[string]any{"profile": map[string]any{
		"fields": fields,
		"sections": []any{map[string]any{
			"id": "Ps0ABOUTME00", "team_id": w.options.TeamID, "section_type": "custom", "label": "About me", "order": 1, "is_hidden": false,
		}},
	}}, nil
}

// usersProfile answers users.profile.get. Without a user it answers for the token's own.
func (w *Workspace) usersProfile(r *http.Request) (map[string]any, error) {
	id := r.FormValue("user")
	if id == "" {
		id = w.app.id
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.profileCalls++
	if every := w.faults.ProfileRateLimitEvery; every > 0 && w.profileCalls%every == 0 {
		return nil, httpError{http.StatusTooManyRequests, w.faults.RetryAfter}
	}
	p := w.find(id)
	if err := w.faults.InfoError[id]; err != "" {
		return nil, slackError(err)
	}
	if p == nil {
		return nil, slackError("user_not_found")
	}
	return map[string]any{"profile": w.person(p).ProfileObject(isTrue(r.FormValue("include_labels")))}, nil
}

func isTrue(s string) bool { return s == "true" || s == "1" }
