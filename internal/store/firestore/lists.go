package firestore

import (
	"context"
	"fmt"
	"slices"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
)

// maxDisjunctions bounds the combinations of accounts and time zones that one query asks for. Firestore
// takes 30, and 100 filters and orders in all of them together (its page "Query limitations"): each
// combination has up to four filters, and the query two orders and a parent.
const maxDisjunctions = 24

// filtered adds f to q, for a list in that order. Several time zones may take several queries, which
// have no user in common. If exact is false, the results also have some users whom f excludes.
func filtered(q firestore.Query, f directory.Filter, o directory.Order) (all []firestore.Query, exact bool) {
	token, exact := f.Token()
	if token != "" {
		q = q.Where("search", "array-contains", token)
	}
	accounts := f.Accounts()
	// All other fields are only in indexes with the account, see [Indexes]. Removed users
	// have none, so this leaves them out of lists by updated, which they have.
	if base, _ := o.Base(); len(accounts) == 0 && (token != "" || len(f.TimeZones) > 0 || base == directory.ByUpdated) {
		accounts = directory.AllAccounts()
	}
	if len(accounts) > 0 {
		q = q.Where("account", "in", accounts)
	}
	if f.Source != "" {
		q = q.Where("source", "==", string(f.Source))
	}
	if f.Since > 0 {
		q = q.Where("sort_version", ">=", int64(f.Since))
	}
	zones := slices.Compact(slices.Sorted(slices.Values(f.TimeZones)))
	switch len(zones) {
	case 0:
		return []firestore.Query{q}, exact
	case 1:
		return []firestore.Query{q.Where("tz", "==", zones[0])}, exact
	}
	for some := range slices.Chunk(zones, maxDisjunctions/len(accounts)) {
		all = append(all, q.Where("tz", "in", some))
	}
	return all, exact
}

// ordered walks forward or backward from a cursor, or from the beginning if it is
// nil. Removed users have neither name nor version, so no index by these has them.
func ordered(q firestore.Query, o directory.Order, backward bool, from *directory.Cursor) firestore.Query {
	field, place := "sort_name", func(c *directory.Cursor) any { return c.SortName }
	switch base, _ := o.Base(); base {
	case directory.ByChange:
		field, place = "sort_version", func(c *directory.Cursor) any { return int64(c.Version) }
	case directory.ByUpdated:
		field, place = "updated", func(c *directory.Cursor) any { return c.Updated }
	}
	direction := firestore.Asc
	if o.Descends() != backward {
		direction = firestore.Desc
	}
	q = q.OrderBy(field, direction).OrderBy(firestore.DocumentID, direction)
	if from != nil {
		q = q.StartAfter(place(from), from.ID)
	}
	return q
}

// Users returns a page of users without their parts, and without removed ones. It bills a read for each row
// and, unless the request is bare, one more. If the index returns false matches, it bills at most two reads a
// row, and the page may end early. Where a filter by time zones takes several queries, it bills as much for each.
func (s *Store) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	queries, exact := filtered(s.users(teamID).Query, req.Filter, req.Order)
	from := req.After
	if req.Before != nil {
		from = req.Before
	}
	read := func(from *directory.Cursor, limit int) ([]directory.User, error) {
		parts := make([][]directory.User, len(queries))
		reading, ctx := errgroup.WithContext(ctx)
		for i, q := range queries {
			reading.Go(func() (err error) {
				parts[i], err = listed(ctx, ordered(q, req.Order, req.Before != nil, from).Limit(limit))
				return err
			})
		}
		if err := reading.Wait(); err != nil || len(parts) == 1 {
			return parts[0], err
		}
		rows := slices.SortedFunc(slices.Values(slices.Concat(parts...)), func(a, b directory.User) int {
			if req.Before != nil {
				a, b = b, a
			}
			return req.Order.Compare(directory.CursorOf(a), directory.CursorOf(b))
		})
		return rows[:min(len(rows), limit)], nil
	}
	if exact {
		rows, err := read(from, req.Rows())
		if err != nil {
			return directory.Page{}, err
		}
		return directory.NewPage(req, rows), nil
	}
	var rows []directory.User
	for budget := 2*req.Limit - req.Limit/10; ; { // the rest is to fill up the page
		limit := min(budget, req.Limit-len(rows))
		found, err := read(from, limit)
		if err != nil {
			return directory.Page{}, err
		}
		for _, u := range found {
			if req.Filter.Matches(u) {
				rows = append(rows, u)
			}
		}
		budget -= len(found)
		if len(found) < limit {
			return directory.NewPartialPage(req, rows, nil), nil
		}
		last := directory.CursorOf(found[len(found)-1])
		if from = &last; len(rows) == req.Limit || budget == 0 {
			return directory.NewPartialPage(req, rows, from), nil
		}
	}
}

// listed returns a query's users without their parts.
func listed(ctx context.Context, q firestore.Query) ([]directory.User, error) {
	snapshots, err := q.Select(listedFields...).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	rows := make([]directory.User, len(snapshots))
	for i, snapshot := range snapshots {
		if rows[i], err = userOf(snapshot); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Count returns how many users match the filter, or an upper bound if exact is
// false. It bills one read per 1,000 users counted, at least one for each query.
func (s *Store) Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error) {
	order := directory.ByName
	if f.Since > 0 {
		order = directory.ByChange
	}
	queries, exact := filtered(s.users(teamID).Query, f, order)
	parts := make([]int, len(queries))
	counting, ctx := errgroup.WithContext(ctx)
	for i, q := range queries {
		counting.Go(func() (err error) {
			parts[i], err = count(ctx, ordered(q, order, false, nil))
			return err
		})
	}
	err = counting.Wait()
	for _, part := range parts {
		n += part
	}
	return n, exact, err
}

// UsersByID returns the users with those ids, in no order, without those whom nobody
// has stored. It is one request, and bills a read for each id.
func (s *Store) UsersByID(ctx context.Context, teamID string, ids []string) ([]directory.User, error) {
	refs := make([]*firestore.DocumentRef, len(ids))
	for i, id := range ids {
		refs[i] = s.users(teamID).Doc(id)
	}
	snapshots, err := s.client.GetAll(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	var all []directory.User
	for _, snapshot := range snapshots {
		if !snapshot.Exists() {
			continue
		}
		u, err := userOf(snapshot)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// UsersByEmail returns the users with that [directory.EmailKey], without removed ones. It
// bills a read for each, at least one.
func (s *Store) UsersByEmail(ctx context.Context, teamID, key string) (all []directory.User, err error) {
	snapshots, err := s.users(teamID).Where("email_key", "==", key).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	for _, snapshot := range snapshots {
		u, err := userOf(snapshot)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

func count(ctx context.Context, q firestore.Query) (int, error) {
	result, err := q.NewAggregationQuery().WithCount("count").Get(ctx)
	if err != nil {
		return 0, fmt.Errorf("firestore: %w", err)
	}
	v, ok := result["count"].(*firestorepb.Value)
	if !ok {
		return 0, fmt.Errorf("firestore: no count in the answer")
	}
	return int(v.GetIntegerValue()), nil
}
