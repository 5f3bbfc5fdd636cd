package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzhttp"

	"rollcall/internal/directory"
	"rollcall/internal/service"
	"rollcall/internal/syncs"
)

// statuses is the one table from errors to answers. What is not in it is the store's trouble: 503.
var statuses = []struct {
	err     error
	status  int
	problem problem
}{
	{directory.ErrInvalid, http.StatusBadRequest, problem{"This address is not complete", "Part of it was lost or changed. Start again from the list."}},
	{directory.ErrNotFound, http.StatusNotFound, problem{"Nothing here", "There is no such page, workspace or person. Start again from the list."}},
	{service.ErrTooLarge, http.StatusRequestEntityTooLarge, unreadable},
	{service.ErrSlow, http.StatusRequestTimeout, unreadable},
	{service.ErrBody, http.StatusBadRequest, unreadable},
	{errNoViewer, http.StatusForbidden, problem{"No workspace is open to you", "You are signed in, but not among the viewers. Ask whoever runs Rollcall."}},
	{errTooMany, http.StatusTooManyRequests, problem{"Too much at once", "Close other windows of this page, or wait until your other exports have ended."}},
	{syncs.ErrLeased, http.StatusConflict, problem{"A full sync is already running", "Its progress is on the status page."}},
}

var unreadable = problem{"This form could not be read", "Go back and try again."}

var unavailable = problem{"The directory does not answer", "This should pass. Reload the page in a moment."}

// problemOf finds an error's answer, and logs what nobody else will.
func (h *handler) problemOf(r *http.Request, err error) (int, problem) {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status, s.problem
		}
	}
	if r.Context().Err() == nil { // otherwise the viewer has gone
		h.Log.ErrorContext(r.Context(), "page not served", "error", err)
	}
	return http.StatusServiceUnavailable, unavailable
}

// page renders what view returns, or the error page. It is rendered whole before
// the first byte is sent, so that a failure still has its status: rendering is a
// twentieth of a page's time, once what it shows has been read.
func (h *handler) page(view func(*http.Request) (templ.Component, error)) http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := view(r)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		h.render(w, r, http.StatusOK, content)
	}))
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, p := h.problemOf(r, err)
	h.render(w, r, status, layout(chrome{Title: p.Title, Home: "/", SignedIn: viewerOf(r.Context()).Email}, problemPage(p)))
}

func (h *handler) render(w http.ResponseWriter, r *http.Request, status int, content templ.Component) {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	if err := content.Render(context.WithoutCancel(r.Context()), b); err != nil { // it takes no time, and a viewer who has gone is no error
		h.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Header.Get("HX-Trigger") == findForm { // the address follows what is typed, without a step in the history
		w.Header().Set("HX-Replace-Url", shortAddress(r.URL))
	}
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // the browser has gone: there is nobody to tell
}

// shortAddress leaves out the fields of the form that are empty.
func shortAddress(u *url.URL) string {
	q := u.Query()
	for key, values := range q {
		if len(values) == 1 && values[0] == "" {
			q.Del(key)
		}
	}
	short := url.URL{Path: u.Path, RawQuery: q.Encode()}
	return short.String()
}

// current returns all workspaces that the viewer sees and the one of that id; the first
// one for an empty id, and none if there are none.
func (h *handler) current(ctx context.Context, teamID string) (all []directory.Workspace, current directory.Workspace, err error) {
	all, err = h.workspaces(ctx)
	if err == nil {
		all, err = h.Viewers.seen(viewerOf(ctx), all)
	}
	if err != nil {
		return nil, current, err
	}
	for _, w := range all {
		if teamID == "" || w.ID == teamID {
			return all, w, nil
		}
	}
	if teamID != "" {
		return nil, current, fmt.Errorf("workspace: %w", directory.ErrNotFound)
	}
	return all, current, nil
}
