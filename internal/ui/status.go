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

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
	"rollcall/internal/syncs"
)

const (
	maxSyncs  = 10
	chartDays = 14
	maxZones  = 12
	// startTimeout is how long a requested sync may take to begin: a Cloud Run job starts a container.
	startTimeout = 3 * time.Minute
	// deadLettersTimeout bounds how long the page waits for their count.
	deadLettersTimeout = 3 * time.Second
	// maxFormBytes and formTimeout are for the form of the button.
	maxFormBytes, formTimeout = 4 << 10, 5 * time.Second
	// runningPollInterval and idlePollInterval are how often htmx reloads the page's content.
	runningPollInterval, idlePollInterval = "2s", "30s"
)

type statusView struct {
	chrome
	PollInterval string
	Address      string
	TeamID       string
	CanSync      bool
	Starting     bool // requested, not begun yet
	Running      *syncView
	Last         *syncView
	Syncs        []syncView
	LastEvent    time.Time // zero: none yet
	DeadLetters  string    // "": not counted here
	Charts       []chart
}

type syncView struct {
	syncs.Sync
	Total int // how many people the sync is expected to list, 0 if that is unknown
}

// took is how long the sync took: "200 ms", "12 s", "1 min 30 s", "2 h 5 min". It is "" before the end.
func (v syncView) took() string {
	d := v.Ended.Sub(v.Started)
	switch s := int(d.Round(time.Second) / time.Second); {
	case v.Ended.IsZero():
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	default:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
}

// sentence says how the sync ended: "finished [time], took 12 s". Of a sync that was killed
// only the start is known: "interrupted, started [time]".
func (v syncView) sentence() (state string, at time.Time, took string) {
	switch {
	case v.Ended.IsZero():
		return string(v.State) + ", started", v.Started, ""
	case v.State == syncs.Done:
		return "finished", v.Ended, ", took " + v.took()
	default:
		return string(v.State), v.Ended, ", took " + v.took()
	}
}

// syncHeadings are those of the table of syncs.
var syncHeadings = []string{"Started", "State", "Duration", "Listed", "Inserted", "Updated", "Removed", "Unchanged", "Drift", "Slack calls", "Waits", "Reads", "Writes"}

// counts are in the order of the headings.
func (v syncView) counts() []int {
	return []int{v.Listed, v.Inserted, v.Updated, v.Removed, v.Unchanged, v.Drift, v.Calls, v.Waits, v.Reads, v.Writes}
}

// differed lists the fields in which events and listings disagreed: "profile.title 3, tz 1".
func (v syncView) differed() string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(v.Differed)) {
		all = append(all, field+" "+number(v.Differed[field]))
	}
	return strings.Join(all, ", ")
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
		v.Workspaces[i].URL = "/status?team=" + url.QueryEscape(workspaces[i].ID)
	}
	v.chrome.Title = "Status of " + firstNonEmpty(workspaceName(current), "the directory")
	if current.ID != "" {
		if err := h.statusOf(ctx, &v, current.ID); err != nil {
			return nil, err
		}
	}
	if h.DeadLetters != nil {
		v.DeadLetters = "unknown (they could not be counted)"
		if n, err := h.countDeadLetters(ctx); err == nil {
			v.DeadLetters = number(n)
		} else {
			h.Log.WarnContext(ctx, "dead letters not counted", "error", err)
		}
	}
	started, _ := strconv.ParseInt(values.Get("started"), 10, 64)
	requested := time.Unix(started, 0)
	v.Starting = v.Running == nil && h.Now().Sub(requested).Abs() < startTimeout && (len(v.Syncs) == 0 || v.Syncs[0].Started.Before(requested))
	if v.Running != nil || v.Starting {
		v.PollInterval = runningPollInterval
	}
	v.Address = statusAddress(current.ID, "")
	if v.Starting {
		v.Address = statusAddress(current.ID, strconv.FormatInt(started, 10))
	}
	return layout(v.chrome, statusPage(v)), nil
}

