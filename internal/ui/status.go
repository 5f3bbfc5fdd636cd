package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/message"

	"rollcall/internal/directory"
	"rollcall/internal/service"
	"rollcall/internal/syncs"
)

// Records are what full syncs leave, newest first, and the custom emoji they copy.
type Records interface {
	Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error)
	// LeasedUntil returns until when a full sync holds the workspace, unless it dies.
	LeasedUntil(ctx context.Context, teamID string) (time.Time, error)
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

const (
	syncsShown = 10
	chartDays  = 14
	zonesShown = 12
	// startsWithin is how long a sync that was asked for may take to begin: a Cloud Run job starts a container.
	startsWithin = 3 * time.Minute
	// largestForm and formWithin bound what somebody may send with the button.
	largestForm, formWithin = 4 << 10, 5 * time.Second
	// pollRunning and pollIdle are how often the page looks again.
	pollRunning, pollIdle = "every 2s", "every 30s"
)

type statusView struct {
	chrome
	Poll        string // htmx's trigger
	Address     string
	TeamID      string
	CanSync     bool
	Starting    bool // asked for, not begun yet
	Running     *syncView
	Last        *syncView
	Syncs       []syncView
	LastEvent   time.Time // zero: none yet
	DeadLetters string    // empty: nobody counts them
	Charts      []chart
	printer     *message.Printer
}

// number writes n as the viewer does.
func (v statusView) number(n int) string { return v.printer.Sprintf("%d", n) }

