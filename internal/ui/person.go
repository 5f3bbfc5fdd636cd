package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"rollcall/internal/directory"
)

type personView struct {
	chrome
	row
	Heading     string
	DisplayName string
	Email       string
	LocalTime   string
	Version     time.Time
	Source      string
	Removed     bool
	Forgotten   bool
	OpenInSlack string // the profile's address in the browser, "" if unknown
	OpenInApp   string // the same for Slack's own programs
	Changes     []told
	AllChanges  string
	Fields      []field
}

// field is a value in Slack's object and its path, such as "profile.title".
type field struct{ Path, Value string }

var sourceNames = map[directory.Source]string{
	directory.FromEvent: "an event", directory.FromSync: "a full sync", directory.FromProfile: "a profile read by a full sync", directory.FromOperator: "an operator",
}

func (h *handler) person(r *http.Request) (_ templ.Component, err error) {
	ctx := r.Context()
	teamID, id := r.PathValue("team"), r.PathValue("id")
	defer func() { h.missing(r, "person", teamID, id, err) }()
	if errors.Join(directory.ValidateID("team", teamID), directory.ValidateID("id", id)) != nil {
		return nil, directory.ErrNotFound
	}
	workspaces, current, err := h.current(ctx, teamID)
	if err != nil {
		return nil, err
	}
	u, _, err := h.Store.User(ctx, teamID, id)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	history := changeList{teamID: teamID, req: directory.RecordPageRequest{Filter: directory.RecordFilter{UserID: id}, Limit: maxTimeline}}
	newest, err := h.Store.Records(ctx, teamID, history.req)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	e := shown(r, "person", teamID)
	e.UserIDs, e.Count = []string{id}, 1
	h.Audit.Shown(ctx, e)
	view := h.personView(r, workspaces, current, u)
	view.AllChanges = history.address("/changes")
	for _, record := range newest.Records {
		view.Changes = append(view.Changes, tell(record, h.labels(ctx, teamID)))
	}
	return layout(view.chrome, person(view)), nil
}

func (h *handler) personView(r *http.Request, workspaces []directory.Workspace, current directory.Workspace, u directory.User) personView {
	v := personView{
		chrome: h.chrome(r, workspaces, current), row: h.row(r.Context(), u),
		Heading:     firstNonEmpty(u.RealName, u.DisplayName, u.Name, u.ID),
		DisplayName: u.DisplayName, Email: u.Email,
		Version: u.Version.Time(), Source: sourceNames[u.Source], Removed: u.Removed,
		Forgotten: u.Kind == directory.Forgotten,
	}
	if v.Forgotten {
		v.Heading = "Forgotten person"
	}
	v.chrome.Title = v.Heading
	if large := h.image(u.Image192); large != "" {
		v.Avatar.Image = large
	}
	if place, err := time.LoadLocation(u.TZ); err == nil && u.TZ != "" {
		v.LocalTime = h.Now().In(place).Format("Monday 15:04")
	}
	if base, err := url.Parse(current.URL); err == nil && base.Scheme == "https" && !v.Forgotten {
		v.OpenInSlack = base.JoinPath("team", u.ID).String()
		app := url.URL{Scheme: "slack", Host: "user", RawQuery: url.Values{"team": {u.TeamID}, "id": {u.ID}}.Encode()}
		v.OpenInApp = app.String()
	}
	if !v.Forgotten {
		v.Fields = fields(u.Slack)
	}
	return v
}

// fields flattens Slack's object, unknown fields included, sorted by name.
func fields(slack json.RawMessage) (all []field) {
	d := json.NewDecoder(bytes.NewReader(slack))
	d.UseNumber()
	var object any
	if d.Decode(&object) != nil {
		return nil // nothing is stored
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				inner := key
				if path != "" {
					inner = path + "." + key
				}
				walk(inner, v[key])
			}
			if len(v) == 0 && path != "" {
				all = append(all, field{path, "{}"})
			}
		case []any:
			for i, item := range v {
				walk(path+"["+strconv.Itoa(i)+"]", item)
			}
			if len(v) == 0 {
				all = append(all, field{path, "[]"})
			}
		case nil:
			all = append(all, field{path, "null"})
		default:
			all = append(all, field{path, fmt.Sprint(v)})
		}
	}
	walk("", object)
	return all
}
