// Package org makes a tree of who reports to whom. Each person's profile says that separately,
// so some report to themselves, some to each other, and some to people nobody knows.
package org

import "slices"

// Person is somebody in the tree.
type Person struct {
	ID      string
	Manager string // the id; "" for nobody
}

// Chart is a forest: everybody is in it once.
type Chart struct {
	manager map[string]string
	reports map[string][]string
	below   map[string]int
	roots   []string
}

// New makes a chart. Reports and roots keep the order of people; if several have the same id,
// the first counts.
//
// Whoever reports to nobody, to themselves or to somebody who is not among people is a root.
// Of people who report to each other in a circle, the one with the lowest id is.
func New(people []Person) *Chart {
	c := &Chart{manager: map[string]string{}, reports: map[string][]string{}, below: map[string]int{}}
	var ids []string
	for _, p := range people {
		if _, again := c.manager[p.ID]; !again {
			c.manager[p.ID] = p.Manager
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		boss := c.manager[id]
		if _, known := c.manager[boss]; boss == id || !known {
			c.manager[id] = ""
		}
	}
	c.openCircles(ids)
	for _, id := range ids {
		if boss := c.manager[id]; boss == "" {
			c.roots = append(c.roots, id)
		} else {
			c.reports[boss] = append(c.reports[boss], id)
		}
	}
	for _, id := range ids {
		for boss := c.manager[id]; boss != ""; boss = c.manager[boss] {
			c.below[boss]++
		}
	}
	return c
}

// openCircles makes a root of one person in each circle.
func (c *Chart) openCircles(ids []string) {
	walk := map[string]int{} // the number of the walk up that first reached each person
	for i, id := range ids {
		for ; id != "" && walk[id] == 0; id = c.manager[id] {
			walk[id] = i + 1
		}
		if id == "" || walk[id] != i+1 {
			continue // at the top, or where an earlier walk has been
		}
		lowest := id
		for next := c.manager[id]; next != id; next = c.manager[next] {
			lowest = min(lowest, next)
		}
		c.manager[lowest] = ""
	}
}

// Roots returns those at the top who have reports. Whoever has neither manager nor reports
// is in no tree.
func (c *Chart) Roots() (all []string) {
	for _, id := range c.roots {
		if len(c.reports[id]) > 0 {
			all = append(all, id)
		}
	}
	return all
}

// Reports returns who reports to somebody.
func (c *Chart) Reports(id string) []string { return c.reports[id] }

// Below counts everybody below somebody.
func (c *Chart) Below(id string) int { return c.below[id] }

// Above returns the managers above somebody, the highest first.
func (c *Chart) Above(id string) (all []string) {
	for boss := c.manager[id]; boss != ""; boss = c.manager[boss] {
		all = append(all, boss)
	}
	slices.Reverse(all)
	return all
}
