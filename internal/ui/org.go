package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const (
	// maxNested is how many people a page shows at once. In a larger tree, opening somebody's
	// reports loads them.
	maxNested = 300
	// maxTeam is how many reports of one person are shown.
	maxTeam = 100
	// maxConcurrentCounts bounds the queries of one page at a time.
	maxConcurrentCounts = 8
)

type orgView struct {
	chrome
	Manager string // the label of the field that the tree is made of, "" if there is none
	NoScope bool   // Rollcall is not allowed to read custom fields
	Partial bool   // there may be more at the top
	Start   string // the address of the page that begins at the top, "" if this is it
	Above   []orgPerson
	Top     []orgNode
}

// orgPerson is somebody in the tree.
type orgPerson struct {
	personCard
	Page  string // the address of the tree that begins there
	Badge string // "" for none
}

// orgNode is somebody with their reports.
type orgNode struct {
	orgPerson
	Team    string // how many people are below, "" for none
	Open    bool
	Reports []orgNode
	Load    string // the address of the reports, "" if they are on the page
	More    string // the address of all reports, "" if these are all
}

// orgRequest is what an address of the tree asks for.
type orgRequest struct {
	teamID, of string // of is the person from whom the tree starts, "" for the top
	manager    directory.Field
	tree       *tree // nil without a field for managers
}

func (o orgRequest) address(path, of string) string {
	v := url.Values{"team": {o.teamID}}
	if of != "" {
		v.Set("of", of)
	}
	return addressOf(path, v)
}

// treeAddress leads to the tree around somebody.
func treeAddress(u directory.User) string { return orgRequest{teamID: u.TeamID}.address("/org", u.ID) }

// isNested reports whether everybody in the tree is on one page.
func (o orgRequest) isNested() bool { return o.tree.whole && len(o.tree.users) <= maxNested }

// requestedOrg reads what an address asks for. It fails with [directory.ErrNotFound], and audits that,
// if the viewer sees no such workspace.
func (h *handler) requestedOrg(r *http.Request) (o orgRequest, workspaces []directory.Workspace, current directory.Workspace, err error) {
	defer func() { h.missing(r, "org", o.teamID, o.of, err) }()
	values, err := query(r)
	if err != nil {
		return o, nil, current, err
	}
	o.teamID, o.of = values.Get("team"), values.Get("of")
	if o.of != "" && directory.ValidateID("of", o.of) != nil {
		return o, nil, current, directory.ErrNotFound
	}
	if workspaces, current, err = h.current(r.Context(), o.teamID); err != nil {
		return o, nil, current, err
	}
	if o.teamID = current.ID; o.teamID == "" {
		return o, nil, current, directory.ErrNotFound
	}
	if manager, ok := h.profile(r.Context(), o.teamID).Manager(); ok {
		o.manager = manager
		o.tree, err = h.tree(r.Context(), o.teamID, manager.ID)
	}
	return o, workspaces, current, err
}

// org is the tree of managers from its top, or from somebody down.
func (h *handler) org(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	o, workspaces, current, err := h.requestedOrg(r)
	if err != nil {
		return nil, err
	}
	v := orgView{chrome: h.chrome(r, workspaces, current), Manager: o.manager.Label}
	v.Title, v.Styles, v.HTMX = "Who reports to whom", []string{"org.css"}, true
	if o.tree == nil {
		v.NoScope = h.profile(ctx, o.teamID).noScope
		return layout(v.chrome, orgPage(v)), nil
	}
	top := o.tree.top()
	v.Partial = !o.tree.whole
	if o.of != "" {
		chain, err := h.requestedChain(r, o)
		if err != nil {
			return nil, err
		}
		v.Start, v.Partial = o.address("/org", ""), false
		v.Above, top = h.orgPeople(o, chain[:len(chain)-1]), chain[len(chain)-1:]
	}
	if v.Top, err = h.orgNodes(ctx, o, top, true); err != nil {
		return nil, err
	}
	h.showOrg(r, o, v.Above, v.Top)
	return layout(v.chrome, orgPage(v)), nil
}

// requestedChain returns the managers above the person whom an address names, and then that person. It fails with
// [directory.ErrNotFound], and audits that, if there is no such person.
func (h *handler) requestedChain(r *http.Request, o orgRequest) ([]directory.User, error) {
	chain, err := h.chain(r.Context(), o)
	if err == nil && len(chain) == 0 {
		err = directory.ErrNotFound
		h.missing(r, "org", o.teamID, o.of, err)
	}
	return chain, err
}

