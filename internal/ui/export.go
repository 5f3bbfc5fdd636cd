package ui

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// exportAtOnce is how many people are read at a time.
const exportAtOnce = 500

// exporter writes people one by one.
type exporter interface {
	user(u directory.User) error
	end() error
}

// export streams all pages of a list, from its beginning whatever place the
// address names. What fails on the way cuts the connection, so that nobody takes
// a part for the whole.
func (h *handler) export(view, contentType string, open func(io.Writer) exporter) http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
			h.missing(r, view, l.teamID, "", err)
			h.fail(w, r, err)
			return
		}
		if r.Method != http.MethodHead {
			leave, err := h.exports.take(viewerOf(r.Context()))
			if err != nil {
				h.fail(w, r, err)
				return
			}
			defer leave()
		}
		req := l.req
		req.Limit, req.After, req.Before = exportAtOnce, nil, nil
		page, err := h.Store.Users(r.Context(), current.ID, req)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Disposition", "attachment; filename="+strings.TrimPrefix(r.URL.Path, "/"))
		e := l.shown(r, view, current.ID)
		defer func() { h.Audit.Shown(context.WithoutCancel(r.Context()), e) }() // once it is known how many
		if r.Method == http.MethodHead {                                        // nothing would be sent of what is read
			return
		}
		out := bufio.NewWriterSize(w, 64<<10)
		to := open(out)
		deadline := http.NewResponseController(w)
		for err == nil {
			// A server's own deadline is for pages. Recorders of tests have none.
			deadline.SetWriteDeadline(time.Now().Add(writeWithin)) //nolint:errcheck // see above
			for _, u := range page.Users {
				if err == nil {
					err = to.user(u)
					e.Count++
					e.UserIDs = audit.Add(e.UserIDs, u.ID)
				}
			}
			if err != nil || page.Next == nil {
				break
			}
			req.After = page.Next
			page, err = h.Store.Users(r.Context(), current.ID, req)
		}
		if err == nil {
			err = to.end()
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			if r.Context().Err() == nil {
				h.Log.WarnContext(r.Context(), "export cut short", "error", err)
			}
			e.Cut = true
			panic(http.ErrAbortHandler)
		}
	}))
}

// csvColumns are the fields of Slack's that a table shows, under their own names.
var csvColumns = []string{"id", "team_id", "name", "real_name", "display_name", "title", "email", "deleted", "kind", "tz",
	"status_text", "status_emoji", "updated", "version", "source"}

type csvExporter struct{ w *csv.Writer }

// writeCSV writes RFC 4180.
func writeCSV(w io.Writer) exporter {
	e := csvExporter{csv.NewWriter(w)}
	e.w.Write(csvColumns) //nolint:errcheck // end returns it
	return e
}

func (e csvExporter) user(u directory.User) error {
	cells := []string{u.ID, u.TeamID, u.Name, u.RealName, u.DisplayName, u.Title, u.Email, strconv.FormatBool(u.Deleted), string(u.Kind), u.TZ,
		u.StatusText, u.StatusEmoji, strconv.FormatInt(u.Updated, 10), u.Version.Time().Format(time.RFC3339Nano), string(u.Source)}
	for i, c := range cells {
		cells[i] = harmless(c)
	}
	return e.w.Write(cells)
}

func (e csvExporter) end() error {
	e.w.Flush()
	return e.w.Error()
}

type jsonExporter struct {
	w     io.Writer
	begun bool
}

// writeJSON writes an array of objects, one a line, each with Slack's own under "slack".
func writeJSON(w io.Writer) exporter { return &jsonExporter{w: w} }

// exported is a user without what only the store needs.
type exported struct {
	directory.User
	SortName     string    `json:"sort_name,omitempty"`
	Fingerprint  int64     `json:"fingerprint,omitempty"`
	SlackVersion int64     `json:"slack_version,omitempty"`
	Parts        *struct{} `json:"parts,omitempty"`
	Removed      bool      `json:"removed,omitempty"`
}

func (e *jsonExporter) user(u directory.User) error {
	b, err := json.Marshal(exported{User: u})
	if err != nil {
		return err
	}
	separator := "[\n"
	if e.begun {
		separator = ",\n"
	}
	e.begun = true
	_, err = fmt.Fprintf(e.w, "%s%s", separator, b)
	return err
}

func (e *jsonExporter) end() error {
	ending := "\n]\n"
	if !e.begun {
		ending = "[]\n"
	}
	_, err := io.WriteString(e.w, ending)
	return err
}
