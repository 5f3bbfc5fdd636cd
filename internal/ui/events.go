package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

const (
	// heartbeatEvery keeps proxies from taking a quiet connection for a dead one.
	heartbeatEvery = 15 * time.Second
	// writeWithin is for how long a viewer may not take what is sent.
	writeWithin = 10 * time.Second
)

// told is what a browser is told of one change. Gone says that the list, as
// filtered, does not have the person.
type told struct {
	ID   string `json:"id"`
	Gone bool   `json:"gone,omitempty"`
	HTML string `json:"html,omitempty"`
}

func (h *handler) renderChange(ctx context.Context, u directory.User) (string, error) {
	if u.Removed {
		return "", nil
	}
	var b bytes.Buffer
	err := tableRow(h.row(ctx, u)).Render(ctx, &b)
	return b.String(), err
}

// events tells of the changes to one list as server-sent events (HTML Living
// Standard, "Server-sent events"): "row" for one person, "stale" when the list
// has to be read again. A browser that comes back says where it was.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	l, err := listingOf(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	_, current, err := h.current(r.Context(), l.teamID)
	if err == nil && current.ID == "" {
		err = directory.ErrNotFound
	}
	if err != nil {
		h.missing(r, "live", l.teamID, "", err)
		h.fail(w, r, err)
		return
	}
	told := l.shown(r, "live", current.ID)
	if r.Method == http.MethodHead { // otherwise it would be held open for nothing
		w.Header().Set("Content-Type", "text/event-stream")
		h.Audit.Shown(r.Context(), told)
		return
	}
	leave, err := h.streams.take(viewerOf(r.Context()))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer leave()
	defer func() { h.Audit.Shown(context.WithoutCancel(r.Context()), told) }() // once it is known who was shown
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	position := r.Header.Get("Last-Event-ID")
	if position == "" {
		position = r.URL.Query().Get("since")
	}
	ctx := r.Context()
	if until := viewerOf(ctx).Until; !until.IsZero() { // the browser comes back, with a new token if it still gets one
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	f := h.hub.feed(current.ID)
	defer f.leave()
	to := stream{w, http.NewResponseController(w)}
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	err = to.send("retry: 1000\n\n")
	for err == nil {
		changes, now, more, stale := f.after(position)
		position = now
		switch {
		case stale:
			err = to.send("id: %s\nevent: stale\ndata:\n\n", now)
		case len(changes) > 0:
			err = to.changes(now, changes, l.req.Filter, &told)
		}
		if err != nil {
			return // the viewer has gone
		}
		select {
		case <-ctx.Done():
			return
		case <-h.hub.ctx.Done():
			return
		case <-more:
		case <-beat.C:
			err = to.send(": still here\n\n")
		}
	}
}

// stream writes to a viewer at once, and gives up one who does not read.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (s stream) send(format string, args ...any) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.c.Flush()
}

func (s stream) changes(id string, changes []change, f directory.Filter, shown *audit.Entry) error {
	var b bytes.Buffer
	for i, c := range changes {
		t := told{ID: c.user.ID, HTML: c.html}
		if !f.Matches(c.user) {
			t.Gone, t.HTML = true, ""
		} else {
			shown.Count++
			shown.UserIDs = audit.Add(shown.UserIDs, c.user.ID)
		}
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if i == len(changes)-1 { // a browser that is cut off in between begins with all of them again
			fmt.Fprintf(&b, "id: %s\n", id)
		}
		fmt.Fprintf(&b, "event: row\ndata: %s\n\n", data)
	}
	return s.send("%s", b.Bytes())
}
