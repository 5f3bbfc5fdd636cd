package ui

import (
	"bytes"
	"context"
	"net/http"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/ui/live"
)

// renderUsers renders the rows of the list of people, with all columns: the browser keeps those that its list shows.
func (h *handler) renderUsers(ctx context.Context, users []directory.User) ([]live.Row, error) {
	teamID := users[0].TeamID // all are of one workspace
	fields := h.profile(ctx, teamID)
	columns := fields.columns()
	shown, err := h.rows(ctx, teamID, users, columns, fields)
	if err != nil {
		return nil, err
	}
	rows := make([]live.Row, len(users))
	for i, u := range users {
		rows[i] = live.Row{ID: u.ID, UserID: u.ID, Erases: u.Removed || u.Kind == directory.Forgotten}
		if u.Removed {
			continue
		}
		var b bytes.Buffer
		if err := tableRow(shown[i], columns).Render(ctx, &b); err != nil {
			return nil, err
		}
		rows[i].HTML = b.String()
	}
	return rows, nil
}

// events streams the changes to one list of people.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	l, _, err := h.requested(r, "live")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	stream(h, w, r, h.people.Stream, l.teamID, l.shown(r, "live"), l.req.Filter.Matches, func(u directory.User) string { return u.ID })
}

// sender is [live.Hub.Stream] or [live.Hub.Follow].
type sender[T any] func(ctx context.Context, w http.ResponseWriter, teamID, position string, shows func(T) bool)

// stream answers with the live changes that a page shows, from where the page was read or the browser
// was cut off. At the end it audits who was shown.
func stream[T any](h *handler, w http.ResponseWriter, r *http.Request, send sender[T], teamID string, e audit.Entry, shows func(T) bool, userID func(T) string) {
	if r.Method == http.MethodHead { // GET would hold it open
		w.Header().Set("Content-Type", "text/event-stream")
		h.Audit.Shown(r.Context(), e)
		return
	}
	leave, err := h.streams.take(viewerOf(r.Context()))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer leave()
	defer func() { h.Audit.Shown(context.WithoutCancel(r.Context()), e) }()
	ctx := r.Context()
	if until := viewerOf(ctx).Until; !until.IsZero() { // the browser then reconnects with a new token, if it still gets one
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	position := firstNonEmpty(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("since"))
	send(ctx, w, teamID, position, func(written T) bool {
		if !shows(written) {
			return false
		}
		e.Count++
		e.UserIDs = audit.Add(e.UserIDs, userID(written))
		return true
	})
}
