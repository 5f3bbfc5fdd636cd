package org

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads "id>manager" pairs.
func parse(text string) (people []Person) {
	for pair := range strings.FieldsSeq(text) {
		id, boss, _ := strings.Cut(pair, ">")
		people = append(people, Person{id, boss})
	}
	return people
}

// String writes the forest: "a(b c(d))".
func (c *Chart) String() string {
	var write func(ids []string) string
	write = func(ids []string) string {
		var all []string
		for _, id := range ids {
			if text := write(c.Reports(id)); text != "" {
				id += "(" + text + ")"
			}
			all = append(all, id)
		}
		return strings.Join(all, " ")
	}
	return write(c.Roots())
}

func TestChart(t *testing.T) {
	for _, tt := range []struct{ name, people, want string }{
		{"nobody", "", ""},
		{"a tree in the order of people", "d>b c>a b>a a>", "a(c b(d))"},
		{"two trees", "a> b>a x> y>x", "a(b) x(y)"},
		{"in no tree", "a> b>a z>", "a(b)"},
		{"the head reports to themselves", "a>a b>a", "a(b)"},
		{"two report to each other", "b>a a>b c>b", "a(b(c))"},
		{"a circle with people below", "z>c c>b b>a a>c", "a(b(c(z)))"},
		{"two circles", "a>b b>a x>y y>x", "a(b) x(y)"},
		{"an unknown manager", "b>gone c>b d>gone", "b(c)"},
		{"somebody twice", "a> b>a b>c c>", "a(b)"},
	} {
		c := New(parse(tt.people))
		if got := c.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	c := New(parse("a> b>a c>b d>b"))
	if diff := cmp.Diff([]string{"a", "b"}, c.Above("d")); diff != "" || c.Below("a") != 3 || c.Below("b") != 2 || c.Below("d") != 0 || c.Above("a") != nil {
		t.Errorf("above %v, below %d", c.Above("d"), c.Below("a"))
	}
}

// FuzzChart: whatever people say, everybody is in the forest once.
func FuzzChart(f *testing.F) {
	f.Add([]byte{1, 0, 2, 2, 9})
	f.Add([]byte{1, 2, 0, 4, 3, 3, 200})
	f.Fuzz(func(t *testing.T, managers []byte) {
		if len(managers) > 200 {
			t.Skip()
		}
		var people []Person
		for i, m := range managers {
			people = append(people, Person{fmt.Sprintf("%03d", i), fmt.Sprintf("%03d", m)})
		}
		c := New(people)
		seen := map[string]int{}
		var walk func(id string, depth int) int
		walk = func(id string, depth int) int {
			if seen[id]++; depth > len(people) {
				t.Fatal("a circle")
			}
			below := 0
			for _, report := range c.Reports(id) {
				if above := c.Above(report); len(above) == 0 || above[len(above)-1] != id {
					t.Errorf("%s reports to %s, and has %v above", report, id, above)
				}
				below += 1 + walk(report, depth+1)
			}
			if below != c.Below(id) {
				t.Errorf("%d below %s, want %d", c.Below(id), id, below)
			}
			return below
		}
		for _, id := range c.roots {
			walk(id, 0)
		}
		for _, p := range people {
			if seen[p.ID] != 1 {
				t.Errorf("%s is in the forest %d times", p.ID, seen[p.ID])
			}
		}
		if !slices.IsSorted(c.Roots()) {
			t.Errorf("roots %v are out of order", c.Roots())
		}
	})
}
