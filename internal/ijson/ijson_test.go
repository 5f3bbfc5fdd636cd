package ijson

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// objects are texts that strangers may send as an object.
var objects = []string{
	`{"id":"U1"}`,
	` {"name":"x","profile":{"id":"U2","fields":[{"id":"U3"}]},"id":"U1","x":1e999} `,
	`{"id":"U1","id":"U2"}`,
	`{"ID":"U1","id":null}`,
	`{"\u0069d":"U\u0031","a\"b":1,"é":2,"\ud83d\ude00":3,"\ufb33":4}`,
	`{"id":"\ud800","n":[1.10,-0,1E+2,12345678901234567890]}`,
	"{\"id\":\"\xff\"}",
	`{"id":"U1"`,
	`{"id":"U1"}{}`,
	`{"id":"U1",}`,
	`["id","U1"]`,
	`null`,
	``,
	`{}`,
	`{"a":{"z":{},"b":[]},"":"\u2028</script>"}`,
	`{"x":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`,
	`{"x":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`,
	`{"x":"` + strings.Repeat("[", 129) + `\"]","id":"U1"}`,
	`{"x":[` + strings.Repeat("{},", 129) + `{}]}`,
}

// TestDepth: a long text or list is not a deep one.
func TestDepth(t *testing.T) {
	var failed []int
	for i, o := range objects {
		if CheckDepth([]byte(o)) != nil {
			failed = append(failed, i)
		}
	}
	if want := []int{len(objects) - 3}; !slices.Equal(failed, want) {
		t.Errorf("too deep: %v, want %v", failed, want)
	}
}

func TestParse(t *testing.T) {
	for raw, want := range map[string]string{
		` {"b": [1.10, {"z":1, "a":2}], "a":"\u0041\/"} `: `{"a":"A/","b":[1.10,{"a":2,"z":1}]}`,
		`{"s":"\ud800"}`: "{\"s\":\"\ufffd\"}",
		`{}`:             `{}`,
	} {
		o, err := Parse([]byte(raw))
		if err != nil || string(o.Text()) != want {
			t.Errorf("%s: %s, error %v, want %s", raw, o.Text(), err, want)
		}
	}
	for _, raw := range []string{``, `null`, `[]`, `{"a":1,"a":2}`, `{}{}`, `{"a"}`, "{\"a\":\"\xff\"}", `{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`} {
		if o, err := Parse([]byte(raw)); err == nil {
			t.Errorf("%.20q: %v", raw, o)
		}
	}
}

func TestObject(t *testing.T) {
	o, err := Parse([]byte(`{"text":"a\nb","flag":true,"n":42,"list":["T1",["T2"],3,"T3"],"in":{"x":"y"},"none":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Get("text").String(); got != "a\nb" {
		t.Errorf("text %q", got)
	}
	if !o.Get("flag").Bool() || o.Get("n").Bool() || o.Get("n").Int() != 42 || o.Get("flag").Int() != 0 || o.Get("n").String() != "" {
		t.Error("a value is read as another type")
	}
	if got := o.Get("list").Items(); !slices.Equal(got, []Value{`"T1"`, `["T2"]`, "3", `"T3"`}) || o.Get("in").Items() != nil || o.Get("absent").Items() != nil {
		t.Errorf("the list has %q", got)
	}
	if o.Get("in").Object().Get("x").String() != "y" || o.Get("none").Object() != nil || o.Get("absent") != "" {
		t.Error("objects within")
	}
	without := o.With("list", "").With("flag", "false").With("new", Quote("<&\xff>"))
	if got, want := without.Text(), `{"flag":false,"in":{"x":"y"},"n":42,"new":"<&`+"\ufffd"+`>","none":null,"text":"a\nb"}`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !o.Get("flag").Bool() {
		t.Error("With changed the object it was called on")
	}
}

func TestMerge(t *testing.T) {
	parse := func(raw string) Object {
		o, err := Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	got := Merge(parse(`{"a":1,"b":2,"é":3}`), parse(`{"b":4,"c":5,"ü":6}`), func(name string, a, b Value) Value {
		if name == "c" {
			return ""
		}
		return Value(`"` + string(a) + "/" + string(b) + `"`)
	})
	if want := `{"a":"1/","b":"2/4","é":"3/","ü":"/6"}`; string(got.Text()) != want {
		t.Errorf("%s, want %s", got.Text(), want)
	}
}

func TestEmpty(t *testing.T) {
	for _, v := range []Value{"", "null", `""`, "0", "-0", "0.0", "0e5", "0E-2", "false", "{}", "[]"} {
		if !v.Empty() {
			t.Errorf("%s is not empty", v)
		}
	}
	for _, v := range []Value{`"0"`, "1", "-1", "0.1", "-0.5e3", "true", `{"a":null}`, "[0]", `" "`} {
		if v.Empty() {
			t.Errorf("%s is empty", v)
		}
	}
}

// FuzzTextOf: it finds what Unmarshal would, and refuses what Unmarshal refuses.
func FuzzTextOf(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var o *struct {
			ID Text `json:"id"`
		}
		errWanted := Unmarshal(raw, &o)
		got, err := TextOf(raw, "id")
		if failed := errWanted != nil || o == nil; failed != (err != nil) {
			t.Fatalf("error %v, Unmarshal: %v", err, errWanted)
		}
		if err == nil && got != string(o.ID) {
			t.Errorf("%q, Unmarshal: %q", got, o.ID)
		}
	})
}

// FuzzParse: an accepted object has one canonical text, which means the same and can be parsed again.
func FuzzParse(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var any map[string]any
		o, err := Parse(raw)
		if readable := Unmarshal(raw, &any) == nil && any != nil && CheckDepth(raw) == nil; readable != (err == nil) {
			// Numbers beyond float64 are kept.
			if err != nil || !strings.ContainsAny(string(raw), "0123456789") {
				t.Fatalf("readable %v, error %v", readable, err)
			}
		}
		if err != nil {
			return
		}
		again, err := ParseCanonical([]byte(o.Text()))
		if err != nil || !reflect.DeepEqual(o, again) {
			t.Fatalf("%s is read back as %s, error %v", o.Text(), again.Text(), err)
		}
		if parsed, err := Parse([]byte(o.Text())); err != nil || !reflect.DeepEqual(o, parsed) {
			t.Fatalf("%s is not canonical: %s, error %v", o.Text(), parsed.Text(), err)
		}
		if !json.Valid([]byte(o.Text())) {
			t.Fatalf("%s is not JSON", o.Text())
		}
		for _, m := range o {
			if o.Get(m.Name) != m.Value {
				t.Errorf("%q is not found", m.Name)
			}
		}
	})
}
