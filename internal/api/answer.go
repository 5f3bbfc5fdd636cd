package api

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
)

// answer is one response. A zero status means 200.
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

// write writes the answer's JSON piece by piece. A 304 has none.
func (a answer) write(to io.Writer) error {
	if a.status == http.StatusNotModified {
		return nil
	}
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

// tagged sets the answer's ETag, which is weak because the answer may be compressed. It returns a
// 304 without a body if the client has that answer.
func (a answer) tagged(header http.Header, known string) (answer, error) {
	var b bytes.Buffer
	if err := a.write(&b); err != nil {
		return answer{}, err
	}
	sum := sha256.Sum256(b.Bytes())
	tag := `W/"` + hex.EncodeToString(sum[:16]) + `"`
	header.Set("ETag", tag)
	header.Set("Cache-Control", "private, no-cache") // clients may keep it, but must revalidate each time
	if known == tag {
		return answer{status: http.StatusNotModified}, nil
	}
	return a, nil
}

// next is response_metadata with the cursor of the next page, empty at the end.
func next(cursor string) member {
	return member{"response_metadata", map[string]string{"next_cursor": cursor}}
}
