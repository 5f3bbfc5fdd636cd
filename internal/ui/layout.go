package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzhttp"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
)

// chrome surrounds the content of every page.
type chrome struct {
	Title        string
	Workspace    string          // its name, "" if there is none to show
	Icon         string          // of the workspace, "" if it has none
	Home         string          // the address of the list
	Pages        []pageLink      // the navigation
	Workspaces   []workspaceLink // empty unless there are several
	Status       string          // the address of the status page
	SignedIn     string          // the viewer's e-mail address, "" without authentication
	Disconnected time.Time       // when Slack disconnected the workspace; zero while it is connected
	Theme        string          // "light", "dark", or "" for the browser's
	Here         string          // the address of this page, to return to
	Styles       []string        // style sheets of this page, besides commonStyles
	Modules      []string        // scripts of this page, besides modules
	HTMX         bool            // whether the page uses htmx
	Refresh      string          // "5; url=/status": reloads the page by itself without JavaScript
}

type pageLink struct {
	Name, URL string
	Current   bool
}

type workspaceLink struct {
	Name, URL string
	Current   bool
}

var (
	commonStyles = []string{"modern-normalize-3.0.1.css", "open-props-1.7.23.css", "base.css"}
	// modules are what app.js imports. Pages preload them, so that the browser need not read app.js to find them.
	modules = []string{"times.js", "stream.js", "live.js", "keys.js"}
)

func (h *handler) chrome(r *http.Request, workspaces []directory.Workspace, current directory.Workspace) chrome {
	c := h.bareChrome(r)
	c.Workspace, c.Icon = workspaceName(current), h.image(current.Icon)
	c.Title = firstNonEmpty(c.Workspace, "Nobody yet")
	if current.Disconnected() {
		c.Disconnected = current.DisconnectedAt.Time()
	}
	if _, ok := h.profile(r.Context(), current.ID).Manager(); ok && current.ID != "" {
		c.Pages = slices.Insert(c.Pages, 1, pageLink{"Org", "/org", r.URL.Path == "/org"})
	}
	if len(workspaces) > 1 {
		team := "?team=" + url.QueryEscape(current.ID)
		c.Home += team
		c.Status += team
		for i := range c.Pages {
			c.Pages[i].URL += team
		}
		for _, w := range workspaces {
			c.Workspaces = append(c.Workspaces, workspaceLink{workspaceName(w), "/?team=" + url.QueryEscape(w.ID), w.ID == current.ID})
		}
	}
	return c
}

// problemChrome surrounds an error page. It shows the workspace that the address names, if the viewer may see it.
func (h *handler) problemChrome(r *http.Request) chrome {
	workspaces, current, err := h.current(r.Context(), firstNonEmpty(r.PathValue("team"), r.URL.Query().Get("team")))
	if err != nil {
		return h.bareChrome(r)
	}
	return h.chrome(r, workspaces, current)
}

// bareChrome surrounds a page that belongs to no workspace.
func (h *handler) bareChrome(r *http.Request) chrome {
	c := chrome{Home: "/", Status: "/status", SignedIn: viewerOf(r.Context()).Email, Theme: themeOf(r), Here: "/"}
	if r.Method == http.MethodGet {
		c.Here = r.URL.RequestURI()
	}
	section := pageOf(r.URL.Path)
	for _, p := range []struct{ name, url string }{{"People", "/"}, {"Changes", "/changes"}, {"Status", "/status"}} {
		c.Pages = append(c.Pages, pageLink{p.name, p.url, section == p.url})
	}
	return c
}

// pageOf returns the page in the bar that a path belongs to, "" for none. Exports and forms belong to the page that has them.
func pageOf(path string) string {
	section, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	section, _, _ = strings.Cut(section, ".")
	switch section {
	case "", "users":
		return "/"
	case "changes":
		return "/changes"
	case "status", "sync":
		return "/status"
	}
	return ""
}

// pressed is the value of aria-pressed.
func pressed(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
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
	{errNoViewer, http.StatusForbidden, problem{"You have no access to any workspace", "You are signed in, but you are not a viewer of any workspace. Ask whoever runs Rollcall for access."}},
	{errOrigin, http.StatusForbidden, problem{"This request was refused", "It seems to come from another site. Open the page here and try again."}},
	{errMethod, http.StatusMethodNotAllowed, problem{"This does not work here", "The address exists, but not for this kind of request. Start again from the list."}},
	{errTooMany, http.StatusTooManyRequests, problem{"Too many requests at once", "Close other windows of this page, or wait for your other exports to finish."}},
}

var (
	unreadable  = problem{"This form could not be read", "Go back and try again."}
	unavailable = problem{"The directory is not available", "This is usually temporary. Reload the page in a moment."}
)

// fail answers with the error page.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store") // assets have set another
	w.Header().Set("Content-Security-Policy", h.contentPolicy)
	status, p := h.problemOf(r, err)
	c := h.problemChrome(r)
	c.Title = p.Title
	h.render(w, r, status, layout(c, problemPage(p, c.Home)))
}

func (h *handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.fail(w, r, directory.ErrNotFound)
}

var errMethod = errors.New("method not allowed")

// allowed answers methods that an address does not allow with the error page. mux itself would answer in plain text.
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

// headerOnly passes on an answer's header (here Allow), but not its status and body.
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
