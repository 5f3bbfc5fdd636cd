package ui

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall/internal/directory"
	"rollcall/internal/ijson"
)

const (
	// maxTimeline is how many records a person's page shows.
	maxTimeline = 20
	// maxValueRunes is how much of a value is shown.
	maxValueRunes = 200
)

// told is a record of history in words.
type told struct {
	ID      string // of the record
	What    string // "joined"
	Updated bool   // What only sums up the fields
	Fields  []fieldChange
	At      time.Time
	Source  string // "an event"
}

// withoutArticle makes "an event" "event".
func withoutArticle(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "an "), "a ")
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// fieldChange is what happened to a field. Values are "" where there were none.
type fieldChange struct {
	Name          string
	Custom        string // the id of a custom field
	Hidden        bool   // the values say nothing to people
	Flag          bool   // the values are yes and no
	Before, After string
}

// role says what somebody has become: "Made an admin", "No longer a guest".
func (f fieldChange) role() string {
	name := strings.ToLower(f.Name[:1]) + f.Name[1:]
	article := "a "
	if strings.ContainsRune("aeiou", rune(name[0])) {
		article = "an "
	}
	if f.After == "yes" {
		return "Made " + article + name
	}
	return "No longer " + article + name
}

// typeNames say what happened.
var typeNames = map[directory.RecordType]string{
	directory.UserCreated: "joined", directory.UserUpdated: "changed", directory.UserDeactivated: "left",
	directory.UserReactivated: "came back", directory.UserRemoved: "removed", directory.UserForgotten: "forgotten",
}

// knownField is how a core field is shown.
type knownField struct {
	name   string
	flag   bool // yes or no
	hidden bool // only that it changed: avatar_hash names no picture
	group  string
}

// The groups of fields that a change is named by.
const (
	nameGroup = "new name"
	roleGroup = "new role"
)

// knownFields are the paths of [directory.Record.Changed], without custom fields.
var knownFields = map[string]knownField{
	"deleted":             {name: "Deactivated", flag: true},
	"image":               {name: "Picture", hidden: true},
	"is_admin":            {name: "Admin", flag: true, group: roleGroup},
	"is_bot":              {name: "Bot", flag: true},
	"is_forgotten":        {name: "Forgotten", flag: true},
	"is_owner":            {name: "Owner", flag: true, group: roleGroup},
	"is_primary_owner":    {name: "Primary owner", flag: true, group: roleGroup},
	"is_restricted":       {name: "Guest", flag: true, group: roleGroup},
	"is_ultra_restricted": {name: "Single-channel guest", flag: true, group: roleGroup},
	"name":                {name: "Username", group: nameGroup},
	"team_id":             {name: "Workspace"},
	"tz":                  {name: "Time zone"},

	"enterprise_user.enterprise_id":    {name: "Organization ID"},
	"enterprise_user.enterprise_name":  {name: "Organization"},
	"enterprise_user.id":               {name: "ID in the organization"},
	"enterprise_user.is_admin":         {name: "Organization admin", flag: true, group: roleGroup},
	"enterprise_user.is_owner":         {name: "Organization owner", flag: true, group: roleGroup},
	"enterprise_user.is_primary_owner": {name: "Organization primary owner", flag: true, group: roleGroup},

	"profile.display_name": {name: "Display name", group: nameGroup},
	"profile.email":        {name: "Email"},
	"profile.phone":        {name: "Phone"},
	"profile.pronouns":     {name: "Pronouns"},
	"profile.real_name":    {name: "Real name", group: nameGroup},
	"profile.skype":        {name: "Skype"},
	"profile.start_date":   {name: "Start date"},
	"profile.title":        {name: "Title"},
}

const customFields = "profile.fields."

// tell puts a record into words. labels are those of custom fields, by id.
func tell(r directory.Record, labels map[string]string) told {
	v := told{ID: r.ID, What: cmp.Or(typeNames[r.Type], string(r.Type)), Updated: r.Type == directory.UserUpdated, At: r.At, Source: cmp.Or(sourceNames[r.Source], string(r.Source))}
	switch r.Type {
	case directory.UserUpdated:
		v.What = updateName(r.Changed)
	case directory.UserCreated, directory.UserRemoved, directory.UserForgotten:
		return v // all fields come or go at once
	}
	before, after := values(r.Before), values(r.After)
	for _, path := range r.Changed {
		known := knownFields[path]
		if r.Type != directory.UserUpdated && (before.Get(path) == "" || after.Get(path) == "") {
			continue // the flag itself, and what a deactivated account lacks
		}
		f := fieldChange{Name: fieldName(path, labels), Hidden: known.hidden, Flag: known.flag}
		if id, ok := strings.CutPrefix(path, customFields); ok {
			f.Custom = id
		}
		if !known.hidden {
			f.Before, f.After = valueText(before.Get(path), known.flag), valueText(after.Get(path), known.flag)
		}
		v.Fields = append(v.Fields, f)
	}
	return v
}

// updateName says whether a role or a name has changed, or something else.
func updateName(changed []string) string {
	for _, group := range []string{roleGroup, nameGroup} {
		if slices.ContainsFunc(changed, func(path string) bool { return knownFields[path].group == group }) {
			return group
		}
	}
	return typeNames[directory.UserUpdated]
}

func fieldName(path string, labels map[string]string) string {
	if id, ok := strings.CutPrefix(path, customFields); ok {
		return firstNonEmpty(labels[id], id)
	}
	return cmp.Or(knownFields[path].name, path)
}

// values are the fields of a record's Before or After by path.
func values(object json.RawMessage) ijson.Object {
	o, err := ijson.ParseCanonical(object)
	if err != nil {
		return nil // there are none
	}
	return o
}

// valueText is a value for people, "" if there is none.
func valueText(v ijson.Value, flag bool) string {
	switch {
	case flag && v.Bool():
		return "yes"
	case flag:
		return "no"
	case v == "" || v == "null":
		return ""
	case v[0] == '"':
		return shorten(v.String())
	}
	custom := v.Object()
	value, alt := custom.Get("value"), custom.Get("alt").String()
	switch {
	case !strings.HasPrefix(string(value), `"`):
		return shorten(string(v))
	case alt != "":
		return shorten(alt + " (" + value.String() + ")")
	}
	return shorten(value.String())
}

func shorten(text string) string {
	if utf8.RuneCountInString(text) <= maxValueRunes {
		return text
	}
	return string([]rune(text)[:maxValueRunes]) + "…"
}
