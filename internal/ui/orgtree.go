package ui

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"rollcall/internal/directory"
	"rollcall/internal/ui/org"
)

const (
	// maxScanned is how many people who name a manager are read to find the top. Each is a read,
	// once a minute while somebody looks.
	maxScanned   = 2000
	scanPageSize = 500
	// maxLevels bounds the way up from a person.
	maxLevels = 50
)

// tree is who reports to whom.
type tree struct {
	chart    *org.Chart
	users    map[string]directory.User // without Slack's objects
	managers map[string]string         // by the id of the person who names them
	whole    bool                      // everybody is in it
}

// tree reads the tree of the people who name their manager in a field. In a larger
// workspace it reads some of them, and all managers above those, which most likely include the top.
func (h *handler) tree(ctx context.Context, teamID, fieldID string) (*tree, error) {
	return h.caches.trees.get(teamID+" "+fieldID, func() (*tree, error) {
		t := &tree{users: map[string]directory.User{}, managers: map[string]string{}}
		var err error
		if t.whole, err = h.scan(ctx, teamID, fieldID, t); err != nil {
			return nil, err
		}
		if err := h.climb(ctx, teamID, fieldID, t); err != nil {
			return nil, err
		}
		t.draw()
		return t, nil
	})
}

func (t *tree) add(u directory.User, fieldID string) {
	t.users[u.ID], t.managers[u.ID] = slim(u), managerOf(u, fieldID)
}

// draw makes the chart, with people in the order of their names.
func (t *tree) draw() {
	var people []org.Person
	for _, u := range slices.SortedFunc(maps.Values(t.users), func(a, b directory.User) int {
		return directory.ByName.Compare(directory.CursorOf(a), directory.CursorOf(b))
	}) {
		people = append(people, org.Person{ID: u.ID, Manager: t.managers[u.ID]})
	}
	t.chart = org.New(people)
}

// top returns the people at the top, starting with the one who has the most people below.
func (t *tree) top() []directory.User {
	roots := slices.Clone(t.chart.Roots())
	slices.SortStableFunc(roots, func(a, b string) int { return cmp.Compare(t.chart.Below(b), t.chart.Below(a)) })
	return t.find(roots)
}

// slim returns what a page of many people shows.
func slim(u directory.User) directory.User {
	u.Slack, u.Parts = nil, directory.Parts{}
	return u
}

// managerOf returns the first person whom u's value of the field names.
func managerOf(u directory.User, fieldID string) string {
	for _, v := range u.CustomFields() {
		if people := v.People(); v.ID == fieldID && len(people) > 0 {
			return people[0]
		}
	}
	return ""
}

// scan adds active people who name a manager, and reports whether these are all.
func (h *handler) scan(ctx context.Context, teamID, fieldID string, t *tree) (whole bool, err error) {
	req := directory.PageRequest{Filter: reportsTo(fieldID, ""), Order: directory.ByName, Limit: scanPageSize, Bare: true}
	for len(t.users) < maxScanned {
		page, err := h.Store.Users(ctx, teamID, req)
		if err != nil {
			return false, fmt.Errorf("people who name a manager: %w", err)
		}
		for _, u := range page.Users {
			t.add(u, fieldID)
		}
		if page.Next == nil {
			return true, nil
		}
		req.After = page.Next
	}
	return false, nil
}

// climb adds the managers of the people in t, and the managers above those. A manager who is not, or no
// longer, in the directory has nothing but an id.
func (h *handler) climb(ctx context.Context, teamID, fieldID string, t *tree) error {
	for range maxLevels {
		var ids []string
		for _, boss := range t.managers {
			if _, known := t.users[boss]; boss != "" && !known {
				t.users[boss] = directory.User{ID: boss, TeamID: teamID, SortName: directory.Fold(boss), Removed: true}
				ids = append(ids, boss)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		users, err := h.Store.UsersByID(ctx, teamID, ids)
		if err != nil {
			return fmt.Errorf("managers: %w", err)
		}
		for _, u := range users {
			if !u.Removed {
				t.add(u, fieldID)
			}
		}
	}
	return nil
}

// find returns the people with those ids.
func (t *tree) find(ids []string) []directory.User {
	all := make([]directory.User, len(ids))
	for i, id := range ids {
		all[i] = t.users[id]
	}
	return all
}

// chain returns the managers above somebody, the highest first, and then that person. It stops where
// somebody would appear twice. It is empty if the directory has no such person.
func (h *handler) chain(ctx context.Context, o orgRequest) (all []directory.User, err error) {
	for id := o.of; id != "" && len(all) < maxLevels && !slices.ContainsFunc(all, func(u directory.User) bool { return u.ID == id }); {
		if u, ok := o.tree.users[id]; ok {
			id, all = o.tree.managers[id], append(all, u)
			continue
		}
		found, err := h.Store.UsersByID(ctx, o.teamID, []string{id})
		if err != nil {
			return nil, fmt.Errorf("managers: %w", err)
		}
		if len(found) == 0 || found[0].Removed {
			break
		}
		id, all = managerOf(found[0], o.manager.ID), append(all, slim(found[0]))
	}
	slices.Reverse(all)
	return all, nil
}

// reportsTo selects the active people whose manager is the one with the id or, without an id, who have a manager.
func reportsTo(fieldID, id string) directory.Filter {
	return directory.Filter{AccountStatus: directory.Active, Fields: []directory.FieldFilter{{ID: fieldID, Value: id}}}
}
