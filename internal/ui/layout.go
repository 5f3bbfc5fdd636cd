package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzhttp"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
	"rollcall/internal/syncs"
)

// chrome surrounds the content of every page.
type chrome struct {
	Title        string
	Icon         string          // of the workspace, "" if it has none
	Home         string          // the address of the list
	Workspaces   []workspaceLink // empty unless there are several
	Changes      string          // the address of the list of changes
	Status       string          // the address of the status page
	SignedIn     string          // the viewer's e-mail address, "" without authentication
	Disconnected time.Time       // when Slack disconnected the workspace; zero while it is connected
}

type workspaceLink struct {
	Name, URL string
	Current   bool
}

func (h *handler) chrome(r *http.Request, workspaces []directory.Workspace, current directory.Workspace) chrome {
	c := chrome{Title: firstNonEmpty(workspaceName(current), "Nobody yet"), Icon: h.image(current.Icon), SignedIn: viewerOf(r.Context()).Email, Home: "/", Changes: "/changes", Status: "/status"}
	if current.Disconnected() {
		c.Disconnected = current.DisconnectedAt.Time()
	}
	if len(workspaces) > 1 {
		c.Home += "?team=" + url.QueryEscape(current.ID)
		c.Changes += "?team=" + url.QueryEscape(current.ID)
		c.Status += "?team=" + url.QueryEscape(current.ID)
		for _, w := range workspaces {
			c.Workspaces = append(c.Workspaces, workspaceLink{workspaceName(w), "/?team=" + url.QueryEscape(w.ID), w.ID == current.ID})
		}
	}
	return c
}

func workspaceName(w directory.Workspace) string { return firstNonEmpty(w.Name, w.ID) }

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}

// compressed prefers gzip to zstd, which makes most pages larger.
var compressed = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.PreferZstd(false))
	if err != nil {
		panic(err) // the option is valid
	}
	return wrap
}()

// page renders the component that view returns, or the error page. It renders the whole page
// before it sends the first byte, so that a failure can still set the status.
func (h *handler) page(view func(*http.Request) (templ.Component, error)) http.Handler {
	return compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := view(r)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		h.render(w, r, http.StatusOK, content)
	}))
}

func (h *handler) render(w http.ResponseWriter, r *http.Request, status int, content templ.Component) {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	if err := content.Render(context.WithoutCancel(r.Context()), b); err != nil { // a viewer who has left is not an error
		h.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Header.Get("HX-Trigger") == findForm { // the address follows the form without filling up the history
		w.Header().Set("HX-Replace-Url", shortAddress(r.URL))
	}
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // if this fails the viewer has left
}

// shortAddress leaves out the form's empty fields.
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

type problem struct{ Title, Advice string }

// problems maps errors to answers, besides those of [httpbody.Error]. All other errors are the store's: 503.
var problems = []struct {
	err     error
	status  int
	problem problem
}{
	{directory.ErrInvalid, http.StatusBadRequest, problem{"This link does not work", "Part of the address is missing or wrong. Start again from the list."}},
	{directory.ErrNotFound, http.StatusNotFound, problem{"Not found", "There is no such page, workspace or person. Start again from the list."}},
	{errNoViewer, http.StatusForbidden, problem{"You have no access to a workspace", "You are signed in, but you are not a viewer of any workspace. Ask whoever runs Rollcall for access."}},
	{errOrigin, http.StatusForbidden, problem{"This request was refused", "It seems to come from another site. Open the page here and try again."}},
	{errMethod, http.StatusMethodNotAllowed, problem{"This does not work here", "The address exists, but not for this kind of request. Start again from the list."}},
	{errTooMany, http.StatusTooManyRequests, problem{"Too many requests at once", "Close other windows of this page, or wait for your other exports to finish."}},
	{syncs.ErrLeased, http.StatusConflict, problem{"A full sync is already running", "See its progress on the status page."}},
}

var (
	unreadable  = problem{"This form could not be read", "Go back and try again."}
	unavailable = problem{"The directory is not available", "This is usually temporary. Reload the page in a moment."}
)

// fail answers with the error page.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store") // also where assets are
	status, p := h.problemOf(r, err)
	h.render(w, r, status, layout(chrome{Title: p.Title, Home: "/", SignedIn: viewerOf(r.Context()).Email}, problemPage(p)))
}

func (h *handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.fail(w, r, directory.ErrNotFound)
}

var errMethod = errors.New("method not allowed")

// allowed answers with the error page where mux has only text: to methods that an address does not allow.
func (h *handler) allowed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse, pattern := mux.Handler(r); pattern == "" {
			answer := headerOnly{ResponseWriter: w}
			if refuse.ServeHTTP(&answer, r); answer.status == http.StatusMethodNotAllowed {
				h.fail(w, r, errMethod)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// headerOnly passes on an answer's header (here Allow), and holds back its status and body.
type headerOnly struct {
	http.ResponseWriter
	status int
}

func (a *headerOnly) WriteHeader(status int)      { a.status = status }
func (a *headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// problemOf returns the answer to an error. It logs what is not the viewer's mistake.
func (h *handler) problemOf(r *http.Request, err error) (int, problem) {
	if e, ok := errors.AsType[*httpbody.Error](err); ok {
		return e.Status, unreadable
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return p.status, p.problem
		}
	}
	if r.Context().Err() == nil { // otherwise the viewer has left
		h.Log.ErrorContext(r.Context(), "page not served", "error", err)
	}
	return http.StatusServiceUnavailable, unavailable
}
