package firestore

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"

	"rollcall/internal/directory"
)

// filtered adds f to q, for a list in that order. If exact is false, the result also has
// some users whom f excludes.
func filtered(q firestore.Query, f directory.Filter, o directory.Order) (_ firestore.Query, exact bool) {
	token, exact := f.Token()
	if token != "" {
		q = q.Where("search", "array-contains", token)
	}
	accounts := f.Accounts()
	// All other fields are only in indexes with the account, see [Indexes]. Removed users
	// have none, so this leaves them out of lists by updated, which they have.
	if base, _ := o.Base(); len(accounts) == 0 && (token != "" || f.TZ != "" || base == directory.ByUpdated) {
		accounts = directory.AllAccounts()
	}
	if len(accounts) > 0 {
		q = q.Where("account", "in", accounts)
	}
	if f.TZ != "" {
		q = q.Where("tz", "==", f.TZ)
	}
	if f.Source != "" {
		q = q.Where("source", "==", string(f.Source))
	}
	if f.Since > 0 {
		q = q.Where("sort_version", ">=", int64(f.Since))
	}
	return q, exact
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
// row, and the page may end early.
func (s *Store) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	base, exact := filtered(s.users(teamID).Query, req.Filter, req.Order)
	base = base.Select(listedFields...)
	from := req.After
	if req.Before != nil {
		from = req.Before
	}
	read := func(from *directory.Cursor, limit int) ([]directory.User, error) {
		snapshots, err := ordered(base, req.Order, req.Before != nil, from).Limit(limit).Documents(ctx).GetAll()
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
	if exact {
		rows, err := read(from, req.Rows())
		if err != nil {
			return directory.Page{}, err
		}
		return directory.NewPage(req, rows), nil
	}
	var rows []directory.User
	for budget := 2*req.Limit - req.Limit/10; ; { // the rest is for filling the page up
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

// Count returns how many users match the filter, or an upper bound if exact is
// false. It bills one read per 1,000 users counted, at least one.
func (s *Store) Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error) {
	order := directory.ByName
	if f.Since > 0 {
		order = directory.ByChange
	}
	q, exact := filtered(s.users(teamID).Query, f, order)
	n, err = count(ctx, ordered(q, order, false, nil))
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
