package ui

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/ui/live"
)

// subject is the person that a record is about. Somebody who is not, or no longer, in the directory has only an id.
type subject struct {
	ID, Name, URL string // URL is "" if there is no page
	Avatar        avatar
}

// whoIn looks up the people in records, and those with the ids in more, in one request.
func (h *handler) whoIn(ctx context.Context, teamID string, records []directory.Record, more ...string) (map[string]subject, error) {
	who := map[string]subject{}
	for _, id := range more {
		if id != "" {
			who[id] = subject{ID: id, Avatar: avatar{Initials: "?"}}
		}
	}
	for _, r := range records {
		who[r.UserID] = subject{ID: r.UserID, Avatar: avatar{Initials: "?"}}
	}
	if len(who) == 0 {
		return nil, nil
	}
	ids := make([]string, 0, len(who))
	for id := range who {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	users, err := h.Store.UsersByID(ctx, teamID, ids)
	if err != nil {
		return nil, fmt.Errorf("people of records: %w", err)
	}
	for _, u := range users {
		p := who[u.ID]
		p.URL = userAddress(teamID, u.ID)
		if !u.Removed && u.Kind != directory.Forgotten {
			p.Name = firstNonEmpty(u.RealName, u.DisplayName, u.Name)
			p.Avatar = avatar{h.image(u.Image72), initials(u)}
		}
		who[u.ID] = p
	}
	return who, nil
}

// changeRow is one record in the list.
type changeRow struct {
	told
	ID, Key, Place string // Key sorts, Place is the cursor
	Badge          badge
	Note           string // what to say if no field is worth showing
	Named          bool   // the badge names the only field
	Erases         bool
	Who            subject
	People         string // the ids of those whom custom fields name, with blanks between them
}

type badge struct{ Text, Class string }

// typeBadges are the badges that depend on nothing but the type of a record.
var typeBadges = map[directory.RecordType]badge{
	directory.UserCreated:     {typeNames[directory.UserCreated], "ok"},
	directory.UserReactivated: {typeNames[directory.UserReactivated], "ok"},
	directory.UserDeactivated: {typeNames[directory.UserDeactivated], "bad"},
	directory.UserRemoved:     {typeNames[directory.UserRemoved], "bad"},
	directory.UserForgotten:   {typeNames[directory.UserForgotten], "warn"},
}

// typeNotes explain them.
var typeNotes = map[directory.RecordType]string{
	directory.UserReactivated: "account reactivated", directory.UserDeactivated: "account deactivated",
	directory.UserRemoved: "no longer in Slack", directory.UserForgotten: "erased in Slack and here",
}

// changeRows returns what makes a row of a record, and the people in the rows and those with the ids in more, all
// of them read in one request.
func (h *handler) changeRows(ctx context.Context, teamID string, records []directory.Record, more ...string) (row func(directory.Record) changeRow, who map[string]subject, err error) {
	profile := h.profile(ctx, teamID)
	labels := profile.labels()
	var named []string
	for _, r := range records {
		if profile.names(r.Changed) {
			named = append(named, profile.peopleNamed(tell(r, labels).Fields)...)
		}
	}
	slices.Sort(named)
	named = slices.Compact(named)
	if who, err = h.whoIn(ctx, teamID, records, append(more, named[:min(len(named), maxNamedInChanges)]...)...); err != nil {
		return nil, nil, err
	}
	return func(r directory.Record) changeRow {
		row := newChangeRow(r, who, labels)
		row.People = strings.Join(profile.peopleNamed(row.Fields), " ")
		profile.retell(row.Fields, func(id string) string { return who[id].Name })
		return row
	}, who, nil
}

func newChangeRow(r directory.Record, who map[string]subject, labels map[string]string) changeRow {
	row := changeRow{told: tell(r, labels), ID: r.ID, Key: sortKey(r.WrittenAt), Place: directory.RecordCursorOf(r).String(),
		Badge: typeBadges[r.Type], Note: typeNotes[r.Type], Erases: r.Type == directory.UserForgotten, Who: who[r.UserID]}
	switch {
	case r.Type == directory.UserCreated && row.Who.Name != "": // nothing is shown of people who are gone
		if title := valueText(values(r.After).Get("profile.title"), false); title != "" {
			row.Note = "as " + title
		}
	case row.Badge.Text == "":
		row.Badge, row.Named = fieldsBadge(r.Changed, row.told)
	}
	return row
}

// fieldsBadge names the fields that changed. alone says that it names the only one.
func fieldsBadge(changed []string, v told) (b badge, alone bool) {
	alone = len(v.Fields) == 1
	switch v.What {
	case roleGroup:
		return badge{"role", "admin"}, false
	case nameGroup:
		return badge{"name", ""}, alone
	case typeNames[directory.UserUpdated]:
		if !alone {
			return badge{"profile", ""}, false
		}
		if _, known := knownFields[changed[0]]; known {
			return badge{uncapital(v.Fields[0].Name), ""}, true
		}
		return badge{v.Fields[0].Name, ""}, true
	default: // a type from a later release
		return badge{v.What, ""}, false
	}
}

// uncapital is for labels in the middle of a line: "time zone".
func uncapital(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// sortKey is a time that sorts as text.
func sortKey(at time.Time) string { return fmt.Sprintf("%020d", at.UnixMicro()) }

// changeDay are the records of one day, in UTC. Its heading is a row that sorts before them.
type changeDay struct {
	ID, Key, Place string
	Label          string
	Rows           []changeRow
}

func newChangeDay(day, now time.Time) changeDay {
	next := day.AddDate(0, 0, 1)
	d := changeDay{ID: "day-" + day.Format(time.DateOnly), Key: sortKey(next.Add(-time.Microsecond)) + "~", // after the day's last microsecond
		Place: directory.RecordCursor{WrittenAt: next, ID: "0"}.String(), Label: day.Format("Monday 2 January")}
	switch today := dayOf(now); {
	case day.Equal(today):
		d.Label = "Today"
	case day.Equal(today.AddDate(0, 0, -1)):
		d.Label = "Yesterday"
	case day.Year() != today.Year():
		d.Label = day.Format("Monday 2 January 2006")
	}
	return d
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// byDay groups records, the newest first. If they begin with the newest of all, today has a heading even
// without records, because the next one belongs there.
func byDay(records []directory.Record, first bool, now time.Time, row func(directory.Record) changeRow) (days []changeDay) {
	if first {
		days = append(days, newChangeDay(dayOf(now), now))
	}
	for _, r := range records {
		if d := newChangeDay(dayOf(r.WrittenAt), now); len(days) == 0 || days[len(days)-1].ID != d.ID {
			days = append(days, d)
		}
		last := &days[len(days)-1]
		last.Rows = append(last.Rows, row(r))
	}
	if !first && len(days) > 0 { // newer records of that day belong on the page before
		days[0].Key = days[0].Rows[0].Key + "~"
	}
	return days
}

// renderRecords renders the rows of the list of changes.
func (h *handler) renderRecords(ctx context.Context, records []directory.Record) ([]live.Row, error) {
	teamID := records[0].TeamID // all are of one workspace
	newRow, _, err := h.changeRows(ctx, teamID, records)
	if err != nil {
		return nil, err
	}
	rows := make([]live.Row, len(records))
	for i, r := range records {
		row := newRow(r)
		var b bytes.Buffer
		if err := changeTableRow(row).Render(ctx, &b); err != nil {
			return nil, err
		}
		rows[i] = live.Row{ID: r.ID, UserID: r.UserID, HTML: b.String(), Erases: row.Erases}
	}
	return rows, nil
}

// recordEvents streams the new records of one list of changes.
func (h *handler) recordEvents(w http.ResponseWriter, r *http.Request) {
	l, _, err := h.requestedChanges(r, "changes_live")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	stream(h, w, r, h.records.Stream, l.teamID, l.shown(r, "changes_live"), l.shows, func(record directory.Record) string { return record.UserID })
}
