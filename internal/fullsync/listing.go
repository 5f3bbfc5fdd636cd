package fullsync

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// listing is everybody in users.list. It does not keep their objects: the few that
// are needed are fetched again.
type listing struct {
	people   compare.People
	versions []directory.Version // one for each page
	zones    map[string]int      // active people by time zone, without bots
	cursor   string              // of the next page; empty at the end
	leftOut  map[string]bool     // ids of people whose object cannot be stored; they are not gone
	failed   int                 // how many were left out, including those without an id
}

// pageUsers is the checkpoint of one page's users.
type pageUsers struct {
	IDs          []string       `json:"ids"`
	Fingerprints []int64        `json:"fingerprints"`
	Updated      []int64        `json:"updated"`
	Forgotten    []string       `json:"forgotten,omitempty"`
	TimeZones    map[string]int `json:"time_zones"`
	LeftOut      []string       `json:"left_out,omitempty"`
	Failed       int            `json:"failed,omitempty"`
}

// digest turns a page into its checkpoint. It leaves out users without a valid id,
// and those whose object is too large for a document.
func digest(teamID string, number int, page syncs.ListingPage) (p syncs.Page, leftOut []string, err error) {
	all := pageUsers{TimeZones: map[string]int{}}
	for _, user := range page.Users {
		u, err := directory.FromListing(teamID, user)
		if err != nil {
			all.Failed++
			all.LeftOut = append(all.LeftOut, idOf(user)...)
			continue
		}
		all.IDs, all.Fingerprints, all.Updated = append(all.IDs, u.ID), append(all.Fingerprints, u.Fingerprint), append(all.Updated, u.Updated)
		if u.Kind == directory.Forgotten {
			all.Forgotten = append(all.Forgotten, u.ID)
		}
		if !u.Deleted && u.TZ != "" && u.Kind != directory.Bot {
			all.TimeZones[u.TZ]++
		}
	}
	p = syncs.Page{Number: number, Cursor: page.Next, Version: page.Version}
	p.Users, err = json.Marshal(all)
	return p, all.LeftOut, err
}

// idOf returns the id of an invalid user object, if that much can be read.
func idOf(user json.RawMessage) []string {
	var u struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(user, &u) != nil || directory.ValidateID("user.id", u.ID) != nil {
		return nil
	}
	return []string{u.ID}
}

// add appends a page. It copies the ids, so that the rest of the page can be freed.
func (l *listing) add(p syncs.Page) error {
	var u pageUsers
	if err := json.Unmarshal(p.Users, &u); err != nil || len(u.IDs) != len(u.Fingerprints) || len(u.IDs) != len(u.Updated) {
		return fmt.Errorf("checkpoint of page %d is damaged: %w", p.Number, cmp.Or(err, directory.ErrInvalid))
	}
	for i, id := range u.IDs {
		l.people = append(l.people, compare.Person{ID: id, Fingerprint: u.Fingerprints[i], Updated: u.Updated[i],
			Page: int32(len(l.versions)), Forgotten: slices.Contains(u.Forgotten, id)})
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
	l.failed += u.Failed
	l.versions = append(l.versions, p.Version)
	l.cursor = p.Cursor
	return nil
}

// complete reports whether the last page has been added.
func (l *listing) complete() bool { return len(l.versions) > 0 && l.cursor == "" }

// since is a time before Slack produced any of the pages; 0 without pages.
func (l *listing) since() directory.Version {
	if len(l.versions) == 0 {
		return 0
	}
	return slices.Min(l.versions)
}

// notIn returns the stored people who are not in the listing.
func (l *listing) notIn(stored []directory.Stored) (absent []directory.Stored) {
	byID := make(map[string]directory.Stored, len(stored))
	for _, s := range stored {
		if !l.leftOut[s.ID] {
			byID[s.ID] = s
		}
	}
	for _, p := range l.people {
		delete(byID, p.ID)
	}
	for _, s := range stored {
		if _, left := byID[s.ID]; left {
			absent = append(absent, s)
		}
	}
	return absent
}
