package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"rollcall/internal/directory"
)

// A workspace's bucket of lists holds, for everything that can be filtered by
// and for each order, the ids of those who have it, in order. A page is where
// the lists of its filter meet.
var (
	listsKey       = []byte("lists")
	listsFormatKey = []byte("lists_format")
	// listsFormat changes with what the lists hold: a file of another format has them made anew.
	listsFormat = []byte("2")
)

// facets are the lists that u is in, or that f asks for.
func facets(status directory.Status, group directory.Group, tz string, source directory.Source, tokens []string) []string {
	all := []string{}
	add := func(letter, value string) {
		if value != "" {
			value = strings.ReplaceAll(value, "\x00", "")
			all = append(all, letter+value[:min(len(value), 100)])
		}
	}
	add("a", string(status))
	add("g", string(group))
	add("z", tz)
	add("s", string(source))
	for _, t := range tokens {
		add("w", t)
	}
	return all
}

// everybody is the list of all.
const everybody = ""

func facetsOf(u directory.User) []string {
	status := directory.Active
	if u.Deleted {
		status = directory.Deactivated
	}
	return append(facets(status, u.Kind.Group(), u.TZ, u.Source, directory.SearchPrefixes(u)), everybody)
}

func facetsIn(f directory.Filter) []string {
	all := facets(f.Status, f.Group, f.TZ, f.Source, f.Words)
	if len(all) == 0 {
		return []string{everybody}
	}
	return all
}

// prefix begins the keys of a list. place follows it and orders within.
func prefix(o directory.Order, facet string) []byte {
	if o == directory.ByChange {
		return []byte("c" + facet + "\x00")
	}
	return []byte("n" + facet + "\x00")
}

// place is unique to a user. A folded name holds no control characters, so NUL ends it.
func place(o directory.Order, c directory.Cursor) []byte {
	if o == directory.ByChange {
		return append(binary.BigEndian.AppendUint64(nil, uint64(c.Version)), c.ID...)
	}
	return []byte(c.SortName + "\x00" + c.ID)
}

// listKeys are the keys that u has in all lists, sorted.
func listKeys(u directory.User) (keys []string) {
	if u.SortName == "" {
		return nil // removed
	}
	facets := facetsOf(u)
	for _, o := range []directory.Order{directory.ByName, directory.ByChange} {
		at := place(o, directory.CursorOf(u))
		for _, facet := range facets {
			keys = append(keys, string(append(prefix(o, facet), at...)))
		}
	}
	slices.Sort(keys)
	return keys
}

