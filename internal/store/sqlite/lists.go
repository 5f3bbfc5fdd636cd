package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
)

// There is a list of users for each value that one can filter by, in each order. A
// page of a filter with several parts is the intersection of their lists, so it reads
// little more than it shows.

const (
	everybody = ""  // the list of all
	home      = "h" // the list of all but people of other workspaces
)

// maxRarity bounds the counting that finds the shortest list.
const maxRarity = 200

func lists(status directory.AccountStatus, group directory.Group, tz string, source directory.Source, terms []string) (all []string) {
	add := func(letter, value string) {
		if value != "" {
			all = append(all, letter+strings.ReplaceAll(value, "\x00", "")) // JSON in SQLite has no NUL
		}
	}
	add("a", string(status))
	add("g", string(group))
	add("z", tz)
	add("s", string(source))
	for _, term := range terms {
		add("w", term)
	}
	return all
}

// listsOf returns the lists that u is in, sorted.
func listsOf(u directory.User) []string {
	status := directory.Active
	if u.Deleted {
		status = directory.Deactivated
	}
	all := append(lists(status, u.Kind.Group(), u.TZ, u.Source, directory.SearchPrefixes(u)), everybody)
	if u.Kind != directory.External {
		all = append(all, home)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// member is a condition on the list that a user is in.
type member struct {
	condition string
	arg       any
}

// anyZone is the condition of being in one of several time zones' lists; nobody is in two. It also reports
// whether they have so few people that sorting them costs little.
func (s *Store) anyZone(ctx context.Context, teamID string, names []string) (_ member, few bool, err error) {
	var zones []string
	for _, tz := range names {
		zones = append(zones, lists("", "", tz, "", nil)...)
	}
	encoded, err := encode(zones)
	if err != nil {
		return member{}, false, err
	}
	m := member{"IN (SELECT value FROM json_each(?))", encoded}
	var n int
	err = s.queryRow(ctx, []any{&n}, `SELECT count(*) FROM (SELECT 1 FROM by_name WHERE team_id = ? AND list `+m.condition+` LIMIT ?)`, teamID, encoded, maxRarity)
	return m, n < maxRarity, err
}

// meeting returns FROM and WHERE of a query for the intersection of a filter's lists, in the table of one order. inOrder
// says that rows are read in that order, and only the first of them.
func (s *Store) meeting(ctx context.Context, teamID string, f directory.Filter, table, column string, inOrder bool) (text string, args []any, err error) {
	tz := ""
	if len(f.TimeZones) == 1 {
		tz = f.TimeZones[0]
	}
	all := lists(f.AccountStatus, f.Group, tz, f.Source, f.Terms())
	if f.Home && f.Group == "" {
		all = append(all, home)
	}
	if len(all) == 0 {
		all = []string{everybody}
	}
	if err := s.rarestFirst(ctx, teamID, all); err != nil {
		return "", nil, err
	}
	members := make([]member, len(all))
	for i, list := range all {
		members[i] = member{"= ?", list}
	}
	if len(f.TimeZones) > 1 {
		zones, few, err := s.anyZone(ctx, teamID, f.TimeZones)
		if err != nil {
			return "", nil, err
		}
		if few || !inOrder { // SQLite has to sort what several lists have
			members = slices.Insert(members, 0, zones)
		} else {
			members = append(members, zones)
		}
	}
	text = fmt.Sprintf(" FROM %s AS l", table)
	for i, m := range members[1:] { // CROSS JOIN keeps SQLite from choosing another order
		other := fmt.Sprintf("l%d", i+1)
		text += fmt.Sprintf(" CROSS JOIN %s AS %s ON %[2]s.team_id = l.team_id AND %[2]s.list %[4]s AND %[2]s.%[3]s = l.%[3]s AND %[2]s.id = l.id", table, other, column, m.condition)
		args = append(args, m.arg)
	}
	text, args = text+" WHERE l.team_id = ? AND l.list "+members[0].condition, append(args, teamID, members[0].arg)
	if f.Since > 0 && column == "version" {
		text, args = text+" AND l.version >= ?", append(args, int64(f.Since))
	}
	return text, args, nil
}

// rarestFirst moves the shortest list to the front, because its length decides the cost.
func (s *Store) rarestFirst(ctx context.Context, teamID string, all []string) error {
	if len(all) == 1 {
		return nil
	}
	length := map[string]int{}
	for _, list := range all {
		var n int
		if err := s.queryRow(ctx, []any{&n}, `SELECT count(*) FROM (SELECT 1 FROM by_name WHERE team_id = ? AND list = ? LIMIT ?)`, teamID, list, maxRarity); err != nil {
			return err
		}
		length[list] = n
	}
	// Among long lists, lists of words are likely to be shorter than others, and those of long words shorter than those of short words.
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(length[a], length[b]), cmp.Compare(letters(b), letters(a)))
	})
	return nil
}

