package ui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

const chartDays = 14

// charts are the data of the status page's charts.
type charts struct {
	Kinds   []bar
	Zones   zones
	Days    []bar // the last is today; none if nothing was ever recorded
	Changes string
	askable int // people who can have custom fields
}

// bar is one value of a chart.
type bar struct {
	Label string
	About string // more about the label: the day in full, a zone's offset
	URL   string // of what it counts
	Value int
	Share float64 // of the largest, 0 to 1
}

// scale sets the shares.
func scale(bars []bar) []bar {
	largest := 1
	for _, b := range bars {
		largest = max(largest, b.Value)
	}
	for i := range bars {
		bars[i].Share = float64(bars[i].Value) / float64(largest)
	}
	return bars
}

// percent is a length in an SVG. Any value above 0 is long enough to be seen.
func percent(share float64) string {
	if share > 0 {
		share = max(share, 0.015)
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + "%"
}

// compact shortens n to at most four characters: "999", "1.2k", "12k", "3.4M".
func compact(n int) string {
	unit := ""
	v := float64(n)
	for _, next := range []string{"k", "M", "B"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, next
	}
	if unit != "" && v < 9.95 {
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + unit
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + unit
}

// charts counts everything but time zones, which the full syncs count.
func (h *handler) charts(ctx context.Context, teamID string) (charts, error) {
	c := charts{Kinds: make([]bar, len(directory.Groups)+1), Changes: changeList{teamID: teamID}.address("/changes")}
	counting, counts := errgroup.WithContext(ctx)
	count := func(b *bar, label string, f directory.Filter) {
		b.Label, b.URL = label, listRequest{teamID: teamID, req: directory.PageRequest{Order: directory.ByName, Filter: f}}.address("/")
		counting.Go(func() (err error) {
			b.Value, _, err = h.Store.Count(counts, teamID, f)
			return err
		})
	}
	for i, g := range directory.Groups {
		count(&c.Kinds[i], groupNames[g], directory.Filter{AccountStatus: directory.Active, Group: g})
	}
	count(&c.Kinds[len(directory.Groups)], "Deactivated", directory.Filter{AccountStatus: directory.Deactivated})
	counting.Go(func() (err error) {
		c.Days, err = h.changesPerDay(counts, teamID)
		return err
	})
	if err := counting.Wait(); err != nil {
		return charts{}, fmt.Errorf("count: %w", err)
	}
	for i, g := range directory.Groups {
		if g != directory.GroupBots && g != directory.GroupExternal {
			c.askable += c.Kinds[i].Value
		}
	}
	scale(c.Kinds)
	return c, nil
}

// changesPerDay counts the changes of the last days, none if nothing was ever recorded.
func (h *handler) changesPerDay(ctx context.Context, teamID string) ([]bar, error) {
	days := make([]bar, chartDays)
	today := dayOf(h.Now())
	counting, counts := errgroup.WithContext(ctx)
	for i := range days {
		from := today.AddDate(0, 0, i+1-chartDays)
		day := from.Format(time.DateOnly)
		days[i] = bar{Label: from.Format("2 Jan"), About: from.Format("Monday 2 January"), URL: changeList{teamID: teamID, oldest: day, latest: day}.address("/changes")}
		counting.Go(func() (err error) {
			days[i].Value, err = h.Store.CountRecords(counts, teamID, directory.RecordFilter{Oldest: from, Latest: from.AddDate(0, 0, 1)})
			return err
		})
	}
	if err := counting.Wait(); err != nil {
		return nil, err
	}
	days[chartDays-1].Label = "today"
	if slices.ContainsFunc(days, func(b bar) bool { return b.Value > 0 }) {
		return scale(days), nil
	}
	page, err := h.Store.Records(ctx, teamID, directory.RecordPageRequest{Limit: 1})
	if err != nil || len(page.Records) == 0 {
		return nil, err
	}
	return scale(days), nil
}
