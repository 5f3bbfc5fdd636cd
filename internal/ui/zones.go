package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that zones load in an image without them

	"rollcall/internal/directory"
)

const (
	// maxOffsets is how many groups of time zones the page names. The last one is all others.
	maxOffsets = 7
	// maxZoneNames is how many of its zones a group is named after.
	maxZoneNames = 3
)

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

// zones counts people by how far their clocks are from UTC today.
type zones struct {
	ID     string // changes with the full sync that counted them
	Groups []zoneGroup
}

// zoneGroup are the time zones of one offset, or all the others.
type zoneGroup struct {
	bar          // without URL if no filter takes so many zones
	Names string // of the biggest zones
	Zones []bar  // the biggest first
	Rest  bool   // all others

	names []string // of all zones, as Slack writes them
}

const unknownZone = "Unknown"

func zonesChart(counts map[string]int, teamID, syncID string, now time.Time) zones {
	grouped := map[string]*zoneGroup{}
	for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) }) {
		if name == "" { // no filter finds who has none
			continue
		}
		label := offsetName(name, now)
		g := grouped[label]
		if g == nil {
			g = &zoneGroup{bar: bar{Label: label}}
			grouped[label] = g
		}
		g.add(bar{Label: zoneName(name), URL: zonesAddress(teamID, name), Value: counts[name]}, name)
	}
	all := slices.SortedFunc(maps.Values(grouped), func(a, b *zoneGroup) int { return cmp.Or(b.Value-a.Value, cmp.Compare(a.Label, b.Label)) })
	if len(all) > maxOffsets {
		others := &zoneGroup{bar: bar{Label: "Others"}, Rest: true}
		for _, g := range all[maxOffsets-1:] {
			for i, z := range g.Zones {
				z.About = g.Label
				others.add(z, g.names[i])
			}
		}
		slices.SortStableFunc(others.Zones, func(a, b bar) int { return b.Value - a.Value })
		all = append(all[:maxOffsets-1], others)
	}
	z := zones{ID: "zones-" + strings.ReplaceAll(syncID, ".", "-")} // htmx makes a selector of it
	bars := make([]bar, len(all))
	for i, g := range all {
		bars[i] = g.bar
	}
	for i, b := range scale(bars) {
		g := *all[i]
		g.bar, g.Names, g.URL = b, cityNames(g.Zones), zonesAddress(teamID, g.names...)
		z.Groups = append(z.Groups, g)
	}
	return z
}

func (g *zoneGroup) add(zone bar, name string) {
	g.Zones, g.names = append(g.Zones, zone), append(g.names, name)
	g.Value += zone.Value
}

// zonesAddress leads to the active people in time zones; it is empty if no filter takes so many.
func zonesAddress(teamID string, names ...string) string {
	f := directory.Filter{AccountStatus: directory.Active, TimeZones: names}
	if f.Validate() != nil {
		return ""
	}
	return listRequest{teamID: teamID, req: directory.PageRequest{Order: directory.ByName, Filter: f}}.address("/")
}

// cityNames are those of the biggest zones: "Berlin, Paris, Madrid, 4 more".
func cityNames(all []bar) string {
	var names []string
	for _, z := range all[:min(len(all), maxZoneNames)] {
		names = append(names, cityName(z.Label))
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// offsetName is how far a time zone is from UTC at a time: "UTC+5:30".
func offsetName(zone string, at time.Time) string {
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return unknownZone
	}
	_, seconds := at.In(location).Zone()
	sign := "+"
	if seconds < 0 {
		sign, seconds = "−", -seconds
	}
	text := fmt.Sprintf("UTC%s%d", sign, seconds/3600)
	if minutes := seconds / 60 % 60; minutes > 0 {
		text += fmt.Sprintf(":%02d", minutes)
	}
	return text
}
