package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

const (
	// maxSyncs is how many full syncs the page lists.
	maxSyncs = 10
	// startTimeout is how long a requested sync may take to begin: a Cloud Run job starts a container.
	startTimeout = 3 * time.Minute
	// deadLettersTimeout bounds how long the page waits for their count.
	deadLettersTimeout = 3 * time.Second
	// runningPollInterval and idlePollInterval are how often htmx reloads the page's content.
	runningPollInterval, idlePollInterval = "2s", "30s"
	// refreshSeconds is how often a browser without JavaScript reloads the page while a sync runs.
	refreshSeconds = 5
)

type statusView struct {
	chrome
	PollInterval string
	Address      string
	TeamID       string
	CanSync      bool
	Pressed      bool // the viewer has just pressed "Sync now"
	Starting     bool // requested, not begun yet
	Health       health
	Running      *syncView
	Syncs        []syncView
	LastEvent    time.Time // zero: none yet
	NextSync     time.Time // zero: unknown
	Drift        string
	DeadLetters  deadLetters
	Fields       *fieldsView // nil before a full sync has finished
	Charts       charts
}

// deadLetters are the messages that could not be applied.
type deadLetters struct {
	Counted bool // this deployment counts them
	Known   bool
	N       int
	Command string // empty: nothing lists them
}

func (h *handler) status(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	values, err := query(r)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, values.Get("team"))
	if err != nil {
		return nil, err
	}
	v := statusView{chrome: h.chrome(r, workspaces, current), TeamID: current.ID, CanSync: h.Syncer != nil, PollInterval: idlePollInterval}
	for i := range v.Workspaces {
		v.Workspaces[i].URL = statusAddress(workspaces[i].ID, "")
	}
	v.Styles, v.HTMX = []string{"status.css"}, true
	v.chrome.Title = "Status of " + firstNonEmpty(workspaceName(current), "the directory")
	v.DeadLetters = h.countDeadLetters(ctx)
	var records []syncs.Sync
	if current.ID != "" {
		if records, err = h.statusOf(ctx, &v, current.ID); err != nil {
			return nil, err
		}
	}
	started, _ := strconv.ParseInt(values.Get("started"), 10, 64)
	requested := time.Unix(started, 0)
	v.Pressed = h.Now().Sub(requested).Abs() < startTimeout && r.Header.Get("HX-Request") == "" // htmx keeps the focus by itself
	v.Starting = v.Running == nil && h.Now().Sub(requested).Abs() < startTimeout && (len(v.Syncs) == 0 || v.Syncs[0].Started.Before(requested))
	v.Address = statusAddress(current.ID, "")
	if v.Starting {
		v.Address = statusAddress(current.ID, strconv.FormatInt(started, 10))
	}
	if v.Running != nil || v.Starting {
		v.PollInterval = runningPollInterval
		v.Refresh = fmt.Sprintf("%d; url=%s", refreshSeconds, v.Address)
	}
	v.Health = healthOf(evidence{workspace: current, starting: v.Starting, syncs: records, schedule: h.Schedule,
		deadLetters: v.DeadLetters.N, lastEvent: v.LastEvent, now: h.Now()})
	return layout(v.chrome, statusPage(v)), nil
}

// countDeadLetters asks once for all viewers, whose pages poll.
func (h *handler) countDeadLetters(ctx context.Context) deadLetters {
	if h.DeadLetters == nil {
		return deadLetters{}
	}
	n, err := h.caches.deadLetters.get("", func() (int, error) {
		ctx, cancel := context.WithTimeout(ctx, deadLettersTimeout)
		defer cancel()
		return h.DeadLetters.Waiting(ctx)
	})
	if err != nil {
		h.Log.WarnContext(ctx, "dead letters not counted", "error", err)
	}
	return deadLetters{Counted: true, Known: err == nil, N: n, Command: h.DeadLettersCommand}
}

func statusAddress(teamID, started string) string {
	q := url.Values{}
	if teamID != "" {
		q.Set("team", teamID)
	}
	if started != "" {
		q.Set("started", started)
	}
	u := url.URL{Path: "/status", RawQuery: q.Encode()}
	return u.String()
}

