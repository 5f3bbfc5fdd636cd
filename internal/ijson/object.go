package ijson

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object in canonical form: members sorted by name, no
// spaces, strings with as few escapes as possible, numbers unchanged. Equal
// objects have equal text.
type Object []Member

// Member is one name of an object, with its value in canonical form.
type Member struct {
	Name  string
	Value Value
}

// Value is canonical JSON text. It is empty for an absent member.
//
// The accessors return the zero value for a value that is absent, null or of another
// type: Slack sends all three for a missing value.
type Value string

// Parse reads exactly one object, by the rules of this package. Errors quote nothing of the input.
func Parse(raw []byte) (Object, error) {
	if err := CheckDepth(raw); err != nil {
		return nil, err
	}
	if !utf8.Valid(raw) {
		return nil, errNotUTF8
	}
	text, err := jsontext.AppendFormat(make([]byte, 0, len(raw)), raw,
		jsontext.ReorderRawObjects(true), jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false), surrogateHalves)
	if err != nil {
		return nil, errNotObject
	}
	return split(Value(text), text)
}

// ParseCanonical parses the result of [Object.Text].
func ParseCanonical(text []byte) (Object, error) { return split(Value(text), text) }

// split returns the members of canonical text. bytesOf holds the same text. The values
// share the memory of text.
func split(text Value, bytesOf []byte) (Object, error) {
	m := members{text: text}
	// Canonical text has no duplicate names, so do not look for them.
	if err := json.Unmarshal(bytesOf, &m, jsontext.AllowDuplicateNames(true), surrogateHalves); err != nil {
		return nil, errNotObject
	}
	return m.found, nil
}

// members are those of an object whose canonical text is known.
type members struct {
	text  Value
	found Object
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (m *members) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != jsontext.KindBeginObject {
		return errNotObject
	}
	next := func() (Value, error) {
		v, err := d.ReadValue()
		end := int(d.InputOffset())
		return m.text[end-len(v) : end], err
	}
	m.found = make(Object, 0, min(1+len(m.text)/32, 32))
	for d.PeekKind() == jsontext.KindString {
		name, err := next()
		if err != nil {
			return err
		}
		value, err := next()
		if err != nil {
			return err
		}
		m.found = append(m.found, Member{name.String(), value})
	}
	_, err := d.ReadToken()
	return err
}

// Get returns a member's value, empty if there is none.
func (o Object) Get(name string) Value {
	i, found := slices.BinarySearchFunc(o, name, compareName)
	if !found {
		return ""
	}
	return o[i].Value
}

func compareName(m Member, name string) int { return compareNames(m.Name, name) }

// compareNames orders by UTF-16 code units as RFC 8785 does, and Parse.
func compareNames(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i < len(a) && a[i] >= 0x80 || i < len(b) && b[i] >= 0x80 {
		return slices.Compare(utf16Units(a), utf16Units(b))
	}
	return strings.Compare(a, b)
}

func utf16Units(s string) []uint16 { return utf16.Encode([]rune(s)) }

// With returns a copy of o with the member set, or without it if v is empty.
func (o Object) With(name string, v Value) Object {
	i, found := slices.BinarySearchFunc(o, name, compareName)
	switch {
	case found && v == "":
		return slices.Concat(o[:i], o[i+1:])
	case found:
		o = slices.Clone(o)
		o[i].Value = v
		return o
	case v == "":
		return o
	}
	return slices.Concat(o[:i], Object{{name, v}}, o[i:])
}

// Merge builds an object from what pick returns for each name in a or b. An empty result
// omits the name. pick gets an empty value for an object that lacks the name.
func Merge(a, b Object, pick func(name string, a, b Value) Value) Object {
	merged := make(Object, 0, len(a)+len(b)/4)
	Walk(a, b, func(name string, a, b Value) {
		if v := pick(name, a, b); v != "" {
			merged = append(merged, Member{name, v})
		}
	})
	return merged
}

// Walk calls visit for each name in one or both of two objects, in order. The values
// are empty where an object lacks the name.
func Walk(a, b Object, visit func(name string, a, b Value)) {
	for len(a) > 0 && len(b) > 0 {
		switch c := compareNames(a[0].Name, b[0].Name); {
		case c < 0:
			visit(a[0].Name, a[0].Value, "")
			a = a[1:]
		case c > 0:
			visit(b[0].Name, "", b[0].Value)
			b = b[1:]
		default:
			visit(a[0].Name, a[0].Value, b[0].Value)
			a, b = a[1:], b[1:]
		}
	}
	for _, m := range a {
		visit(m.Name, m.Value, "")
	}
	for _, m := range b {
		visit(m.Name, "", m.Value)
	}
}

// Text returns o as canonical JSON.
func (o Object) Text() Value {
	size := 2
	for _, m := range o {
		size += len(m.Name) + len(m.Value) + 4
	}
	text := append(make([]byte, 0, size), '{')
	for i, m := range o {
		if i > 0 {
			text = append(text, ',')
		}
		var err error
		if text, err = jsontext.AppendQuote(text, m.Name); err != nil {
			panic(err) // names are valid UTF-8
		}
		text = append(append(text, ':'), m.Value...)
	}
	return Value(append(text, '}'))
}

// String returns the text of a JSON string.
func (v Value) String() string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if plain := string(v[1 : len(v)-1]); strings.IndexByte(plain, '\\') < 0 {
		return plain
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(s)
}

// Quote returns s as a JSON string.
func Quote(s string) Value {
	v, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		panic(err) // valid UTF-8 can be quoted
	}
	return Value(v)
}

// Bool reports whether v is true.
func (v Value) Bool() bool { return string(v) == "true" }

// Int returns a whole number.
func (v Value) Int() int64 {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Object returns the members of an object.
func (v Value) Object() Object {
	if v == "" || v[0] != '{' {
		return nil
	}
	o, err := split(v, []byte(v))
	if err != nil {
		return nil
	}
	return o
}

// Items returns the values of an array.
func (v Value) Items() (all []Value) {
	if v == "" || v[0] != '[' {
		return nil
	}
	var items []jsontext.Value
	if err := json.Unmarshal([]byte(v), &items, surrogateHalves); err != nil {
		return nil
	}
	for _, item := range items {
		all = append(all, Value(item))
	}
	return all
}

// Empty reports whether v is one of Slack's forms of a missing value:
// absent, null, "", 0, false, {} or [].
func (v Value) Empty() bool {
	switch string(v) {
	case "", "null", `""`, "false", "{}", "[]":
		return true
	}
	if v[0] != '-' && v[0] != '0' {
		return false // not a number that is 0
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(string(v)), "e")
	return strings.Trim(mantissa, "-0.") == ""
}