// countDeadLetters asks once for all viewers, whose pages poll.
func (h *handler) countDeadLetters(ctx context.Context) (int, error) {
	return h.caches.deadLetters.get("", func() (int, error) {
		ctx, cancel := context.WithTimeout(ctx, deadLettersTimeout)
		defer cancel()
		return h.DeadLetters.Waiting(ctx)
	})
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

// statusOf fills in what is known about a workspace.
func (h *handler) statusOf(ctx context.Context, v *statusView, teamID string) error {
	records, err := h.Store.Syncs(ctx, teamID, maxSyncs)
	if err != nil {
		return fmt.Errorf("syncs: %w", err)
	}
	expected := 0
	if last := lastDone(records); last != nil {
		expected = last.Listed
	}
	if len(records) > 0 && records[0].State == syncs.Running {
		until, err := h.Store.LeasedUntil(ctx, teamID)
		if err != nil {
			return fmt.Errorf("lease: %w", err)
		}
		if until.Before(h.Now()) { // it was killed before it could record its end
			records[0].State = syncs.Interrupted
		}
	}
	for i, s := range records {
		view := syncView{Sync: s}
		if expected > 0 {
			view.Total = max(expected, s.Listed)
		}
		v.Syncs = append(v.Syncs, view)
		switch {
		case i == 0 && s.State == syncs.Running:
			v.Running = &view
		case v.Last == nil:
			v.Last = &view
		}
	}
	// An event that a broken clock dated into the future is not the last one.
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

// lastDone returns the newest sync that finished, nil if there is none.
func lastDone(records []syncs.Sync) *syncs.Sync {
	for i := range records {
		if records[i].State == syncs.Done {
			return &records[i]
		}
	}
	return nil
}

// chart is a bar chart.
type chart struct {
	Title, Note string
	Upright     bool   // the bars stand side by side, for days
	More        string // the address of what the chart counts; "" if there is none
	Bars        []bar
}

type bar struct {
	Label string
	URL   string // of what the bar counts; "" if there is none
	Value int
	Share float64 // of the largest, 0 to 1
}

func newChart(title, note string, upright bool, bars []bar) chart {
	largest := 1
	for _, b := range bars {
		largest = max(largest, b.Value)
	}
	for i := range bars {
		bars[i].Share = float64(bars[i].Value) / float64(largest)
	}
	return chart{Title: title, Note: note, Upright: upright, Bars: bars}
}

// px formats a length in an SVG.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// columnWide and columnAt spread n standing bars over a width of 400.
func columnWide(n int) float64  { return 400 / float64(n) * 0.7 }
func columnAt(i, n int) float64 { return 400/float64(n)*float64(i) + 400/float64(n)*0.15 }

func (h *handler) charts(ctx context.Context, teamID string) ([]chart, error) {
	kinds := make([]bar, len(directory.Groups)+1)
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
	var changes chart
	counting.Go(func() (err error) {
		changes, err = h.changesPerDay(counts, teamID)
		return err
	})
	if err := counting.Wait(); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	return []chart{
		newChart("People by kind", "Active accounts by kind, and all deactivated accounts.", false, kinds),
		newChart("People by time zone", "Active people, without bots, as of the last full sync.", false, zoneBars(h.timeZones(ctx, teamID))),
		changes,
	}, nil
}

// timeZones counts people by time zone, as the last finished full sync listed them.
func (h *handler) timeZones(ctx context.Context, teamID string) map[string]int {
	if teamID == "" {
		return nil
	}
	zones, err := h.caches.zones.get(teamID, func() (map[string]int, error) {
		records, err := h.Store.Syncs(ctx, teamID, maxSyncs)
		if last := lastDone(records); last != nil {
			return last.TimeZones, nil
		}
		return nil, cmp.Or(err, errNoSync)
	})
	if err != nil && !errors.Is(err, errNoSync) && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "time zones not read", "team_id", teamID, "error", err)
	}
	return zones
}

var errNoSync = errors.New("no full sync has finished yet")

func zoneBars(zones map[string]int) (bars []bar) {
	names := slices.SortedFunc(maps.Keys(zones), func(a, b string) int { return cmp.Or(zones[b]-zones[a], cmp.Compare(a, b)) })
	others := 0
	for i, zone := range names {
		if i < maxZones {
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
	if err := h.Syncer.StartSync(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	h.Audit.Did(r.Context(), viewerOf(r.Context()).Email, "full sync started")
	http.Redirect(w, r, statusAddress(teamID, strconv.FormatInt(h.Now().Unix(), 10)), http.StatusSeeOther)
}

// formTeam returns the workspace that a form names, or "".
func formTeam(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := httpbody.Read(w, r, maxFormBytes, formTimeout)
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
