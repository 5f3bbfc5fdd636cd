// Package terminal writes text from strangers to a person's terminal.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Is reports whether f is a terminal.
func Is(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ClearLine returns to the start of the line and clears it (ECMA-48).
const ClearLine = "\r\x1b[K"

// NewWriter returns a writer that escapes whatever would move the cursor, colour, retitle or reorder:
// names and messages come from strangers. It escapes as JSON does, so that JSON stays the
// same JSON. A line that overwrites another keeps the "\r" or [ClearLine] that it begins with.
func NewWriter(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

func (t writer) Write(b []byte) (int, error) {
	text := string(b)
	begin := ""
	for _, ours := range []string{ClearLine, "\r"} {
		if strings.HasPrefix(text, ours) {
			begin = ours
			break
		}
	}
	if _, err := io.WriteString(t.w, begin+printable(text[len(begin):], "\n\t")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Printable escapes what [NewWriter] does, and line breaks and tabs as well: for one value within a line.
func Printable(s string) string { return printable(s, "") }

func printable(s, allowed string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return acts(r) && !strings.ContainsRune(allowed, r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s { // invalid UTF-8, which 8-bit terminals take for controls, becomes U+FFFD
		if acts(r) && !strings.ContainsRune(allowed, r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// acts reports whether a terminal acts on r instead of showing it. No such rune has more than 16 bits.
func acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
