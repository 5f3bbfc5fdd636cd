package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// heartbeatInterval keeps proxies from closing a quiet connection, and tells browsers that the server is there.
	heartbeatInterval = 15 * time.Second
	// writeTimeout bounds how long a viewer may take to accept what is sent.
	writeTimeout = 10 * time.Second
)

// row is the data of a "row" event.
type row struct {
	ID     string `json:"id"`
	Gone   bool   `json:"gone,omitempty"` // the viewer's list does not, or no longer, show it
	HTML   string `json:"html,omitempty"`
	User   string `json:"user,omitempty"`   // whom the row shows, if its ID is another
	Erased string `json:"erased,omitempty"` // a user whose rows must go at once
}

// Stream answers with the changes after a position as server-sent events (HTML Living
// Standard, "Server-sent events"), until the hub ends, ctx is done or the viewer leaves: "row"
// for each change, "stale" if the viewer must read the list again, "beat" now and then. shows reports
// whether the viewer's list shows what was written.
func (h *Hub[T]) Stream(ctx context.Context, w http.ResponseWriter, teamID, position string, shows func(T) bool) {
	h.serve(ctx, w, teamID, position, func(s stream, now string, changes []change[T]) error {
		return s.rows(now, rowsOf(changes, shows))
	})
}

// Erased is the data of "changed" if somebody's data must go from the page at once.
const Erased = "erased"

// Follow is like Stream, for a page that shows no rows but refreshes itself: it sends "changed", with [Erased] or
// no data, once for each batch of changes that concern the page.
func (h *Hub[T]) Follow(ctx context.Context, w http.ResponseWriter, teamID, position string, concern func(T) bool) {
	h.serve(ctx, w, teamID, position, func(s stream, now string, changes []change[T]) error {
		concerned, data := false, ""
		for _, c := range changes {
			if concern(c.written) {
				concerned = true
				if c.row.Erases {
					data = Erased
				}
			}
		}
		if !concerned {
			return nil
		}
		return s.send("id: %s\nevent: changed\ndata: %s\n\n", now, data)
	})
}

func (h *Hub[T]) serve(ctx context.Context, w http.ResponseWriter, teamID, position string, send func(s stream, now string, changes []change[T]) error) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	f := h.join(teamID)
	defer f.leave()
	heartbeat := time.NewTicker(heartbeatInterval)
	defer heartbeat.Stop()
	s := stream{w, http.NewResponseController(w)}
	err := s.send("retry: 1000\n\n")
	for err == nil {
		changes, now, more, stale := f.after(position)
		position = now
		switch {
		case stale:
			err = s.send("id: %s\nevent: stale\ndata:\n\n", now)
		case len(changes) > 0:
			err = send(s, now, changes)
		}
		if err != nil {
			return // the viewer has left
		}
		select {
		case <-ctx.Done():
			return
		case <-h.ctx.Done():
			return
		case <-more:
		case <-heartbeat.C:
			err = s.send("event: beat\ndata:\n\n")
		}
	}
}

type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// send writes at once, whatever the server's own deadlines are.
func (s stream) send(format string, args ...any) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.c.Flush()
}

func rowsOf[T any](changes []change[T], shows func(T) bool) []row {
	rows := make([]row, len(changes))
	for i, c := range changes {
		rows[i] = row{ID: c.row.ID, HTML: c.row.HTML}
		if c.row.ID != c.row.UserID {
			rows[i].User = c.row.UserID
		}
		if !shows(c.written) {
			rows[i] = row{ID: c.row.ID, Gone: true}
		}
		if c.row.Erases {
			rows[i].Erased = c.row.UserID
		}
	}
	return rows
}

func (s stream) rows(position string, rows []row) error {
	var b bytes.Buffer
	for i, r := range rows {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if i == len(rows)-1 { // a browser that is cut off earlier receives all of them again
			fmt.Fprintf(&b, "id: %s\n", position)
		}
		fmt.Fprintf(&b, "event: row\ndata: %s\n\n", data)
	}
	return s.send("%s", b.Bytes())
}
