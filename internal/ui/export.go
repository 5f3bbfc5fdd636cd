package ui

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

const (
	// exportPageSize is how many people one query reads.
	exportPageSize = 500
	// exportWriteTimeout bounds how long a viewer may take to accept a page of an export.
	exportWriteTimeout = 10 * time.Second
)

// exporter writes people one by one.
type exporter interface {
	user(u directory.User) error
	end() error
}

// export streams all pages of a list, from its start even if the address names a place in it. An
// error cuts the connection, so that nobody takes a part for the whole.
func (h *handler) export(view, contentType string, open func(io.Writer) exporter) http.Handler {
	return compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, workspace, err := h.requested(r, view)
		if err != nil {
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
		l.req.Limit, l.req.After, l.req.Before = exportPageSize, nil, nil
		page, err := h.Store.Users(r.Context(), l.teamID, l.req)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": h.fileName(workspace, view)}))
		e := l.shown(r, view)
		defer func() { h.Audit.Shown(context.WithoutCancel(r.Context()), e) }()
		if r.Method == http.MethodHead {
			return
		}
		if err := h.exportFrom(w, r, l, page, open, &e); err != nil {
			if r.Context().Err() == nil {
				h.Log.WarnContext(r.Context(), "export cut short", "error", err)
			}
			e.Cut = true
			panic(http.ErrAbortHandler)
		}
	}))
}

// fileName is like "Marlow-Finch-people-2022-03-30.csv". It keeps only letters and digits of the
// workspace's name, which is Slack's text.
func (h *handler) fileName(w directory.Workspace, extension string) string {
	words := strings.FieldsFunc(workspaceName(w), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
	return strings.Join(append(words, "people", h.Now().UTC().Format(time.DateOnly)), "-") + "." + extension
}

// exportFrom writes a list's first page and all that follow, and notes in e who was written.
func (h *handler) exportFrom(w http.ResponseWriter, r *http.Request, l listing, page directory.Page, open func(io.Writer) exporter, e *audit.Entry) error {
	out := bufio.NewWriterSize(w, 64<<10)
	to := open(out)
	c := http.NewResponseController(w)
	for {
		// The server's own deadline is for pages. Recorders of tests have none.
		c.SetWriteDeadline(time.Now().Add(exportWriteTimeout)) //nolint:errcheck // see above
		for _, u := range page.Users {
			if err := to.user(u); err != nil {
				return err
			}
			e.Count++
			e.UserIDs = audit.Add(e.UserIDs, u.ID)
		}
		if page.Next == nil {
			return errors.Join(to.end(), out.Flush())
		}
		l.req.After = page.Next
		var err error
		if page, err = h.Store.Users(r.Context(), l.teamID, l.req); err != nil {
			return fmt.Errorf("users: %w", err)
		}
	}
}

// csvColumns have Slack's own names where they are Slack's fields. Times are in a form that
// spreadsheets recognise, which has no time zone.
var csvColumns = []string{"id", "team_id", "name", "real_name", "display_name", "title", "email", "deleted", "kind", "tz",
	"status_text", "status_emoji", "updated_utc", "version_utc", "source"}

type csvExporter struct{ w *csv.Writer }

// writeCSV writes RFC 4180, after a byte order mark, without which Excel does not read UTF-8.
func writeCSV(w io.Writer) exporter {
	io.WriteString(w, "\ufeff") //nolint:errcheck // end returns the error
	e := csvExporter{csv.NewWriter(w)}
	e.w.Write(csvColumns) //nolint:errcheck // end returns the error
	return e
}

func (e csvExporter) user(u directory.User) error {
	updated := ""
	if u.Updated != 0 {
		updated = time.Unix(u.Updated, 0).UTC().Format(time.DateTime)
	}
	cells := []string{u.ID, u.TeamID, u.Name, u.RealName, u.DisplayName, u.Title, u.Email, strconv.FormatBool(u.Deleted), string(u.Kind), u.TZ,
		u.StatusText, u.StatusEmoji, updated, u.Version.Time().UTC().Format(time.DateTime), string(u.Source)}
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

// writeJSON writes an array with one user per line; Slack's own object is under "slack".
func writeJSON(w io.Writer) exporter { return &jsonExporter{w: w} }

// exported hides the fields of a user that only the store needs.
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