// statusOf fills in what is known about a workspace, and returns its latest full syncs.
func (h *handler) statusOf(ctx context.Context, v *statusView, teamID string) ([]syncs.Sync, error) {
	records, err := h.latestSyncs(ctx, teamID)
	if err != nil {
		return nil, err
	}
	expected := 0
	last := lastDone(records)
	if last != nil {
		expected = last.Listed
	}
	for _, s := range records {
		view := syncView{Sync: s}
		if expected > 0 {
			view.Total = max(expected, s.Listed)
		}
		v.Syncs = append(v.Syncs, view)
	}
	if len(records) > 0 && records[0].State == syncs.Running {
		v.Running = &v.Syncs[0]
	}
	if h.Schedule != nil {
		v.NextSync = h.Schedule.Next(h.Now())
	}
	if v.LastEvent, err = h.lastEvent(ctx, teamID); err != nil {
		return nil, err
	}
	if v.Drift, err = h.drift(ctx, teamID, records); err != nil {
		return nil, err
	}
	if v.Charts, err = h.caches.charts.get(teamID, func() (charts, error) { return h.charts(ctx, teamID) }); err != nil {
		return nil, err
	}
	if last != nil {
		v.Charts.Zones = zonesChart(last.TimeZones, teamID, last.ID, h.Now())
		v.Fields = newFieldsView(*last, h.profile(ctx, teamID).Visible(), v.Charts.askable)
	}
	return records, nil
}

// latestSyncs returns the latest full syncs, the newest first.
func (h *handler) latestSyncs(ctx context.Context, teamID string) ([]syncs.Sync, error) {
	records, err := h.Store.Syncs(ctx, teamID, maxSyncs)
	if err != nil {
		return nil, fmt.Errorf("syncs: %w", err)
	}
	if len(records) > 0 && records[0].State == syncs.Running {
		until, err := h.Store.LeasedUntil(ctx, teamID)
		if err != nil {
			return nil, fmt.Errorf("lease: %w", err)
		}
		if until.Before(h.Now()) { // it was killed before it could record its end
			records[0].State = syncs.Interrupted
		}
	}
	return records, nil
}

// lastDone returns the newest sync that finished, nil if there is none.
func lastDone(records []syncs.Sync) *syncs.Sync {
	i := slices.IndexFunc(records, func(s syncs.Sync) bool { return s.State == syncs.Done })
	if i < 0 {
		return nil
	}
	return &records[i]
}

// lastEvent is when Slack last sent an event, zero if it never did.
func (h *handler) lastEvent(ctx context.Context, teamID string) (time.Time, error) {
	// An event that a broken clock dated into the future is not the last one.
	ahead := directory.Cursor{Version: directory.VersionOf(h.Now().Add(directory.MaxAhead)), ID: "Z"}
	newest, err := h.Store.Users(ctx, teamID, directory.PageRequest{Limit: 1, Order: directory.ByChange, After: &ahead,
		Filter: directory.Filter{Source: directory.FromEvent}})
	if err != nil {
		return time.Time{}, fmt.Errorf("last event: %w", err)
	}
	if len(newest.Users) == 0 {
		return time.Time{}, nil
	}
	return newest.Users[0].Version.Time(), nil
}

// startSync starts a full sync and redirects to the page that shows it.
func (h *handler) startSync(w http.ResponseWriter, r *http.Request) {
	if h.Syncer == nil {
		h.fail(w, r, directory.ErrNotFound)
		return
	}
	teamID, err := formTeam(w, r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if _, _, err := h.current(r.Context(), teamID); err != nil {
		h.fail(w, r, err)
		return
	}
	started := ""
	switch err := h.Syncer.StartSync(r.Context()); {
	case err == nil:
		started = strconv.FormatInt(h.Now().Unix(), 10)
		h.Audit.Did(r.Context(), viewerOf(r.Context()).Email, "full sync started")
	case !errors.Is(err, syncs.ErrLeased): // the page shows one that is running already
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, statusAddress(teamID, started), http.StatusSeeOther)
}

// formTeam returns the workspace that a form names, or "".
func formTeam(w http.ResponseWriter, r *http.Request) (string, error) {
	form, err := readForm(w, r)
	if err != nil {
		return "", err
	}
	teamID := form.Get("team")
	if teamID == "" {
		return "", nil
	}
	return teamID, directory.ValidateID("team", teamID)
}
