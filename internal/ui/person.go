package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// personRequest is what the address of a person asks for.
type personRequest struct {
	teamID, id string
	list       *listRequest // the list that led here, nil for none
}

// requestedPerson returns the person that an address asks for, and the workspaces. It fails with
// [directory.ErrNotFound], and audits that, if the viewer sees no such workspace.
func (h *handler) requestedPerson(r *http.Request, view string) (p personRequest, workspaces []directory.Workspace, current directory.Workspace, err error) {
	p = personRequest{teamID: r.PathValue("team"), id: strings.TrimSuffix(r.PathValue("id"), jsonSuffix)}
	defer func() { h.missing(r, view, p.teamID, p.id, err) }()
	if errors.Join(directory.ValidateID("team", p.teamID), directory.ValidateID("id", p.id)) != nil {
		return p, nil, current, directory.ErrNotFound
	}
	values, err := query(r)
	if err != nil {
		return p, nil, current, err
	}
	if p.list, err = listOfWay(p.teamID, values); err != nil {
		return p, nil, current, err
	}
	workspaces, current, err = h.current(r.Context(), p.teamID)
	return p, workspaces, current, err
}

// user reads the person that was asked for. If there is none, it audits that.
func (h *handler) user(r *http.Request, view string, p personRequest) (directory.User, error) {
	u, _, err := h.Store.User(r.Context(), p.teamID, p.id)
	if err != nil {
		err = fmt.Errorf("user: %w", err)
		h.missing(r, view, p.teamID, p.id, err)
	}
	return u, err
}

// personOrFile serves a person as a page, or as JSON if the address ends in .json.
func (h *handler) personOrFile() http.Handler {
	page, file := h.page(h.person), compressed(http.HandlerFunc(h.personFile))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.PathValue("id"), jsonSuffix) {
			file.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}

func (h *handler) person(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	p, workspaces, current, err := h.requestedPerson(r, "person")
	if err != nil {
		return nil, err
	}
	since := h.people.Position(p.teamID) // before the person is read, so that no change is missed
	u, err := h.user(r, "person", p)
	if err != nil {
		return nil, err
	}
	profile := h.profile(ctx, p.teamID)
	a, err := h.around(ctx, p, u, profile)
	if err != nil {
		return nil, err
	}
	e := shown(r, "person", p.teamID)
	e.UserIDs = []string{u.ID}
	for _, id := range a.ids() {
		e.UserIDs = audit.Add(e.UserIDs, id)
	}
	e.Count = len(e.UserIDs)
	h.Audit.Shown(ctx, e)

	v := h.personView(ctx, p, current, u, profile, a)
	v.chrome = h.chrome(r, workspaces, current)
	v.chrome.Title, v.Styles, v.Modules = v.Heading, []string{"person.css"}, []string{"person.js"}
	v.Live = addressOf(userAddress(p.teamID, u.ID)+"/events", url.Values{"since": {since}, withParameter: a.ids()})
	return layout(v.chrome, person(v)), nil
}

// around is what a person's page shows besides the person.
type around struct {
	history       []told
	before, after *directory.User           // in the list that led here
	named         map[string]directory.User // in custom fields, today's and earlier ones
	reports       reports
}

// around reads all of it at once.
func (h *handler) around(ctx context.Context, p personRequest, u directory.User, profile profile) (a around, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		page, err := h.Store.Records(ctx, p.teamID, historyOf(p).req)
		if err != nil {
			return fmt.Errorf("records: %w", err)
		}
		labels := profile.labels()
		a.history = make([]told, 0, len(page.Records))
		for _, record := range page.Records {
			a.history = append(a.history, tell(record, labels))
		}
		a.named, err = h.named(ctx, u, profile, a.history)
		return err
	})
	if p.list != nil {
		g.Go(func() (err error) { a.before, a.after, err = h.neighbours(ctx, *p.list, u); return err })
	}
	g.Go(func() (err error) { a.reports, err = h.reports(ctx, u, profile); return err })
	return a, g.Wait()
}

// historyOf is the list of the person's changes.
func historyOf(p personRequest) changeList {
	return changeList{teamID: p.teamID, req: directory.RecordPageRequest{Filter: directory.RecordFilter{UserID: p.id}, Limit: maxTimeline}}
}

// ids returns the ids of everybody who is shown by name, sorted.
func (a around) ids() (ids []string) {
	for _, u := range []*directory.User{a.before, a.after} {
		if u != nil {
			ids = append(ids, u.ID)
		}
	}
	for _, u := range a.reports.users {
		ids = append(ids, u.ID)
	}
	for id := range a.named {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// withParameter names the other people on a person's page, whose changes concern it as well.
const withParameter = "with"

// personEvents tells a person's page when to refresh itself.
func (h *handler) personEvents(w http.ResponseWriter, r *http.Request) {
	p, _, _, err := h.requestedPerson(r, "person_live")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	e := shown(r, "person_live", p.teamID)
	e.UserIDs = []string{p.id} // whether or not anything changes
	with := r.URL.Query()[withParameter]
	concern := func(u directory.User) bool { return u.ID == p.id || slices.Contains(with, u.ID) }
	stream(h, w, r, h.people.Follow, p.teamID, e, concern, func(u directory.User) string { return u.ID })
}
