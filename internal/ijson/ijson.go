// Package ijson reads JSON from strangers as RFC 7493 (I-JSON) has it: names
// count exactly as written, where encoding/json takes "ID" for "id", and no
// name comes twice in an object. Half a surrogate pair, which is left when
// somebody cuts an emoji in two, becomes U+FFFD.
//
// It is a thin layer over the Go team's next encoding/json, ahead of its release.
package ijson

import (
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

// surrogateHalves accepts escaped halves of surrogate pairs. Bytes that are not UTF-8 have been refused before.
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

// RawObject is an object as it was written. A value of another type leaves it empty.
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

// maxDepth is how deep an object may nest. Slack's are five deep. Stores and
// pages wrap objects in their own, and JSON cannot be read below 10,000 levels.
const maxDepth = 128

// CheckDepth fails if valid JSON nests too deep to be stored and shown.
func CheckDepth(raw []byte) error {
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

// Maybe holds a T, or the zero value where the JSON is of another type.
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
