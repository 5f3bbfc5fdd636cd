package ui

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
)

const (
	// maxNamed bounds the people whom a person's custom fields name, today and in the history.
	maxNamed = 30
	// maxNamedInChanges is the same for a page of changes: the manager before and after in each.
	maxNamedInChanges = 2 * pageSize
	dayFormat         = "2 January 2006"
)

// named returns the people whom u's custom fields name, or have named.
func (h *handler) named(ctx context.Context, u directory.User, p profile, history []told) (map[string]directory.User, error) {
	var ids []string
	for _, v := range p.Of(u) {
		if v.Field.Type == directory.UserField {
			ids = append(ids, v.People()...)
		}
	}
	for _, t := range history {
		ids = append(ids, p.peopleNamed(t.Fields)...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	ids = ids[:min(len(ids), maxNamed)]
	slices.Sort(ids)
	users, err := h.Store.UsersByID(ctx, u.TeamID, slices.Compact(ids))
	if err != nil {
		return nil, fmt.Errorf("people in custom fields: %w", err)
	}
	named := map[string]directory.User{}
	for _, u := range users {
		named[u.ID] = u
	}
	return named, nil
}

func peopleIn(value string) []string { return directory.FieldValue{Value: value}.People() }

// peopleNamed returns the ids of those whom changes to custom fields name.
func (p profile) peopleNamed(changes []fieldChange) (ids []string) {
	for _, f := range changes {
		if p.typeOf(f.Custom) == directory.UserField {
			ids = append(append(ids, peopleIn(f.Before)...), peopleIn(f.After)...)
		}
	}
	return ids
}

// cards shows custom fields, with a card for each section of Slack's profile.
func (h *handler) cards(u directory.User, p profile, named map[string]directory.User) (all []card) {
	for _, v := range p.Of(u) {
		heading := firstNonEmpty(v.Field.Section, "About")
		if len(all) == 0 || all[len(all)-1].Heading != heading {
			all = append(all, card{Heading: heading})
		}
		c := &all[len(all)-1]
		f := h.customFact(v, named)
		if manager, ok := p.Manager(); ok && v.ID == manager.ID {
			f.Tree = treeAddress(u)
		}
		c.Facts = append(c.Facts, f)
	}
	return all
}

func (h *handler) customFact(v directory.LabelledValue, named map[string]directory.User) fact {
	c := fact{Name: v.Field.Label, Hint: v.Field.Hint, Text: firstNonEmpty(v.Alt, v.Value)}
	switch v.Field.Type {
	case directory.DateField:
		c.Day, _ = time.Parse(time.DateOnly, v.Value) // otherwise the text shows as it is
	case directory.LinkField:
		if c.Link = safeLink(v.Value); c.Link != "" && c.Text != v.Value {
			c.Host = hostOf(c.Link)
		}
	case directory.UserField:
		for _, id := range v.People() {
			if u, ok := named[id]; ok {
				c.People = append(c.People, h.personCard(u))
			} else {
				c.People = append(c.People, personCard{subject: subject{ID: id, Avatar: avatar{Initials: "?"}}})
			}
		}
	}
	return c
}

// hostOf is where a link leads, which its text need not say.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Host, "www.")
}

// names reports whether custom fields that name people are among the paths of what changed.
func (p profile) names(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		id, custom := strings.CutPrefix(path, customFields)
		return custom && p.typeOf(id) == directory.UserField
	})
}

// retell replaces ids with names, and formats days as the page does. name returns "" for somebody who is gone.
func (p profile) retell(changes []fieldChange, name func(id string) string) {
	for i := range changes {
		c := &changes[i]
		for _, text := range []*string{&c.Before, &c.After} {
			switch p.typeOf(c.Custom) {
			case directory.UserField:
				*text = namesIn(*text, name)
			case directory.DateField:
				*text = writtenDay(*text)
			}
		}
	}
}

// writtenDay makes "2026-03-30" "30 March 2026". Other text stays as it is.
func writtenDay(text string) string {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Format(dayFormat)
	}
	return text
}

func namesIn(text string, name func(id string) string) string {
	ids := peopleIn(text)
	if len(ids) == 0 {
		return text
	}
	for i, id := range ids {
		ids[i] = firstNonEmpty(name(id), id)
	}
	return strings.Join(ids, ", ")
}

// namesOf returns the names of users by their ids, "" for those who are gone.
func namesOf(users map[string]directory.User) func(id string) string {
	return func(id string) string {
		if u, ok := users[id]; ok && !u.Removed && u.Kind != directory.Forgotten {
			return nameOf(u)
		}
		return ""
	}
}

// valuesOf are somebody's custom fields with their labels, as profiles show them.
func (p profile) valuesOf(u directory.User) (all []customField) {
	for _, v := range p.Of(u) {
		all = append(all, customField{v.ID, v.Field.Label, string(v.Field.Type), v.Value, v.Alt})
	}
	return all
}
