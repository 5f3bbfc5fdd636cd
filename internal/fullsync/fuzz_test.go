package fullsync

import (
	"encoding/json"
	"testing"

	"rollcall/internal/syncs"
)

// FuzzDigest: every page makes a checkpoint that can be read again, and
// nobody with an id is forgotten in it.
func FuzzDigest(f *testing.F) {
	for _, user := range []string{`{"id":"U1","tz":"Asia/Tokyo"}`, `{"id":"U1","id":"U2"}`, `{"id":"../x"}`, `{"id":"U1","x":[[[[1e999]]]]}`, `null`, `7`, `{"ID":"U1"}`, ``} {
		f.Add([]byte(user))
	}
	f.Fuzz(func(t *testing.T, user []byte) {
		if !json.Valid(user) {
			return // the page would not have been read
		}
		page, leftOut, err := digest("T1", 1, syncs.ListingPage{Users: []json.RawMessage{user}, Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		var l listing
		if err := l.add(page); err != nil {
			t.Fatal(err)
		}
		if len(l.people)+l.failed != 1 || len(leftOut) > l.failed || len(l.leftOut) != len(leftOut) {
			t.Errorf("listed %v, left out %d, %v", l.people, l.failed, leftOut)
		}
		for _, id := range idOf(user) {
			if !l.leftOut[id] && (len(l.people) == 0 || l.people[0].ID != id) {
				t.Errorf("%s is neither listed nor left out: %v", id, l.people)
			}
		}
	})
}
