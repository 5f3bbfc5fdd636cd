package fullsync

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"rollcall/internal/directory"
)

// listed is what is remembered of a listed user: some 60 bytes, since all of
// a workspace must fit in memory at once. The object itself is asked for again
// if it is needed.
type listed struct {
	id          string
	fingerprint int64
	page        int32 // index in listing.versions
}

// listing is what Slack listed, in pages and then sorted.
type listing struct {
	users    []listed
	versions []directory.Version // of each page
	zones    map[string]int      // active people by time zone, bots left out
	cursor   string              // of the page after the last one; empty at the end
	leftOut  map[string]bool     // ids of those whose object cannot be stored: they are not gone
}

// pageUsers is the checkpoint of one page's users.
type pageUsers struct {
	IDs          []string       `json:"ids"`
	Fingerprints []int64        `json:"fingerprints"`
	TimeZones    map[string]int `json:"time_zones"`
	LeftOut      []string       `json:"left_out,omitempty"`
}

// digest turns a page into its checkpoint. It returns how many users it had to
// leave out because they have no usable id, or an object that no document could hold.
func digest(teamID string, number int, page directory.ListingPage) (p directory.SyncPage, leftOut int, err error) {
	all := pageUsers{TimeZones: map[string]int{}}
	for _, user := range page.Users {
		u, err := directory.FromListing(teamID, user)
		if err != nil {
			leftOut++
			all.LeftOut = append(all.LeftOut, idOf(user)...)
			continue
		}
		all.IDs, all.Fingerprints = append(all.IDs, u.ID), append(all.Fingerprints, u.Fingerprint)
		if !u.Deleted && u.TZ != "" && u.Kind != directory.Bot {
			all.TimeZones[u.TZ]++
		}
	}
	p = directory.SyncPage{Number: number, Cursor: page.Next, Version: page.Version}
	p.Users, err = json.Marshal(all)
	return p, leftOut, err
}

// idOf returns the id of a user whose object is not valid, if that much of it can be read.
func idOf(user json.RawMessage) []string {
	var u struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(user, &u) != nil || directory.ValidateID("user.id", u.ID) != nil {
		return nil
	}
	return []string{u.ID}
}

// add appends a page. The ids are copied out of it, so that nothing else of it stays in memory.
func (l *listing) add(p directory.SyncPage) error {
	var u pageUsers
	if err := json.Unmarshal(p.Users, &u); err != nil || len(u.IDs) != len(u.Fingerprints) {
		return fmt.Errorf("checkpoint of page %d is damaged: %w", p.Number, cmp.Or(err, directory.ErrInvalid))
	}
	for i, id := range u.IDs {
		l.users = append(l.users, listed{id, u.Fingerprints[i], int32(len(l.versions))})
	}
	if l.zones == nil {
		l.zones, l.leftOut = map[string]int{}, map[string]bool{}
	}
	for _, id := range u.LeftOut {
		l.leftOut[id] = true
	}
	for zone, n := range u.TimeZones {
		l.zones[zone] += n
	}
	l.versions = append(l.versions, p.Version)
	l.cursor = p.Cursor
	return nil
}

// sort orders by fingerprint. Of a user who was listed twice, as happens when
// people come and go meanwhile, the later page counts.
func (l *listing) sort() {
	slices.SortFunc(l.users, func(a, b listed) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.page, a.page)) })
	l.users = slices.CompactFunc(l.users, func(a, b listed) bool { return a.id == b.id })
	slices.SortFunc(l.users, func(a, b listed) int { return cmp.Compare(a.fingerprint, b.fingerprint) })
}

// within returns the users of a sorted listing whose fingerprints are in the range.
func (l *listing) within(r directory.FingerprintRange) []listed {
	at := func(fp int64) int {
		i, _ := slices.BinarySearchFunc(l.users, fp, func(u listed, fp int64) int { return cmp.Compare(u.fingerprint, fp) })
		return i
	}
	return l.users[at(r.From):at(r.To)]
}

// sum returns the count and the sum of fingerprints.
func sum(users []listed) (count, total int64) {
	for _, u := range users {
		total += u.fingerprint
	}
	return int64(len(users)), total
}
