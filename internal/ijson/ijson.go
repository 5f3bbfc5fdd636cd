// Package ijson reads JSON from strangers by the rules of RFC 7493 (I-JSON): names are
// case-sensitive, where encoding/json accepts "ID" for "id", and no object has a name
// twice. Half a surrogate pair, as is left of an emoji that was cut in two, becomes U+FFFD.
//
// It is a thin layer over the Go team's next encoding/json, which is not released yet.
package ijson

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	errNotUTF8   = errors.New("not UTF-8")
	errNotObject = errors.New("not a JSON object")
	errTooDeep   = errors.New("nested too deep")
)

// Unmarshal decodes raw into v. The error may quote the input.
func Unmarshal(raw []byte, v any) error {
	if !utf8.Valid(raw) {
		return errNotUTF8
	}
	return json.Unmarshal(raw, v, surrogateHalves)
}

// surrogateHalves accepts escaped halves of surrogate pairs. Invalid UTF-8 is refused before.
var surrogateHalves = jsontext.AllowInvalidUTF8(true)

// Text is a string for [Unmarshal]. A value of another type leaves it empty.
type Text string

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (t *Text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = ""
	if d.PeekKind() != jsontext.KindString {
		return d.SkipValue()
	}
	token, err := d.ReadToken()
	*t = Text(token.String())
	return err
}

// TextOf returns one member of raw, empty if it is absent or not a string. It fails unless raw is
// exactly one object. It is much faster than [Unmarshal] into a struct, and every event needs it.
func TextOf(raw []byte, name string) (string, error) {
	m := member{name: name}
	err := Unmarshal(raw, &m)
	return string(m.text), err
}

// member is one member of an object.
type member struct {
	name  string
	found bool
	text  Text
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (m *member) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != jsontext.KindBeginObject {
		return errNotObject
	}
	for d.PeekKind() == jsontext.KindString {
		if err := m.read(d); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// read reads a name and its value.
func (m *member) read(d *jsontext.Decoder) error {
	name, err := d.ReadValue()
	if err != nil {
		return err
	}
	if !m.found && isName(name, m.name) {
		m.found = true
		return m.text.UnmarshalJSONFrom(d)
	}
	_, err = d.ReadValue()
	return err
}

func isName(quoted jsontext.Value, name string) bool {
	unquoted, err := jsontext.AppendUnquote(make([]byte, 0, 64), quoted)
	return err == nil && string(unquoted) == name
}

// RawObject is the text of an object. A value of another type leaves it empty.
type RawObject []byte

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (o *RawObject) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*o = nil
	if d.PeekKind() != jsontext.KindBeginObject {
		return d.SkipValue()
	}
	v, err := d.ReadValue()
	*o = append(*o, v...)
	return err
}

// maxDepth is how deep an object may nest. Slack's are five levels deep. Stores and
// pages wrap them in objects of their own, and the decoder stops at 10,000 levels.
const maxDepth = 128

// CheckDepth fails if valid JSON nests too deep to be stored and shown.
func CheckDepth(raw []byte) error {
	if bytes.Count(raw, []byte("{"))+bytes.Count(raw, []byte("[")) <= maxDepth {
		return nil // as nearly always, and counting is much faster than the loop
	}
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > 1+maxDepth { // the object itself is one level
				return errTooDeep
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return nil
}

// Maybe holds a T, or the zero value if the JSON has another type.
type Maybe[T any] struct{ Value T }

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (m *Maybe[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	var read T
	if json.Unmarshal(v, &read, surrogateHalves) == nil {
		m.Value = read
	}
	return nil
}
