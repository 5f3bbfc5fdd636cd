package ui

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rollcall/internal/directory"
)

// findForm is the id of the form that searches and filters.
const findForm = "find"

// maxChipCities is how many of several time zones a chip names.
const maxChipCities = 2

// findView is the form that searches and filters.
type findView struct {
	TeamID, Query string
	Choices       []choice
}

// choice is a menu of the form or, with an Input, a field to type a value into.
type choice struct {
	Label, Name  string
	Options      []choiceOption
	Input, Value string // Input is the type of an <input>
	Hint         string // what to type
}

type choiceOption struct {
	Value, Label string
	Selected     bool
}

var groupNames = map[directory.Group]string{
	directory.GroupMembers: "Members", directory.GroupAdmins: "Admins and owners", directory.GroupGuests: "Guests",
	directory.GroupBots: "Bots", directory.GroupExternal: "External",
}

var statusNames = map[directory.AccountStatus]string{directory.Active: "Active", directory.Deactivated: "Deactivated"}

// find makes the form. zones counts people by time zone. Custom fields without options take a whole value;
// one that names a person takes an ID.
func (l listRequest) find(zones map[string]int, fields profile) findView {
	f := l.req.Filter
	show := string(f.AccountStatus)
	if show == "" {
		show = everybody
	}
	kinds := []string{"", "Everybody"}
	for _, g := range directory.Groups {
		kinds = append(kinds, string(g), groupNames[g])
	}
	v := findView{l.teamID, l.query, []choice{
		{Label: "Accounts", Name: "show", Options: options(show, string(directory.Active), "Active", string(directory.Deactivated), "Deactivated", everybody, "All")},
		{Label: "Kind", Name: "kind", Options: options(string(f.Group), kinds...)},
		{Label: "Time zone", Name: "tz", Options: zoneOptions(f.TimeZones, zones)},
	}}
	for _, field := range fields.Visible() {
		set := filterValue(f, field.ID)
		if len(field.Options) == 0 {
			v.Choices = append(v.Choices, choice{Label: field.Label, Name: field.ID, Input: inputType(field), Value: set, Hint: hint(field)})
			continue
		}
		names := []string{"", "Any"}
		for _, o := range field.Options {
			names = append(names, o, o)
		}
		if set != "" && !slices.Contains(field.Options, set) {
			names = append(names, set, set)
		}
		v.Choices = append(v.Choices, choice{Label: field.Label, Name: field.ID, Options: options(set, names...)})
	}
	return v
}

func inputType(f directory.Field) string {
	if f.Type == directory.DateField { // Slack writes dates as browsers do
		return "date"
	}
	return "text"
}

func hint(f directory.Field) string {
	switch f.Type {
	case directory.UserField:
		return "Slack ID, like U012AB3CD"
	case directory.LinkField:
		return "Its text or whole address"
	case directory.DateField:
		return "" // the browser says how to write it
	}
	return "The whole value"
}

// filterValue is the value that a filter asks of a custom field, "" for any.
func filterValue(f directory.Filter, id string) string {
	i := slices.IndexFunc(f.Fields, func(field directory.FieldFilter) bool { return field.ID == id })
	if i < 0 {
		return ""
	}
	return f.Fields[i].Value
}

// zoneOptions are the time zones that people have, and what is selected if that is several or nobody's.
func zoneOptions(chosen []string, zones map[string]int) []choiceOption {
	all, selected := slices.Sorted(maps.Keys(zones)), joinZones(chosen)
	names := []string{"", "Any time zone"}
	switch {
	case len(chosen) > 1:
		names = append(names, selected, zoneNames(chosen))
	case selected != "" && zones[selected] == 0:
		all = append(all, selected)
	}
	for _, zone := range all {
		names = append(names, zone, zoneName(zone))
	}
	return options(selected, names...)
}

// zoneNames is short: "Europe/London" for one, "Berlin, Madrid +3" for several.
func zoneNames(zones []string) string {
	if len(zones) == 1 {
		return zoneName(zones[0])
	}
	var cities []string
	for _, zone := range zones[:min(len(zones), maxChipCities)] {
		cities = append(cities, cityName(zone))
	}
	text := strings.Join(cities, ", ")
	if more := len(zones) - len(cities); more > 0 {
		text += " +" + strconv.Itoa(more)
	}
	return text
}

// cityName is the last part of a time zone's name.
func cityName(zone string) string { return zoneName(zone[strings.LastIndexByte(zone, '/')+1:]) }

func zoneName(zone string) string { return strings.ReplaceAll(zone, "_", " ") }

func options(selected string, valuesAndLabels ...string) (all []choiceOption) {
	for pair := range slices.Chunk(valuesAndLabels, 2) {
		all = append(all, choiceOption{pair[0], pair[1], pair[0] == selected})
	}
	return all
}

// chip is a filter that is set.
type chip struct {
	ID, Label string
	Person    string           // the id of whom it names
	Without   string           // the address of the list without it
	Count     string           // how many people it selects by itself; "" until somebody asks
	alone     directory.Filter // the filter with nothing else
}

// chips are the filters that are set. Words have no chip, because the search box shows them.
func (h *handler) chips(ctx context.Context, l listRequest) (all []chip) {
	add := func(id, label string, alone directory.Filter, clear func(*directory.Filter)) {
		without := l
		clear(&without.req.Filter)
		all = append(all, chip{ID: "of-" + id, Label: label, Without: without.address("/"), alone: alone})
	}
	f := l.req.Filter
	if f.AccountStatus != "" {
		add("show", statusNames[f.AccountStatus], directory.Filter{AccountStatus: f.AccountStatus}, func(f *directory.Filter) { f.AccountStatus = "" })
	}
	if f.Group != "" {
		add("kind", groupNames[f.Group], directory.Filter{Group: f.Group}, func(f *directory.Filter) { f.Group = "" })
	}
	if len(f.TimeZones) > 0 {
		add("tz", zoneNames(f.TimeZones), directory.Filter{TimeZones: f.TimeZones}, func(f *directory.Filter) { f.TimeZones = nil })
	}
	for _, field := range f.Fields {
		label, person := h.fieldLabel(ctx, l.teamID, field)
		add(field.ID, label, directory.Filter{Fields: []directory.FieldFilter{field}}, func(f *directory.Filter) {
			f.Fields = slices.DeleteFunc(slices.Clone(f.Fields), func(other directory.FieldFilter) bool { return other.ID == field.ID })
		})
		all[len(all)-1].Person = person
	}
	return all
}

// fieldLabel is like "Department: Design". person is the id of whom it names, which costs a read.
func (h *handler) fieldLabel(ctx context.Context, teamID string, f directory.FieldFilter) (label, person string) {
	defined, _ := h.profile(ctx, teamID).Find(f.ID)
	value := f.Value
	if defined.Type == directory.UserField {
		if u, _, err := h.Store.User(ctx, teamID, f.Value); err == nil && !u.Removed && u.Kind != directory.Forgotten {
			value, person = nameOf(u), u.ID
		}
	}
	return firstNonEmpty(defined.Label, f.ID) + ": " + value, person
}

// everybodyAddress leads to the same search without filters, deactivated people included.
func (l listRequest) everybodyAddress() string {
	l.req.Filter = directory.Filter{}
	return l.address("/")
}
