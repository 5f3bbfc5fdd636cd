package api

import (
	"bufio"
	"encoding/json"
	"io"
)

// answer is one answer. The zero status is 200.
type answer struct {
	status  int
	failed  bool
	members []member
}

// member is a member of the answer's object besides ok.
type member struct {
	name  string
	value any // [objects] are written as they are, anything else as its JSON
}

// objects is a list of JSON objects as they are stored.
type objects []json.RawMessage

// ok returns an answer that succeeded.
func ok(members ...member) (answer, error) { return answer{members: members}, nil }

// write writes the answer's JSON piece by piece.
func (a answer) write(to io.Writer) error {
	w := bufio.NewWriterSize(to, 32<<10)
	w.WriteString(`{"ok":`) //nolint:errcheck // Flush returns the error
	if a.failed {
		w.WriteString("false") //nolint:errcheck // as above
	} else {
		w.WriteString("true") //nolint:errcheck // as above
	}
	for _, m := range a.members {
		w.WriteString(`,"` + m.name + `":`) //nolint:errcheck // as above
		switch v := m.value.(type) {
		case objects:
			separator := "["
			for _, o := range v {
				w.WriteString(separator) //nolint:errcheck // as above
				w.Write(o)               //nolint:errcheck // as above
				separator = ","
			}
			if len(v) == 0 {
				w.WriteString("[") //nolint:errcheck // as above
			}
			w.WriteString("]") //nolint:errcheck // as above
		case json.RawMessage: // json.Marshal would compact it, and escape what Slack does not
			w.Write(v) //nolint:errcheck // as above
		default:
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			w.Write(b) //nolint:errcheck // as above
		}
	}
	w.WriteString("}") //nolint:errcheck // as above
	return w.Flush()
}

// next is response_metadata with the cursor of the next page, empty at the end.
func next(cursor string) member {
	return member{"response_metadata", map[string]string{"next_cursor": cursor}}
}
