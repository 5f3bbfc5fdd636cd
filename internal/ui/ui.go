// Package ui serves the directory's pages, rendered on the server with templ.
package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"rollcall/internal/directory"
)

// pageSize is how many people a page of the table has.
const pageSize = 50

// Directory is where the people are read.
type Directory interface {
	Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error)
	// User returns [directory.ErrNotFound] if there is no such user.
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
}

// Options say what to serve.
type Options struct {
	Directory Directory
	Log       *slog.Logger
	// Authenticate stands before every page; nil lets everybody in.
	Authenticate func(http.Handler) http.Handler
	// ImageSources are origins, besides Slack's own, that avatars may come from.
	ImageSources []string
	Now          func() time.Time // nil for time.Now
}

type handler struct{ Options }

// New returns the handler of all pages.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &handler{o}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", h.page(h.table))
	mux.Handle("GET /users/{team}/{id}", h.page(h.person))
	mux.Handle("GET "+assetsPath, assets())
	mux.Handle("GET /", h.page(func(*http.Request) (templ.Component, error) { return nil, directory.ErrNotFound }))

	var guarded http.Handler = mux
	if o.Authenticate != nil {
		guarded = o.Authenticate(mux)
	}
	return h.secure(http.NewCrossOriginProtection().Handler(guarded))
}

// avatarSources are where Slack keeps avatars, its own and Gravatar's with the default behind it.
var avatarSources = []string{"https://*.slack-edge.com", "https://*.gravatar.com", "https://*.wp.com"}

// secure sets the headers that every answer has. Pico's icons are data: images.
func (h *handler) secure(next http.Handler) http.Handler {
	csp := "default-src 'none'; style-src 'self'; img-src 'self' data: " + strings.Join(append(avatarSources[:len(avatarSources):len(avatarSources)], h.ImageSources...), " ") +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", csp)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		header.Set("Cache-Control", "no-store") // people's data; assets say otherwise
		next.ServeHTTP(w, r)
	})
}

// statuses is the one table from errors to answers. What is not in it is the store's trouble: 503.
var statuses = []struct {
	err     error
	status  int
	problem problem
}{
	{directory.ErrInvalid, http.StatusBadRequest, problem{"This address is not complete", "Part of it was lost or changed. Start again from the list."}},
	{directory.ErrNotFound, http.StatusNotFound, problem{"Nothing here", "There is no such page, workspace or person. Start again from the list."}},
}

var unavailable = problem{"The directory does not answer", "This should pass. Reload the page in a moment."}

// page renders what view returns, or the error page. It is rendered whole before
// the first byte is sent, so that a failure still has its status.
func (h *handler) page(view func(*http.Request) (templ.Component, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		content, err := view(r)
		if err != nil {
			p := unavailable
			status = http.StatusServiceUnavailable
			for _, s := range statuses {
				if errors.Is(err, s.err) {
					status, p = s.status, s.problem
					break
				}
			}
			if status >= 500 {
				h.Log.ErrorContext(r.Context(), "page not served", "error", err)
			}
			content = layout(chrome{Title: p.Title}, problemPage(p))
		}
		var b bytes.Buffer
		if err := content.Render(r.Context(), &b); err != nil {
			h.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		w.Write(b.Bytes()) //nolint:errcheck // the browser has gone: there is nobody to tell
	})
}

func (h *handler) table(r *http.Request) (templ.Component, error) {
	workspaces, err := h.Directory.Workspaces(r.Context())
	if err != nil {
		return nil, fmt.Errorf("workspaces: %w", err)
	}
	current, err := choose(workspaces, r.FormValue("team"))
	if err != nil {
		return nil, err
	}
	view := tableView{chrome: h.chrome(r, workspaces, current)}
	if current.ID == "" {
		return layout(view.chrome, table(view)), nil // nobody has come yet
	}
	req, err := pageRequest(r.FormValue("after"), r.FormValue("before"))
	if err != nil {
		return nil, err
	}
	page, err := h.Directory.Users(r.Context(), current.ID, req)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	for _, u := range page.Users {
		view.Rows = append(view.Rows, h.row(u))
	}
	view.Prev, view.Next = pageLink(current.ID, "before", page.Prev), pageLink(current.ID, "after", page.Next)
	return layout(view.chrome, table(view)), nil
}

// choose returns the workspace of that id, the first one for an empty id, and
// none if there are none.
func choose(workspaces []directory.Workspace, id string) (directory.Workspace, error) {
	for _, w := range workspaces {
		if id == "" || w.ID == id {
			return w, nil
		}
	}
	if id != "" {
		return directory.Workspace{}, fmt.Errorf("workspace: %w", directory.ErrNotFound)
	}
	return directory.Workspace{}, nil
}

func pageRequest(after, before string) (directory.PageRequest, error) {
	req := directory.PageRequest{Limit: pageSize}
	if after != "" && before != "" {
		return req, fmt.Errorf("%w: after and before", directory.ErrInvalid)
	}
	for text, place := range map[string]**directory.Cursor{after: &req.After, before: &req.Before} {
		if text == "" {
			continue
		}
		c, err := directory.ParseCursor(text)
		if err != nil {
			return req, err
		}
		*place = &c
	}
	return req, nil
}

func (h *handler) person(r *http.Request) (templ.Component, error) {
	teamID, id := r.PathValue("team"), r.PathValue("id")
	if errors.Join(directory.ValidateID("team", teamID), directory.ValidateID("id", id)) != nil {
		return nil, directory.ErrNotFound
	}
	workspaces, err := h.Directory.Workspaces(r.Context())
	if err != nil {
		return nil, fmt.Errorf("workspaces: %w", err)
	}
	current, err := choose(workspaces, teamID)
	if err != nil {
		return nil, err
	}
	u, _, err := h.Directory.User(r.Context(), teamID, id)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	view := h.personView(r, workspaces, current, u)
	return layout(view.chrome, person(view)), nil
}
