package ui

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// noHistory says why there may be no records.
const noHistory = "Rollcall records changes after the first full sync, unless HISTORY_DAYS is 0."

// weekDays is the time that the page sums up.
const weekDays = 7

type changesView struct {
	chrome
	changeList
	Types      []choiceOption
	Chips      []changeChip
	Week       string // what happened lately, "" if nothing did
	Days       []changeDay
	Midnight   int    // seconds until today is yesterday; 0 where that makes no difference
	Prev, Next string // addresses, empty where there are none
	Live       string
	CSV, JSON  string

	Count                       string // "" until somebody asks for it
	CountAddress, CountFragment string
}

// changeChip is a filter that can be taken away.
type changeChip struct {
	Label, Without string
	Person         string // the id of whom it names
}

func (h *handler) changes(r *http.Request) (templ.Component, error) {
	ctx := r.Context()
	q, err := query(r)
	if err != nil {
		return nil, err
	}
	l, err := parseChanges(q)
	if err != nil {
		return nil, err
	}
	workspaces, current, err := h.current(ctx, l.teamID)
	if err != nil {
		h.missing(r, "changes", l.teamID, "", err)
		return nil, err
	}
	view := changesView{chrome: h.chrome(r, workspaces, current), Types: typeOptions(l.req.Filter.Types)}
	view.Styles, view.HTMX = []string{"changes.css"}, true
	view.chrome.Title = "Changes in " + firstNonEmpty(workspaceName(current), "the directory")
	for i := range view.Workspaces {
		view.Workspaces[i].URL = changeList{teamID: workspaces[i].ID}.address("/changes")
	}
	l.teamID = current.ID
	view.changeList = l
	if current.ID != "" { // otherwise nothing is here yet
		if err := h.changesOf(r, &view, l); err != nil {
			return nil, err
		}
	}
	return layout(view.chrome, changes(view)), nil
}

// changesOf fills in a page of the list.
func (h *handler) changesOf(r *http.Request, view *changesView, l changeList) error {
	ctx := r.Context()
	since := h.records.Position(l.teamID) // before the page is read, so that no record is missed
	page, err := h.Store.Records(ctx, l.teamID, l.req)
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	row, who, err := h.changeRows(ctx, l.teamID, page.Records, l.req.Filter.UserID)
	if err != nil {
		return err
	}
	if view.Week, err = h.week(ctx, l.teamID); err != nil {
		return err
	}
	e := l.shown(r, "changes")
	e.Count = len(page.Records)
	for _, id := range slices.Sorted(maps.Keys(who)) {
		e.UserIDs = audit.Add(e.UserIDs, id)
	}
	h.Audit.Shown(ctx, e)
	now := h.Now()
	view.Days = byDay(page.Records, page.Prev == nil, now, row)
	if page.Prev == nil {
		view.Midnight = 1 + int(dayOf(now).AddDate(0, 0, 1).Sub(now)/time.Second)
	}
	view.Chips = l.chips(who[l.req.Filter.UserID])
	view.Prev, view.Next = l.pageAddress("before", page.Prev), l.pageAddress("after", page.Next)
	view.Live = l.address("/changes/events", "since", since)
	view.CSV, view.JSON = l.address("/changes.csv"), l.address("/changes.json")
	view.CountAddress, view.CountFragment = l.address("/changes", "count", "1"), l.address("/changes/count")
	if r.URL.Query().Has("count") { // the link that works without JavaScript
		view.Count, err = h.countChanges(r, l)
	}
	return err
}

// changesCount is the fragment that the page loads once it is shown, and again after a change.
func (h *handler) changesCount(r *http.Request) (templ.Component, error) {
	l, _, err := h.requestedChanges(r, "changes_count")
	if err != nil {
		return nil, err
	}
	text, err := h.countChanges(r, l)
	return countLine(text), err
}

func (h *handler) countChanges(r *http.Request, l changeList) (string, error) {
	n, err := h.caches.records.get(l.address(""), func() (int, error) { return h.Store.CountRecords(r.Context(), l.teamID, l.req.Filter) })
	if err != nil {
		return "", fmt.Errorf("count: %w", err)
	}
	h.Audit.Shown(r.Context(), l.shown(r, "changes_count")) // its count is of people shown, and there are none
	return plural(n, "change"), nil
}

func typeOptions(selected []directory.RecordType) (all []choiceOption) {
	for _, t := range directory.RecordTypes {
		all = append(all, choiceOption{string(t), typeNames[t], slices.Contains(selected, t)})
	}
	return all
}

// chips are the filters of the list. who is the person that the list is about, if there is one.
func (l changeList) chips(who subject) (all []changeChip) {
	add := func(label string, without changeList) {
		all = append(all, changeChip{Label: label, Without: without.address("/changes")})
	}
	if l.req.Filter.UserID != "" {
		without := l
		without.req.Filter.UserID = ""
		add(firstNonEmpty(who.Name, who.ID), without)
		all[0].Person = who.ID
	}
	for i, t := range l.req.Filter.Types {
		without := l
		without.req.Filter.Types = slices.Delete(slices.Clone(l.req.Filter.Types), i, i+1)
		add(capital(typeNames[t]), without)
	}
	from, to := l, l
	from.oldest, to.latest = "", ""
	switch {
	case l.oldest != "" && l.oldest == l.latest:
		from.latest = ""
		add(longDay(l.oldest), from)
	default:
		if l.oldest != "" {
			add("From "+longDay(l.oldest), from)
		}
		if l.latest != "" {
			add("To "+longDay(l.latest), to)
		}
	}
	return all
}

// longDay writes out a day that [parseDay] accepts.
func longDay(text string) string {
	day, err := parseDay(text)
	if err != nil {
		return text // no list has such a day
	}
	return day.Format("2 January 2006")
}

// week sums up the last days: "4 joined, 5 changed, 3 left".
func (h *handler) week(ctx context.Context, teamID string) (string, error) {
	return h.caches.week.get(teamID, func() (string, error) {
		oldest := dayOf(h.Now()).AddDate(0, 0, 1-weekDays)
		found := make([]amount, len(directory.RecordTypes))
		counting, counts := errgroup.WithContext(ctx)
		for i, t := range directory.RecordTypes {
			found[i].what = typeNames[t]
			counting.Go(func() (err error) {
				found[i].n, err = h.Store.CountRecords(counts, teamID, directory.RecordFilter{Types: []directory.RecordType{t}, Oldest: oldest})
				return err
			})
		}
		if err := counting.Wait(); err != nil {
			return "", fmt.Errorf("changes of the week: %w", err)
		}
		return amounts(found), nil
	})
}
