package local

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/terminal"
)

// console is a writer for several goroutines.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Write(b)
}

// watchedStore prints a line for every change that history records, and for every change of a status, which it does
// not record. Changes that a full sync finds are in its outcome instead, except for custom fields, which have no
// events.
type watchedStore struct {
	Store
	out     io.Writer
	address string
	// values says to print names and values: those of invented people. What real people change belongs on their page.
	values bool
}

// PutUser implements [directory.Store].
func (s *watchedStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	var before directory.User
	if stored, _, err := s.User(ctx, u.TeamID, u.ID); err == nil {
		before = stored
	}
	if err := s.Store.PutUser(ctx, u, expected, record); err != nil {
		return err
	}
	if what := s.describe(ctx, before, u, record); what != "" {
		who := ""
		if s.values {
			who = name(u) + "  "
		}
		fmt.Fprintf(s.out, "%s  %s%s  %s/users/%s/%s\n", time.Now().Format(time.TimeOnly), who, what, s.address, u.TeamID, u.ID)
	}
	return nil
}

// describe says what readers see differently. It is empty if they see no difference, as at the end of a huddle.
func (s *watchedStore) describe(ctx context.Context, before, u directory.User, record *directory.Record) string {
	var what []string
	if record != nil {
		switch record.Type {
		case directory.UserCreated, directory.UserDeactivated, directory.UserReactivated, directory.UserForgotten:
			if record.Source != directory.FromEvent {
				return ""
			}
			return map[directory.RecordType]string{directory.UserCreated: "joined", directory.UserDeactivated: "deactivated",
				directory.UserReactivated: "reactivated", directory.UserForgotten: "forgotten"}[record.Type]
		case directory.UserUpdated:
			if record.Source == directory.FromSync {
				return ""
			}
			what = s.differences(ctx, *record)
		}
	}
	// A message with custom fields leaves Version and Source as they are.
	if told := u.Source == directory.FromEvent && u.Version != before.Version; told && statusOf(u) != statusOf(before) && !u.Deleted {
		what = append(what, s.change("status", statusOf(before), statusOf(u)))
	}
	if len(what) > 0 && !s.values {
		return "changed " + strings.Join(what, ", ")
	}
	return strings.Join(what, ", ")
}

// statusOf is empty without a status.
func statusOf(u directory.User) string {
	return strings.TrimSpace(u.StatusEmoji + " " + u.StatusText)
}

// names are for fields whose path does not end in a word that says enough.
var names = map[string]string{
	"name": "username", "tz": "time zone", "image": "picture", "profile.real_name": "name", "profile.email": "e-mail address",
	"is_admin": "admin", "is_owner": "owner", "is_primary_owner": "primary owner", "is_restricted": "guest",
	"is_ultra_restricted": "single-channel guest", "is_bot": "bot",
}

// differences returns the parts of a line: what changed from what to what.
func (s *watchedStore) differences(ctx context.Context, r directory.Record) (all []string) {
	var before, after map[string]json.RawMessage
	if json.Unmarshal(r.Before, &before) != nil || json.Unmarshal(r.After, &after) != nil {
		before, after = nil, nil // the record has no values
	}
	fields := customFields(ctx, s.Store, r.TeamID)
	for _, path := range r.Changed {
		name, known := names[path]
		if !known {
			name = strings.ReplaceAll(path[strings.LastIndexByte(path, '.')+1:], "_", " ")
		}
		field, custom := fields[strings.TrimPrefix(path, customPrefix)]
		if custom {
			name = terminal.Printable(field.Label)
		}
		value := func(raw json.RawMessage) string { return s.text(ctx, r.TeamID, field.Type, raw) }
		switch {
		case path == "image":
			all = append(all, s.change(name, "", "another"))
		case string(after[path]) == "true":
			all = append(all, s.change(name, "", "yes"))
		case string(before[path]) == "true":
			all = append(all, s.change(name, "", "no longer"))
		default:
			all = append(all, s.change(name, value(before[path]), value(after[path])))
		}
	}
	return all
}

// change is one part of a line, without the values unless they are to be printed.
func (s *watchedStore) change(name, before, after string) string {
	switch {
	case !s.values:
		return name
	case after == "":
		return name + ": none"
	case before == "":
		return name + ": " + terminal.Printable(after)
	}
	return name + ": " + terminal.Printable(before) + " → " + terminal.Printable(after)
}

// maxValue keeps a change on one line.
const maxValue = 60

// text returns a value of a record as people read it.
func (s *watchedStore) text(ctx context.Context, teamID, fieldType string, raw json.RawMessage) string {
	var text string
	var field struct{ Value, Alt string }
	switch {
	case len(raw) == 0:
		return ""
	case json.Unmarshal(raw, &text) == nil:
	case json.Unmarshal(raw, &field) == nil:
		text = cmp.Or(field.Alt, field.Value)
	default:
		text = string(raw)
	}
	if fieldType == "user" {
		if u, _, err := s.User(ctx, teamID, field.Value); err == nil {
			text = name(u)
		}
	}
	if runes := []rune(text); len(runes) > maxValue {
		text = string(runes[:maxValue]) + "…"
	}
	return text
}

// name is the name that people know u by.
func name(u directory.User) string {
	return terminal.Printable(cmp.Or(u.RealName, u.DisplayName, u.Name, "somebody"))
}

// customPrefix begins the path of every custom field.
const customPrefix = "profile.fields."

// customField is the definition of a custom field.
type customField struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	Type  string `json:"type"`
}

// customFields returns the definitions by id, as far as a full sync has read them.
func customFields(ctx context.Context, store Store, teamID string) map[string]customField {
	var defined struct {
		Fields []customField `json:"fields"`
	}
	profile, err := store.TeamProfile(ctx, teamID)
	if err != nil || json.Unmarshal(profile, &defined) != nil {
		return nil // the ids have to do
	}
	all := map[string]customField{}
	for _, f := range defined.Fields {
		if f.Label != "" {
			all[f.ID] = f
		}
	}
	return all
}