// orgReports are somebody's reports, loaded once a viewer opens them.
func (h *handler) orgReports(r *http.Request) (templ.Component, error) {
	o, _, _, err := h.requestedOrg(r)
	if err == nil && (o.of == "" || o.tree == nil) {
		err = directory.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	users, more, err := h.team(r.Context(), o, o.of)
	if err == nil && len(users) == 0 { // they may have left their manager since the page was read
		_, err = h.requestedChain(r, o)
	}
	if err != nil {
		return nil, err
	}
	nodes, err := h.orgNodes(r.Context(), o, users, false)
	if err != nil {
		return nil, err
	}
	h.showOrg(r, o, nil, nodes)
	return orgList(nodes, more), nil
}

// showOrg audits who is on the page.
func (h *handler) showOrg(r *http.Request, o orgRequest, above []orgPerson, nodes []orgNode) {
	e := shown(r, "org", o.teamID)
	if o.of != "" {
		e.Filters = map[string]string{"of": o.of}
	}
	for _, p := range above {
		e.UserIDs = append(e.UserIDs, p.ID)
	}
	e.UserIDs = appendIDs(e.UserIDs, nodes)
	e.Count = len(e.UserIDs)
	h.Audit.Shown(r.Context(), e)
}

func appendIDs(all []string, nodes []orgNode) []string {
	for _, n := range nodes {
		all = appendIDs(append(all, n.ID), n.Reports)
	}
	return all
}

func (h *handler) orgPeople(o orgRequest, users []directory.User) (all []orgPerson) {
	for _, u := range users {
		p := orgPerson{h.personCard(u), o.address("/org", u.ID), goneBadge(u)}
		if u.Removed {
			p.URL = "" // there may be no page
		}
		all = append(all, p)
	}
	return all
}

// orgNodes shows people with their reports. The page includes the reports only with open, or if it has room for everybody.
func (h *handler) orgNodes(ctx context.Context, o orgRequest, users []directory.User, open bool) ([]orgNode, error) {
	nodes := make([]orgNode, len(users))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(maxConcurrentCounts)
	for i, p := range h.orgPeople(o, users) {
		reading.Go(func() (err error) {
			nodes[i], err = h.orgNode(ctx, o, p, open)
			return err
		})
	}
	return nodes, reading.Wait()
}

func (h *handler) orgNode(ctx context.Context, o orgRequest, p orgPerson, open bool) (orgNode, error) {
	n := orgNode{orgPerson: p, Open: open}
	below, err := h.below(ctx, o, p.ID)
	if err != nil || below == 0 {
		return n, err
	}
	n.Team = plural(below, "person")
	if !open && !o.isNested() {
		n.Load = o.address("/org/reports", p.ID)
		return n, nil
	}
	users, more, err := h.team(ctx, o, p.ID)
	if err != nil {
		return n, err
	}
	n.More = more
	n.Reports, err = h.orgNodes(ctx, o, users, false)
	return n, err
}

// below counts the people below somebody or, if the tree is too large to know, only their reports.
func (h *handler) below(ctx context.Context, o orgRequest, id string) (int, error) {
	if o.tree.whole {
		return o.tree.chart.Below(id), nil
	}
	n, _, err := h.Store.Count(ctx, o.teamID, reportsTo(o.manager.ID, id))
	if err != nil {
		return 0, fmt.Errorf("count reports: %w", err)
	}
	return n, nil
}

// team returns somebody's reports and, if there are more, the address of all.
func (h *handler) team(ctx context.Context, o orgRequest, id string) (users []directory.User, more string, err error) {
	req := directory.PageRequest{Filter: reportsTo(o.manager.ID, id), Order: directory.ByName, Limit: maxTeam}
	if o.tree.whole {
		users = o.tree.find(o.tree.chart.Reports(id))
		if len(users) <= maxTeam {
			return users, "", nil
		}
		users = users[:maxTeam]
	} else {
		page, err := h.Store.Users(ctx, o.teamID, req)
		if err != nil {
			return nil, "", fmt.Errorf("reports: %w", err)
		}
		if users = page.Users; page.Next == nil {
			return withoutID(users, id), "", nil
		}
	}
	req.Limit = 0
	return withoutID(users, id), listRequest{teamID: o.teamID, req: req}.address("/"), nil
}

// withoutID leaves out somebody who reports to themselves.
func withoutID(users []directory.User, id string) []directory.User {
	return slices.DeleteFunc(users, func(u directory.User) bool { return u.ID == id })
}

// goneBadge says how somebody has gone, "" if they have not.
func goneBadge(u directory.User) string {
	switch {
	case u.Kind == directory.Forgotten:
		return "forgotten"
	case u.Deleted:
		return "deactivated"
	}
	return ""
}
