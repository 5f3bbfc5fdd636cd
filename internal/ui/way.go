package ui

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

// maxNeighbourQueries bounds the search for a neighbour where an index returns false matches.
const maxNeighbourQueries = 3

// place returns the names and values of the parameters that say which page of the list this is; none for the first.
func (l listRequest) place() []string {
	from := strconv.Itoa(l.from)
	switch {
	case l.req.After != nil:
		return []string{"after", l.req.After.String(), "from", from}
	case l.req.Before != nil:
		return []string{"before", l.req.Before.String(), "from", from}
	}
	return nil
}

// way returns the parameters that tell a person's page which page of a list led to it. They always include
// the order, which marks that there was a list.
func (l listRequest) way() url.Values {
	v := l.values()
	v.Del("team") // the person's address has it
	v.Set("sort", string(l.req.Order))
	for pair := range slices.Chunk(l.place(), 2) {
		v.Set(pair[0], pair[1])
	}
	return v
}

// personAddress leads from the list to a person.
func (l listRequest) personAddress(id string) string {
	return addressOf(userAddress(l.teamID, id), l.way())
}

// listOfWay returns the list that led to an address, nil if none did.
func listOfWay(teamID string, values url.Values) (*listRequest, error) {
	if !values.Has("sort") {
		return nil, nil
	}
	values.Set("team", teamID)
	l, err := parseListRequest(values)
	return &l, err
}

// backAddress leads back to the same page of the list, and there to the person.
func (l listRequest) backAddress(id string) string {
	return l.address("/", l.place()...) + "#" + url.PathEscape(id)
}

// neighbours returns who comes before and after u in the list, nil for nobody.
func (h *handler) neighbours(ctx context.Context, l listRequest, u directory.User) (before, after *directory.User, err error) {
	if u.Removed { // and so in no list
		return nil, nil, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { before, err = h.neighbour(ctx, l, u, true); return err })
	g.Go(func() (err error) { after, err = h.neighbour(ctx, l, u, false); return err })
	return before, after, g.Wait()
}

func (h *handler) neighbour(ctx context.Context, l listRequest, u directory.User, before bool) (*directory.User, error) {
	place := directory.CursorOf(u)
	for at, i := &place, 0; at != nil && i < maxNeighbourQueries; i++ {
		req := directory.PageRequest{Filter: l.req.Filter, Order: l.req.Order, Limit: 1, Bare: true}
		if before {
			req.Before = at
		} else {
			req.After = at
		}
		page, err := h.Store.Users(ctx, l.teamID, req)
		if err != nil {
			return nil, fmt.Errorf("neighbour: %w", err)
		}
		if len(page.Users) > 0 {
			return &page.Users[0], nil
		}
		if at = page.Next; before {
			at = page.Prev
		}
	}
	return nil, nil
}
