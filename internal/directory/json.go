package directory

import (
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ReadJSON decodes JSON from outside as RFC 7493 (I-JSON) has it: names count
// exactly as written, where encoding/json takes "ID" for "id", and none comes
// twice in an object. Half a surrogate pair, which is left where somebody cut an
// emoji in two, becomes U+FFFD. The error may quote the input.
//
// It is the Go team's next encoding/json, ahead of its release.
func ReadJSON(raw []byte, v any) error {
	if !utf8.Valid(raw) {
		return errNotUTF8
	}
	return json.Unmarshal(raw, v, halves)
}

var (
	halves     = jsontext.AllowInvalidUTF8(true)
	errNotUTF8 = errors.New("not UTF-8")
)

// Text is a string for [ReadJSON]. A value of another type leaves it empty: what needs it will miss it.
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
