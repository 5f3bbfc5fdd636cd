package ui

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/dustin/go-humanize"

	"rollcall/internal/directory"
)

// recountInterval is how long a count is kept even if something has changed since. If nothing has
// changed, the cache keeps a count of people for its full time.
const recountInterval = 5 * time.Second

// count is the fragment that the page loads once it is shown, and again when somebody joins or leaves.
func (h *handler) count(r *http.Request) (templ.Component, error) {
	l, _, err := h.requested(r, "count")
	if err != nil {
		return nil, err
	}
	total, chips, err := h.countText(r, l)
	return countAnswer(total, chips), err
}

// counted is how many accounts a list has, and how many of those are bots.
type counted struct {
	accounts, bots int
	exact          bool

	at       time.Time
	position string // in the feed, before it was counted
}

// countText counts a list, and the people that each of its filters selects by itself.
func (h *handler) countText(r *http.Request, l listRequest) (total string, chips []chip, err error) {
	ctx := r.Context()
	all, err := h.countPeople(ctx, l.teamID, l.req.Filter)
	if err != nil {
		return "", nil, err
	}
	chips = h.chips(ctx, l)
	for i := range chips {
		some, err := h.countPeople(ctx, l.teamID, chips[i].alone)
		if err != nil {
			return "", nil, err
		}
		chips[i].Count = some.number()
	}
	e := l.shown(r, "count")
	e.Count = all.accounts
	h.Audit.Shown(ctx, e)
	return all.String(), chips, nil
}

func (h *handler) countPeople(ctx context.Context, teamID string, f directory.Filter) (counted, error) {
	key := fmt.Sprintf("%s %#v", teamID, f)
	position := h.people.Position(teamID)
	if item := h.caches.counts.Get(key); item != nil {
		if c := item.Value(); c.position == position || h.Now().Sub(c.at) < recountInterval {
			return c, nil
		}
		h.caches.counts.Delete(key)
	}
	return h.caches.counts.get(key, func() (counted, error) {
		c, err := h.countFilter(ctx, teamID, f)
		if err != nil {
			return c, fmt.Errorf("count: %w", err)
		}
		c.at, c.position = h.Now(), position
		return c, nil
	})
}

func (h *handler) countFilter(ctx context.Context, teamID string, f directory.Filter) (c counted, err error) {
	if c.accounts, c.exact, err = h.Store.Count(ctx, teamID, f); err != nil {
		return c, err
	}
	switch f.Group {
	case "":
		f.Group = directory.GroupBots
		exact := false
		c.bots, exact, err = h.Store.Count(ctx, teamID, f)
		c.exact = c.exact && exact
	case directory.GroupBots:
		c.bots = c.accounts
	}
	return c, err
}

func (c counted) String() string {
	people := c.accounts - c.bots
	switch {
	case !c.exact && c.accounts > 0:
		return "up to " + plural(c.accounts, "account")
	case c.bots == 0:
		return plural(people, "person")
	case people == 0:
		return plural(c.bots, "bot")
	default:
		return plural(people, "person") + " and " + plural(c.bots, "bot")
	}
}

// number is short enough for a chip: it counts people or, if there are only bots, bots.
func (c counted) number() string {
	n := c.accounts - c.bots
	if n == 0 {
		n = c.bots
	}
	if !c.exact && n > 0 {
		return "≤ " + number(n)
	}
	return number(n)
}

// number formats n for people: "1,234".
func number(n int) string { return humanize.Comma(int64(n)) }

// plural counts a noun: "1 person", "1,234 people".
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "person":
		return number(n) + " people"
	default:
		return number(n) + " " + noun + "s"
	}
}
