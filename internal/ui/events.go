package ui

import (
	"bytes"
	"context"
	"net/http"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

func (h *handler) renderRow(ctx context.Context, u directory.User) (string, error) {
	if u.Removed {
		return "", nil
	}
	var b bytes.Buffer
	err := tableRow(h.row(ctx, u)).Render(ctx, &b)
	return b.String(), err
}

// events streams the changes to one list, from where the page was read or the browser was cut off.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	l, _, err := h.requested(r, "live")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	e := l.shown(r, "live")
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
	h.hub.Stream(ctx, w, l.teamID, position, func(u directory.User) bool {
		if !l.req.Filter.Matches(u) {
			return false
		}
		e.Count++
		e.UserIDs = audit.Add(e.UserIDs, u.ID)
		return true
	})
}
