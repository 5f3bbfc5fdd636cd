package terminal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	for text, want := range map[string]string{
		"3 of 7\n":                  "3 of 7\n",
		"a\tb":                      "a\tb",
		"\r3 of 7":                  "\r3 of 7",
		ClearLine + "Acme: listing": ClearLine + "Acme: listing",
		"\x1b[2J":                   `\u001b[2J`,
		ClearLine + "\x1b]0;t\x07":  ClearLine + `\u001b]0;t\u0007`,
		"ok\rno":                    `ok\u000dno`,
		"\u009b31m":                 `\u009b31m`,
		"\x9b31m":                   "\ufffd31m",
		"\u202egnp":                 `\u202egnp`,
		"a\u2028b":                  `a\u2028b`,
		"\x7f\x08":                  `\u007f\u0008`,
		"Zoë 👩‍💻":                   "Zoë 👩‍💻",
	} {
		var out bytes.Buffer
		if n, err := NewWriter(&out).Write([]byte(text)); n != len(text) || err != nil || out.String() != want {
			t.Errorf("%q: %q, %d bytes, %v; want %q", text, &out, n, err, want)
		}
	}
	if got := Printable("a\nb\tc\x1b"); got != `a\u000ab\u0009c\u001b` {
		t.Errorf("one value: %q", got)
	}
}

// FuzzWriter: nothing gets through that a terminal acts on, and JSON keeps its meaning.
func FuzzWriter(f *testing.F) {
	f.Add("\x1b[31m\u009b\u202e\x00")
	f.Fuzz(func(t *testing.T, said string) {
		var out bytes.Buffer
		if err := json.NewEncoder(NewWriter(&out)).Encode(said); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(out.String(), "\n"), acts); i >= 0 {
			t.Errorf("%q comes out as %q", said, &out)
		}
		var want, got string
		plain, err := json.Marshal(said)
		if err == nil {
			err = json.Unmarshal(plain, &want)
		}
		if err == nil {
			err = json.Unmarshal(out.Bytes(), &got)
		}
		if err != nil || got != want {
			t.Errorf("%q comes out as %q, error %v", said, &out, err)
		}
	})
}
