package ui

import (
	"context"
	"fmt"

	"rollcall/internal/directory"
)

// maxReports is how many people who report to somebody a page shows.
const maxReports = 8

// reports are the active people who report to somebody.
type reports struct {
	filter directory.Filter
	users  []directory.User
	total  int  // of all
	exact  bool // otherwise total is an upper bound
}

// reports reads who reports to u, if a custom field says so.
func (h *handler) reports(ctx context.Context, u directory.User, p profile) (r reports, err error) {
	manager, ok := p.Manager()
	if !ok || u.Kind == directory.Forgotten {
		return r, nil
	}
	r.filter = directory.Filter{AccountStatus: directory.Active, Fields: []directory.FieldFilter{{ID: manager.ID, Value: u.ID}}}
	page, err := h.Store.Users(ctx, u.TeamID, directory.PageRequest{Filter: r.filter, Order: directory.ByName, Limit: maxReports})
	if err != nil {
		return r, fmt.Errorf("reports: %w", err)
	}
	r.users, r.total, r.exact = page.Users, len(page.Users), true
	if page.Next != nil {
		if r.total, r.exact, err = h.Store.Count(ctx, u.TeamID, r.filter); err != nil {
			return r, fmt.Errorf("reports: %w", err)
		}
	}
	return r, nil
}

// reportsView shows them, with a link to the rest.
type reportsView struct {
	People []personCard
	All    string // the address of all of them, "" if they are all here
	Total  string
}

func (h *handler) reportsView(teamID string, r reports) (v reportsView) {
	for _, u := range r.users {
		v.People = append(v.People, h.personCard(u))
	}
	if r.total > len(r.users) {
		v.All, v.Total = listRequest{teamID: teamID, req: directory.PageRequest{Filter: r.filter, Order: directory.ByName}}.address("/"), "All of them"
		if r.exact {
			v.Total = "All " + number(r.total)
		}
	}
	return v
}
