package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecodeChange: a message is refused for good, or it can be applied, and the
// resulting user survives being stored and read back.
func FuzzDecodeChange(f *testing.F) {
	for _, data := range []string{
		`{"operation":"insert","team_id":"T1","user":{"id":"U1","profile":{"real_name":"Ada"}},"version":1648596712000001,"source":"event","event_id":"Ev1"}`,
		`{"operation":"update","team_id":"T1","user":{"id":"U1","team_id":"T2","x":[1e999,{"a":null}]},"version":2,"source":"sync","in_list":true}`,
		`{"operation":"insert","team_id":"T1","user":{"id":"U1","<a>":"&","profile":{"real_name":"A<\u2028"}},"version":1,"source":"event"}`,
		`{"operation":"update","team_id":"T1","user":{"id":"U1","profile":{"fields":{"Xf1":{"value":"x"}}}},"version":2,"source":"profile"}`,
		`{"operation":"delete","team_id":"T1","user":{"id":"U1"},"version":3,"source":"sync"}`,
		`{"operation":"reset","team_id":"T1","user":{"id":"U1"},"version":3,"source":"operator"}`,
		`{"operation":"disconnect","team_id":"T1","version":3,"source":"event","event_id":"Ev1"}`,
		`{"operation":"insert","team_id":"T1","user":{"id":"U1","is_forgotten":true,"name":"\ud83d\u0000<"},"version":1,"source":"event"}`,
		`{"OPERATION":"insert","team_id":"../x","user":{"ID":"U1"},"version":-1}`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeChange(data)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || !cmp.Equal(c, Change{}) {
				t.Errorf("%+v, error %v", c, err)
			}
			return
		}
		if ValidateID("team_id", c.TeamID) != nil || (c.Operation == Disconnect) != (c.UserID == "") {
			t.Fatalf("%q in %q", c.UserID, c.TeamID)
		}
		encoded, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeChange(encoded)
		if err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if c.Operation == Disconnect {
			return
		}
		if c.Operation == Update { // whatever is there to be updated
			again.Operation, again.Source = Insert, FromEvent
		}
		u, _, err := Apply(nil, again, now)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false) // canonical text has no such escapes, and the stores add none
		if err := e.Encode(u); err != nil {
			t.Fatal(err)
		}
		var stored User
		if err := json.Unmarshal(text.Bytes(), &stored); err != nil {
			t.Fatal(err)
		}
		if same, outcome, err := Apply(&stored, again, now); err != nil || outcome != Unchanged {
			t.Errorf("a repeat is %s, error %v:\n%s", outcome, err, cmp.Diff(u, same))
		}
		if _, _, err := Apply(&stored, c, now); err != nil {
			t.Error(err)
		}
		if len(SearchTokens(stored)) > 36*15+36*35/2+200 || len(stored.SortName) > maxSortName+4 {
			t.Errorf("%d tokens, a name of %d bytes", len(SearchTokens(stored)), len(stored.SortName))
		}
	})
}

// FuzzParseRecordCursor: what is accepted is a cursor that gives the same text.
func FuzzParseRecordCursor(f *testing.F) {
	for _, c := range []RecordCursor{{}, {time.UnixMicro(1648596712000001).UTC(), "0123abcd"}, {time.UnixMicro(-1).UTC(), ""}} {
		f.Add(c.String())
	}
	f.Add("WzEsIi8iXQ")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseRecordCursor(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || c != (RecordCursor{}) {
				t.Errorf("%+v, error %v", c, err)
			}
			return
		}
		if c.String() != text || c.ID != "" && ValidateID("id", c.ID) != nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	})
}
