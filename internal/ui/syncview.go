package ui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// syncView is a full sync in the table.
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

// badge is the colour of the state.
func (v syncView) badge() string {
	switch v.State {
	case syncs.Done:
		return "ok"
	case syncs.Running:
		return "busy"
	case syncs.Interrupted:
		return "warn"
	default:
		return "bad"
	}
}

// result says what the sync did: "1 added, 2 updated".
func (v syncView) result() string {
	text := amounts([]amount{{v.Inserted, "added"}, {v.Updated, "updated"}, {v.Removed, "removed"}, {v.Failed, "skipped"}})
	switch {
	case v.Error != "":
		return v.Error
	case text == "" && v.State == syncs.Done:
		return "nothing to repair"
	default:
		return text
	}
}

type amount struct {
	n    int
	what string
}

// amounts lists those that are not 0: "1 added, 2 updated".
func amounts(all []amount) string {
	var parts []string
	for _, a := range all {
		if a.n != 0 {
			parts = append(parts, number(a.n)+" "+a.what)
		}
	}
	return strings.Join(parts, ", ")
}

// syncHeadings are the headings of the columns with numbers. On a narrow screen they are beside each number.
var syncHeadings = []string{"Repaired", "Drift", "Took", "Listed", "Slack calls", "Waits", "Reads", "Writes"}

// cells are in the order of the headings.
func (v syncView) cells() []string {
	return []string{number(v.Inserted + v.Updated + v.Removed), number(v.Drift), firstNonEmpty(v.took(), "–"), number(v.Listed),
		number(v.Calls), number(v.Waits), number(v.Reads), number(v.Writes)}
}

// progress says how far a running sync is: "1,000 of 2,500 accounts listed, 3 pages".
func (v syncView) progress() string {
	listed := number(v.Listed)
	if v.Total > 0 {
		listed += " of " + number(v.Total)
	}
	text := listed + " accounts listed, " + plural(v.Pages, "page") + " read"
	if v.Waits > 0 {
		text += ", waited " + plural(v.Waits, "time") + " for Slack's rate limit"
	}
	return text
}

// differed lists the fields in which events and listings disagreed: "profile.title 3, tz 1".
func (v syncView) differed() string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(v.Differed)) {
		all = append(all, field+" "+number(v.Differed[field]))
	}
	return strings.Join(all, ", ")
}

// fieldsView is what full syncs know about custom fields.
type fieldsView struct {
	syncs.Profiles
	Labels []string
	Known  int // people whose custom fields have been read
	People int // people who can have some
}

func newFieldsView(last syncs.Sync, fields directory.Fields, people int) *fieldsView {
	v := &fieldsView{Profiles: last.Profiles, People: people}
	v.Known = max(0, people-v.NeverAsked)
	for _, f := range fields {
		v.Labels = append(v.Labels, firstNonEmpty(f.Label, f.ID))
	}
	return v
}

// begun reports whether a full sync has ever asked for custom fields: a first load does not.
func (v fieldsView) begun() bool { return v.Profiles != syncs.Profiles{} }