// syncView is one full sync, its numbers as the viewer writes them.
type syncView struct {
	State, Error                                                string
	Started, Ended                                              time.Time
	Took                                                        string
	Pages, Listed, Inserted, Updated, Removed, Unchanged, Drift string
	Calls, Waits, Reads, Writes                                 string
	Differed                                                    string // "profile.title 3, tz 1"
	Done, Total                                                 int    // Total is 0 as long as nobody knows
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
	v := statusView{chrome: h.chrome(r, workspaces, current), TeamID: current.ID, CanSync: h.Syncer != nil, Poll: pollIdle}
	for i := range v.Workspaces {
		v.Workspaces[i].URL = "/status?team=" + url.QueryEscape(workspaces[i].ID)
	}
	v.chrome.Title = "Status of " + firstNonEmpty(workspaceName(current), "the directory")
	v.printer = printer(r)
	if current.ID != "" {
		if err := h.statusOf(ctx, &v, current.ID); err != nil {
			return nil, err
		}
	}
	if h.DeadLetters != nil {
		v.DeadLetters = "unknown: they could not be counted"
		if n, err := h.waiting(ctx); err == nil {
			v.DeadLetters = v.number(n)
		} else {
			h.Log.WarnContext(ctx, "dead letters not counted", "error", err)
		}
	}
	started, _ := strconv.ParseInt(values.Get("started"), 10, 64)
	asked := time.Unix(started, 0)
	v.Starting = v.Running == nil && h.Now().Sub(asked).Abs() < startsWithin && (len(v.Syncs) == 0 || v.Syncs[0].Started.Before(asked))
	if v.Running != nil || v.Starting {
		v.Poll = pollRunning
	}
	v.Address = statusAddress(current.ID, "")
	if v.Starting {
		v.Address = statusAddress(current.ID, strconv.FormatInt(started, 10))
	}
	return layout(v.chrome, statusPage(v)), nil
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

func (h *handler) statusOf(ctx context.Context, v *statusView, teamID string) error {
	records, err := h.Store.Syncs(ctx, teamID, syncsShown)
	if err != nil {
		return fmt.Errorf("syncs: %w", err)
	}
	expected := 0
	for _, s := range records {
		if s.State == syncs.Done {
			expected = s.Listed
			break
		}
	}
	if len(records) > 0 && records[0].State == syncs.Running {
		until, err := h.Store.LeasedUntil(ctx, teamID)
		if err != nil {
			return fmt.Errorf("lease: %w", err)
		}
		if until.Before(h.Now()) { // it was killed, and could not say so
			records[0].State = syncs.Interrupted
		}
	}
	for i, s := range records {
		view := syncViewOf(s, expected, v.number)
		v.Syncs = append(v.Syncs, view)
		switch {
		case i == 0 && s.State == syncs.Running:
			v.Running = &view
		case v.Last == nil:
			v.Last = &view
		}
	}
	// What a broken clock has said is not the last event.
	ahead := directory.Cursor{Version: directory.VersionOf(h.Now().Add(directory.MaxAhead)), ID: "Z"}
	newest, err := h.Store.Users(ctx, teamID, directory.PageRequest{Limit: 1, Order: directory.ByChange, After: &ahead,
		Filter: directory.Filter{Source: directory.FromEvent}})
	if err != nil {
		return fmt.Errorf("last event: %w", err)
	}
	if len(newest.Users) > 0 {
		v.LastEvent = newest.Users[0].Version.Time()
	}
	v.Charts, err = h.caches.charts.get(teamID, func() ([]chart, error) { return h.charts(ctx, teamID) })
	return err
}

func syncViewOf(s syncs.Sync, expected int, n func(int) string) syncView {
	v := syncView{
		State: string(s.State), Error: s.Error, Started: s.Started, Ended: s.Ended,
		Pages: n(s.Pages), Listed: n(s.Listed), Inserted: n(s.Inserted), Updated: n(s.Updated), Removed: n(s.Removed),
		Unchanged: n(s.Unchanged), Drift: n(s.Drift), Calls: n(s.Calls), Waits: n(s.Waits), Reads: n(s.Reads), Writes: n(s.Writes),
		Done: s.Listed,
	}
	var differed []string
	for _, field := range slices.Sorted(maps.Keys(s.Differed)) {
		differed = append(differed, field+" "+n(s.Differed[field]))
	}
	v.Differed = strings.Join(differed, ", ")
	if !s.Ended.IsZero() {
		v.Took = s.Ended.Sub(s.Started).Round(100 * time.Millisecond).String()
	}
	if expected > 0 {
		v.Total = max(expected, s.Listed)
	}
	return v
}

func (h *handler) charts(ctx context.Context, teamID string) ([]chart, error) {
	kinds := make([]bar, len(directory.Groups)+1)
	days := make([]bar, chartDays)
	today := h.Now().UTC().Truncate(24 * time.Hour)
	counting, counts := errgroup.WithContext(ctx)
	count := func(b *bar, label string, f directory.Filter) {
		b.Label = label
		counting.Go(func() (err error) {
			b.Value, _, err = h.Store.Count(counts, teamID, f)
			return err
		})
	}
	for i, g := range directory.Groups {
		count(&kinds[i], groupNames[g], directory.Filter{AccountStatus: directory.Active, Group: g})
	}
	count(&kinds[len(directory.Groups)], "Deactivated", directory.Filter{AccountStatus: directory.Deactivated})
	for i := range days {
		from := today.AddDate(0, 0, i+1-chartDays)
		days[i].Label, days[i].Day = from.Format("2 Jan"), from.Format(time.DateOnly)
		counting.Go(func() (err error) {
			days[i].Value, err = h.Store.CountChanged(counts, teamID,
				directory.Version(from.UnixMicro()), directory.Version(from.AddDate(0, 0, 1).UnixMicro()))
			return err
		})
	}
	if err := counting.Wait(); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	return []chart{
		newChart("People by kind", "Active accounts, and all that are deactivated.", false, kinds),
		newChart("People by time zone", "Active people, as the last full sync listed them.", false, zoneBars(h.timeZones(ctx, teamID))),
		newChart("Changes per day", "People by the day (UTC) of their last change.", true, days),
	}, nil
}

// timeZones are those that the last full sync met; none if there was none.
func (h *handler) timeZones(ctx context.Context, teamID string) map[string]int {
	if teamID == "" {
		return nil
	}
	zones, err := h.caches.zones.get(teamID, func() (map[string]int, error) {
		records, err := h.Store.Syncs(ctx, teamID, syncsShown)
		for _, s := range records {
			if s.State == syncs.Done {
				return s.TimeZones, nil
			}
		}
		return nil, cmp.Or(err, errNoSync)
	})
	if err != nil && !errors.Is(err, errNoSync) && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "time zones not read", "team_id", teamID, "error", err)
	}
	return zones
}

var errNoSync = errors.New("no full sync yet")

func zoneBars(zones map[string]int) (bars []bar) {
	names := slices.SortedFunc(maps.Keys(zones), func(a, b string) int { return cmp.Or(zones[b]-zones[a], cmp.Compare(a, b)) })
	others := 0
	for i, zone := range names {
		if i < zonesShown {
			bars = append(bars, bar{Label: zone, Value: zones[zone]})
		} else {
			others += zones[zone]
		}
	}
	if others > 0 {
		bars = append(bars, bar{Label: "Others", Value: others})
	}
	return bars
}

// startSync starts a full sync and leads to the page that shows it.
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
	if err := h.Syncer.StartSync(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	h.Audit.Did(r.Context(), viewerOf(r.Context()).Email, "full sync started")
	http.Redirect(w, r, statusAddress(teamID, strconv.FormatInt(h.Now().Unix(), 10)), http.StatusSeeOther)
}

// formTeam returns the workspace that a form names, empty if it names none.
func formTeam(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := service.ReadBody(w, r, largestForm, formWithin)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", fmt.Errorf("%w: form cannot be decoded", directory.ErrInvalid)
	}
	teamID := form.Get("team")
	if teamID == "" {
		return "", nil
	}
	return teamID, directory.ValidateID("team", teamID)
}