// relist puts u in the lists instead of old.
func relist(lists *bolt.Bucket, old, u directory.User) error {
	before, after := listKeys(old), listKeys(u)
	for _, key := range before {
		if _, stays := slices.BinarySearch(after, key); !stays {
			if err := lists.Delete([]byte(key)); err != nil {
				return err
			}
		}
	}
	for _, key := range after {
		if _, there := slices.BinarySearch(before, key); !there {
			if err := lists.Put([]byte(key), []byte(u.ID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeLists makes a workspace's lists anew if they are of another format.
func makeLists(workspace *bolt.Bucket) error {
	if bytes.Equal(workspace.Get(listsFormatKey), listsFormat) {
		return nil
	}
	if err := workspace.DeleteBucket(listsKey); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
		return err
	}
	lists, err := workspace.CreateBucket(listsKey)
	if err != nil {
		return err
	}
	users := workspace.Bucket(usersKey)
	err = users.ForEach(func(id, _ []byte) error {
		r, err := read(users, string(id))
		if err != nil {
			return err
		}
		return relist(lists, directory.User{}, r.User)
	})
	if err != nil {
		return err
	}
	return workspace.Put(listsFormatKey, listsFormat)
}

// list walks one list in one direction.
type list struct {
	cursor   *bolt.Cursor
	prefix   []byte
	backward bool
}

// seek returns the first place at or beyond that one, and whose it is; nil at the end.
func (l list) seek(at []byte) (place, id []byte) {
	want := append(slices.Clone(l.prefix), at...)
	key, id := l.cursor.Seek(want)
	if l.backward && !bytes.Equal(key, want) {
		if key == nil {
			key, id = l.cursor.Last()
		} else {
			key, id = l.cursor.Prev()
		}
	}
	if !bytes.HasPrefix(key, l.prefix) {
		return nil, nil
	}
	return key[len(l.prefix):], id
}

// next returns the place after the one that was found last.
func (l list) next() (place, id []byte) {
	move := l.cursor.Next
	if l.backward {
		move = l.cursor.Prev
	}
	key, id := move()
	if !bytes.HasPrefix(key, l.prefix) {
		return nil, nil
	}
	return key[len(l.prefix):], id
}

// meet calls visit with the ids of those who are in all lists of the request, in
// its order, until visit returns false. Each list in turn leaps to where the
// others are, so that the shortest sets the pace.
func meet(lists *bolt.Bucket, req directory.PageRequest, visit func(id []byte) (bool, error)) error {
	var all []list
	// The newest change comes first, so forward there is backward in the keys.
	backward := (req.Before != nil) != (req.Order == directory.ByChange)
	for _, facet := range facetsIn(req.Filter) {
		all = append(all, list{lists.Cursor(), prefix(req.Order, facet), backward})
	}
	at, id := begin(all[0], req)
	for at != nil {
		agreed := 1
		for i := 1; agreed < len(all); i = (i + 1) % len(all) {
			found, foundID := all[i].seek(at)
			if found == nil {
				return nil
			}
			if !bytes.Equal(found, at) {
				at, id, agreed = bytes.Clone(found), foundID, 0
			}
			agreed++
		}
		if more, err := visit(id); !more || err != nil {
			return err
		}
		all[0].seek(at) // the others may have leapt ahead of it
		at, id = all[0].next()
		at = bytes.Clone(at)
	}
	return nil
}

// begin finds where the request begins in the first list.
func begin(l list, req directory.PageRequest) (at, id []byte) {
	from := req.After
	if req.Before != nil {
		from = req.Before
	}
	switch {
	case from != nil:
		start := place(req.Order, *from)
		at, id = l.seek(start)
		if bytes.Equal(at, start) {
			at, id = l.next()
		}
	case l.backward:
		at, id = l.seek([]byte{0xFF, 0xFF}) // beyond every version and every UTF-8
	default:
		at, id = l.seek(nil)
	}
	return bytes.Clone(at), id
}

// Users returns a page of the users that are not removed.
func (s *Store) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	if err := ctx.Err(); err != nil {
		return directory.Page{}, err
	}
	var rows []directory.User
	err := s.db.View(func(tx *bolt.Tx) error {
		users, lists := bucket(tx, teamID, usersKey), bucket(tx, teamID, listsKey)
		if users == nil {
			return nil
		}
		return meet(lists, req, func(id []byte) (bool, error) {
			r, err := read(users, string(id))
			if err != nil {
				return false, err
			}
			rows = append(rows, r.User)
			return len(rows) <= req.Limit, nil
		})
	})
	return directory.NewPage(req, rows), err
}

// Count returns how many users the filter lets through.
func (s *Store) Count(ctx context.Context, teamID string, f directory.Filter) (n int, exact bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		lists := bucket(tx, teamID, listsKey)
		if lists == nil {
			return nil
		}
		return meet(lists, directory.PageRequest{Filter: f, Order: directory.ByName}, func([]byte) (bool, error) {
			n++
			return true, nil
		})
	})
	return n, true, err
}

// CountChanged returns how many users' newest message has a version from from to to, to not included.
func (s *Store) CountChanged(ctx context.Context, teamID string, from, to directory.Version) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		lists := bucket(tx, teamID, listsKey)
		if lists == nil {
			return nil
		}
		key := func(v directory.Version) []byte {
			return append(prefix(directory.ByChange, everybody), place(directory.ByChange, directory.Cursor{Version: v})...)
		}
		end, c := key(to), lists.Cursor()
		for k, _ := c.Seek(key(from)); k != nil && bytes.Compare(k, end) < 0; k, _ = c.Next() {
			n++
		}
		return nil
	})
	return n, err
}
