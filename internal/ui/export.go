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
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

const (
	// exportPageSize is how many rows one query reads.
	exportPageSize = 500
	// exportWriteTimeout bounds how long a viewer may take to accept a page of an export.
	exportWriteTimeout = 10 * time.Second
)

// pages are what an export streams.
type pages[T any] struct {
	workspace directory.Workspace
	what      string                                                 // a part of the file's name
	entry     audit.Entry                                            // without those who are shown
	next      func(context.Context) (rows []T, more bool, err error) // reads the next page
	userID    func(T) string
	columns   []string // of a table
}

// format is a kind of file.
type format[T any] struct {
	extension, contentType string
	open                   func(w io.Writer, columns []string) exporter[T]
}

// exporter writes rows one by one.
type exporter[T any] interface {
	write(row T) error
	end() error
}

// export streams all pages of a list, from its start even if the address names a place in it. An
// error cuts the connection, so that nobody mistakes a part for the whole.
func export[T any](h *handler, begin func(r *http.Request, view string) (pages[T], error), view string, f format[T]) http.Handler {
	return compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := begin(r, view)
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
		rows, more, err := all.next(r.Context())
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", f.contentType)
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": h.fileName(all.workspace, all.what, f.extension)}))
		defer func() { h.Audit.Shown(context.WithoutCancel(r.Context()), all.entry) }()
		if r.Method == http.MethodHead {
			return
		}
		if err := exportFrom(w, r, &all, rows, more, f); err != nil {
			if r.Context().Err() == nil {
				h.Log.WarnContext(r.Context(), "export cut short", "error", err)
			}
			all.entry.Cut = true
			panic(http.ErrAbortHandler)
		}
	}))
}

// fileName is like "Marlow-Finch-people-2022-03-30.csv". It keeps only letters and digits of the
// workspace's name, which is Slack's text.
func (h *handler) fileName(w directory.Workspace, what, extension string) string {
	words := strings.FieldsFunc(workspaceName(w), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
	return strings.Join(append(words, what, h.Now().UTC().Format(time.DateOnly)), "-") + "." + extension
}

// exportFrom writes the first page and all that follow, and notes in the audit entry who was written.
func exportFrom[T any](w http.ResponseWriter, r *http.Request, all *pages[T], rows []T, more bool, f format[T]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	to := f.open(out, all.columns)
	c := http.NewResponseController(w)
	for {
		// The server's own deadline is for pages. The recorders in tests support none.
		c.SetWriteDeadline(time.Now().Add(exportWriteTimeout)) //nolint:errcheck // see above
		for _, row := range rows {
			if err := to.write(row); err != nil {
				return err
			}
			all.entry.Count++
			all.entry.UserIDs = audit.Add(all.entry.UserIDs, all.userID(row))
		}
		if !more {
			return errors.Join(to.end(), out.Flush())
		}
		var err error
		if rows, more, err = all.next(r.Context()); err != nil {
			return err
		}
	}
}

// exportedUser is a user and the workspace's custom fields.
type exportedUser struct {
	directory.User
	fields profile
}

// exportedUsers are the pages of a list of people.
func (h *handler) exportedUsers(r *http.Request, view string) (pages[exportedUser], error) {
	l, workspace, err := h.requested(r, view)
	if err != nil {
		return pages[exportedUser]{}, err
	}
	fields := h.profile(r.Context(), l.teamID)
	req := l.req
	req.Limit, req.After, req.Before = exportPageSize, nil, nil
	next := func(ctx context.Context) ([]exportedUser, bool, error) {
		page, err := h.Store.Users(ctx, l.teamID, req)
		if err != nil {
			return nil, false, fmt.Errorf("users: %w", err)
		}
		req.After = page.Next
		rows := make([]exportedUser, len(page.Users))
		for i, u := range page.Users {
			rows[i] = exportedUser{u, fields}
		}
		return rows, page.Next != nil, nil
	}
	columns := slices.Clone(userColumns)
	for _, f := range fields.Visible() {
		columns = append(columns, f.Label)
	}
	return pages[exportedUser]{workspace, "people", l.shown(r, view), next, func(u exportedUser) string { return u.ID }, columns}, nil
}

// userColumns have Slack's own names where they are Slack's fields. Times are in a form that
// spreadsheets recognise, which has no time zone. Custom fields follow, under their labels.
var userColumns = []string{"id", "team_id", "name", "real_name", "display_name", "title", "email", "phone", "deleted", "kind", "tz",
	"status_text", "status_emoji", "updated_utc", "version_utc", "source"}

func userCells(u exportedUser) []string {
	updated := ""
	if u.Updated != 0 {
		updated = time.Unix(u.Updated, 0).UTC().Format(time.DateTime)
	}
	cells := []string{u.ID, u.TeamID, u.Name, u.RealName, u.DisplayName, u.Title, u.Email, u.Phone, strconv.FormatBool(u.Deleted), string(u.Kind), u.TZ,
		u.StatusText, u.StatusEmoji, updated, u.Version.Time().UTC().Format(time.DateTime), string(u.Source)}
	visible := u.fields.Visible()
	if len(visible) == 0 {
		return cells
	}
	values := map[string]string{}
	for _, v := range u.CustomFields() {
		values[v.ID] = v.Value
	}
	for _, f := range visible {
		cells = append(cells, values[f.ID])
	}
	return cells
}

// userFile hides the fields of a user that only the store needs. Slack's own object is under "slack".
type userFile struct {
	directory.User
	CustomFields []customField `json:"custom_fields,omitempty"`
	SortName     string        `json:"sort_name,omitempty"`
	Fingerprint  int64         `json:"fingerprint,omitempty"`
	SlackVersion int64         `json:"slack_version,omitempty"`
	Parts        *struct{}     `json:"parts,omitempty"`
	Removed      bool          `json:"removed,omitempty"`
}

func userObject(u exportedUser) any {
	return userFile{User: u.User, CustomFields: u.fields.valuesOf(u.User)}
}

// csvFile is RFC 4180, after a byte order mark, without which Excel does not read UTF-8.
func csvFile[T any](cells func(T) []string) format[T] {
	return format[T]{"csv", "text/csv; charset=utf-8", func(w io.Writer, columns []string) exporter[T] {
		io.WriteString(w, "\ufeff") //nolint:errcheck // end returns the error
		e := csvExporter[T]{csv.NewWriter(w), cells}
		e.line(slices.Clone(columns)) //nolint:errcheck // end returns the error
		return e
	}}
}

type csvExporter[T any] struct {
	w     *csv.Writer
	cells func(T) []string
}

func (e csvExporter[T]) write(row T) error {
	return e.line(e.cells(row))
}

func (e csvExporter[T]) line(cells []string) error {
	for i, c := range cells {
		cells[i] = harmless(c)
	}
	return e.w.Write(cells)
}

func (e csvExporter[T]) end() error {
	e.w.Flush()
	return e.w.Error()
}

// jsonFile is an array with one object per line.
func jsonFile[T any](object func(T) any) format[T] {
	return format[T]{"json", "application/json", func(w io.Writer, _ []string) exporter[T] { return &jsonExporter[T]{w: w, object: object} }}
}

type jsonExporter[T any] struct {
	w      io.Writer
	object func(T) any
	begun  bool
}

func (e *jsonExporter[T]) write(row T) error {
	b, err := json.Marshal(e.object(row))
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

func (e *jsonExporter[T]) end() error {
	ending := "\n]\n"
	if !e.begun {
		ending = "[]\n"
	}
	_, err := io.WriteString(e.w, ending)
	return err
}
