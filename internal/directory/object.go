package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// object is a decoded JSON object. Its numbers are [json.Number], so that nothing is rounded.
type object map[string]any

// deepest is how deep an object may nest. Slack's are five deep. What a store or a
// page puts around it counts as well, and JSON cannot be read below 10,000.
const deepest = 128

// decodeObject decodes exactly one JSON object, which [objectID] has checked.
func decodeObject(raw []byte) (object, error) {
	if _, err := objectID(raw); err != nil {
		return nil, err
	}
	if err := checkDepth(raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object", ErrInvalid)
	}
	return o, nil
}

// objectID returns the string "id" of exactly one JSON object, and checks
// without building it that the object is as [ReadJSON] has JSON.
func objectID(raw []byte) (string, error) {
	var o *struct {
		ID Text `json:"id"`
	}
	if err := ReadJSON(raw, &o); err != nil || o == nil {
		return "", fmt.Errorf("%w: not a JSON object", ErrInvalid)
	}
	return string(o.ID), nil
}

// checkDepth fails if valid JSON nests too deep.
func checkDepth(raw []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > 1+deepest { // the object itself is one level
				return fmt.Errorf("%w: nested too deep", ErrInvalid)
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return nil
}

func (o object) canonical() json.RawMessage { return canonical(o) }

// canonical encodes what was decoded from JSON with sorted keys and no spaces:
// equal values give equal bytes.
func canonical(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // what was decoded from JSON can be encoded
	}
	return bytes.TrimSpace(b.Bytes())
}

// The getters below take a path of keys. What is absent, null or of another
// type is the zero value: Slack sends all three for "nothing there".

func (o object) get(path ...string) any {
	var v any = map[string]any(o)
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func (o object) string(path ...string) string {
	s, _ := o.get(path...).(string)
	return s
}

func (o object) bool(path ...string) bool {
	b, _ := o.get(path...).(bool)
	return b
}

func (o object) int(path ...string) int64 {
	n, _ := o.get(path...).(json.Number)
	i, _ := n.Int64()
	return i
}

// merge returns base with patch laid over it key by key: what patch does not
// name stays as it was. Unlike JSON Merge Patch (RFC 7396) a null is a value,
// because Slack sends null where it means "empty".
func merge(base, patch map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = make(map[string]any, len(patch))
	}
	for key, p := range patch {
		pm, isObject := p.(map[string]any)
		bm, wasObject := out[key].(map[string]any)
		if isObject && wasObject {
			out[key] = merge(bm, pm)
		} else {
			out[key] = p
		}
	}
	return out
}

// join combines two patches of one version so that their order does not matter:
// objects key by key; of two other values the one whose JSON sorts last; any
// other value wins over an object.
func join(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	for key, bv := range b {
		av, both := out[key]
		am, aIsObject := av.(map[string]any)
		bm, bIsObject := bv.(map[string]any)
		switch {
		case !both, aIsObject && !bIsObject:
			out[key] = bv
		case aIsObject && bIsObject:
			out[key] = join(am, bm)
		case !aIsObject && !bIsObject && bytes.Compare(canonical(bv), canonical(av)) > 0:
			out[key] = bv
		}
	}
	return out
}

// subtract returns what is left of older once newer is laid over it: the keys
// that newer does not decide. merge(merge(b, older), newer) and
// merge(merge(b, subtract(older, newer)), newer) are the same for every b.
func subtract(older, newer map[string]any) map[string]any {
	rest := map[string]any{}
	for key, o := range older {
		n, named := newer[key]
		if !named {
			rest[key] = o
			continue
		}
		om, olderIsObject := o.(map[string]any)
		nm, newerIsObject := n.(map[string]any)
		switch {
		case !newerIsObject: // newer replaces whatever older put there
		case !olderIsObject: // older clears what stood there before newer fills it again
			rest[key] = o
		default:
			if left := subtract(om, nm); len(left) > 0 {
				rest[key] = left
			}
		}
	}
	return rest
}
