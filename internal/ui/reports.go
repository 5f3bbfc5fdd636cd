package ui

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// maxReports is how many people who report to somebody a page shows.
	maxReports = 8
	// maxFound is how many people a search may find for the list to show whose custom fields name them.
	maxFound = 3
	// maxReferenceFields is how many custom fields that takes into account.
	maxReferenceFields = 3
)

// reports are the active people whose custom field names somebody, such as their manager.
type reports struct {
	filter directory.Filter
	users  []directory.User
	total  int  // of all
	exact  bool // otherwise total is an upper bound
}

// reports reads who reports to u, if a custom field says so.
func (h *handler) reports(ctx context.Context, u directory.User, p profile) (reports, error) {
	manager, ok := p.Manager()
	if !ok {
		return reports{}, nil
	}
	return h.referencesTo(ctx, u, manager)
}

// referencesTo returns the active people whose field names u, none if u is forgotten.
func (h *handler) referencesTo(ctx context.Context, u directory.User, field directory.Field) (r reports, err error) {
	if u.Kind == directory.Forgotten {
		return r, nil
	}
	r.filter = directory.Filter{AccountStatus: directory.Active, Fields: []directory.FieldFilter{{ID: field.ID, Value: u.ID}}}
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
	Tree   string // the address of the tree around somebody, "" for none
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

// reference is a custom field that names somebody whom a search has found, with the people who have it:
// "Manager: Ada Lovelace".
type reference struct {
	Field, Name, UserID string
	reportsView
}

// foundReferences returns them for a search that has found at most maxFound people. A broader search is not about one
// person. shown are the ids of the people who are not in the list itself.
func (h *handler) foundReferences(ctx context.Context, l listRequest, page directory.Page, p profile) (all []reference, shown []string, err error) {
	if len(l.req.Filter.Words) == 0 || page.Prev != nil || page.Next != nil || len(page.Users) > maxFound {
		return nil, nil, nil
	}
	var fields []directory.Field
	for _, f := range p.Visible() {
		if f.Type == directory.UserField && len(fields) < maxReferenceFields {
			fields = append(fields, f)
		}
	}
	found := make([]reports, len(page.Users)*len(fields))
	g, reading := errgroup.WithContext(ctx)
	for i := range found {
		g.Go(func() (err error) {
			found[i], err = h.referencesTo(reading, page.Users[i/len(fields)], fields[i%len(fields)])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	listed := ids(page.Users)
	for i, r := range found {
		others := slices.DeleteFunc(ids(r.users), func(id string) bool { return slices.Contains(listed, id) })
		if len(others) == 0 {
			continue
		}
		u := page.Users[i/len(fields)]
		all = append(all, reference{fields[i%len(fields)].Label, nameOf(u), u.ID, h.reportsView(l.teamID, r)})
		shown = append(shown, others...)
	}
	slices.Sort(shown)
	return all, slices.Compact(shown), nil
}
