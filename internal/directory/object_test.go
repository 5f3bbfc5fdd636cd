package directory

import (
	"errors"
	"strings"
	"testing"
)

// objects are what a user object may look like where only its id is wanted.
var objects = []string{
	`{"id":"U1"}`,
	` {"name":"x","profile":{"id":"U2","fields":[{"id":"U3"}]},"id":"U1","x":1e999} `,
	`{"id":"U1","id":"U2"}`,
	`{"id":5,"id":"U2"}`,
	`{"id":"U1","id":null}`,
	`{"ID":"U1"}`,
	`{"\u0069d":"U\u0031"}`,
	`{"id":"\ud800"}`,
	`{"name":"\udc00","id":"U1"}`,
	"{\"id\":\"\xff\"}",
	`{"id":["U1"]}`,
	`{"id":"U1"`,
	`{"id":"U1"}{}`,
	`{"id":"U1",}`,
	`{"id":"U1" "x":1}`,
	`["id","U1"]`,
	`"id"`,
	`null`,
	``,
	`{}`,
	`{"id":"U1","x":` + strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999) + `}`,
	`{"id":"U1","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
}

// sameID: objectID finds what decoding the whole object would and, with checkDepth, accepts the same.
func sameID(t *testing.T, raw []byte) {
	t.Helper()
	got, err := objectID(raw)
	if err == nil {
		if err = checkDepth(raw); err != nil {
			got = ""
		}
	}
	o, decodeErr := decodeObject(raw)
	if got != o.string("id") || (err == nil) != (decodeErr == nil) || err != nil && !errors.Is(err, ErrInvalid) {
		t.Errorf("%.80q: id %q, error %v; the object has %q, error %v", raw, got, err, o.string("id"), decodeErr)
	}
}

func TestObjectID(t *testing.T) {
	for _, o := range objects {
		sameID(t, []byte(o))
	}
}

func FuzzObjectID(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o))
	}
	f.Fuzz(sameID)
}