// letters is how long the word of a list is, 0 if it is no list of a word.
func letters(list string) int {
	word, _ := strings.CutPrefix(list, "w")
	if word == list {
		return 0
	}
	return len(word)
}

// Users returns a page of users without their parts, and without removed ones.
func (s *Store) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	table, column := "by_name", "sort_name"
	place := func(c *directory.Cursor) any { return c.SortName }
	switch base, _ := req.Order.Base(); base {
	case directory.ByChange:
		table, column = "by_change", "version"
		place = func(c *directory.Cursor) any { return int64(c.Version) }
	case directory.ByUpdated:
		table, column = "by_updated", "updated"
		place = func(c *directory.Cursor) any { return c.Updated }
	}
	text, args, err := s.meeting(ctx, teamID, req.Filter, table, column, true)
	if err != nil {
		return directory.Page{}, err
	}
	from, beyond, direction := req.After, ">", "ASC"
	if req.Before != nil {
		from = req.Before
	}
	if (req.Before != nil) != req.Order.Descends() {
		beyond, direction = "<", "DESC"
	}
	if from != nil {
		text += fmt.Sprintf(" AND (l.%s, l.id) %s (?, ?)", column, beyond)
		args = append(args, place(from), from.ID)
	}
	text = "SELECT (SELECT document FROM users WHERE team_id = l.team_id AND id = l.id)" + text +
		fmt.Sprintf(" ORDER BY l.%s %[2]s, l.id %[2]s LIMIT ?", column, direction)
	args = append(args, req.Rows())
	rows, err := documents[directory.User](ctx, s, req.Rows(), text, args...)
	return directory.NewPage(req, rows), err
}

// Count returns how many users match the filter.
func (s *Store) Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error) {
	table, column := "by_name", "sort_name"
	if f.Since > 0 {
		table, column = "by_change", "version"
	}
	text, args, err := s.meeting(ctx, teamID, f, table, column, false)
	if err != nil {
		return 0, false, err
	}
	err = s.queryRow(ctx, []any{&n}, "SELECT count(*)"+text, args...)
	return n, err == nil, err
}

// UsersByEmail returns the users with that [directory.EmailKey], without removed ones.
func (s *Store) UsersByEmail(ctx context.Context, teamID, key string) ([]directory.User, error) {
	return s.users(ctx, `SELECT document, parts FROM users WHERE team_id = ? AND email_key = ?`, teamID, key)
}

// UsersByID returns the users with those ids, in no order, without those whom nobody has stored.
func (s *Store) UsersByID(ctx context.Context, teamID string, ids []string) ([]directory.User, error) {
	list, err := encode(ids)
	if err != nil {
		return nil, err
	}
	return s.users(ctx, `SELECT document, parts FROM users WHERE team_id = ? AND id IN (SELECT value FROM json_each(?))`, teamID, list)
}

// SumFingerprints returns the count and the exact sum of the fingerprints in the range.
func (s *Store) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	err = s.queryRow(ctx, []any{&count, &sum}, `SELECT count(*), ifnull(sum(fingerprint), 0) FROM users WHERE team_id = ? AND fingerprint >= ? AND fingerprint < ?`,
		teamID, r.From, r.To)
	return count, sum, err
}

// Fingerprints returns the users in the range.
func (s *Store) Fingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (all []directory.Stored, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var (
			document, parts []byte
			written         int64
		)
		if err := rows.Scan(&document, &parts, &written); err != nil {
			return err
		}
		u, err := s.user(document, parts)
		all = append(all, directory.StoredOf(u, time.UnixMicro(written)))
		return err
	}, `SELECT document, parts, written FROM users WHERE team_id = ? AND fingerprint >= ? AND fingerprint < ?`, teamID, r.From, r.To)
	return all, err
}
