package service

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsTerminal says whether a person watches f.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ClearLine goes back to the line's beginning and clears it (ECMA-48).
const ClearLine = "\r\x1b[K"

// Terminal returns a writer for what a person reads in a terminal. Names and messages come from
// strangers: what would move the cursor, colour, retitle or reorder is written as JSON would
// escape it, so that JSON stays the same JSON. Only a line that is written over, which
// begins with "\r" or [ClearLine], keeps that beginning.
func Terminal(w io.Writer) io.Writer { return terminal{w} }

type terminal struct{ w io.Writer }

func (t terminal) Write(b []byte) (int, error) {
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

// Printable escapes what [Terminal] does, and line breaks and tabs as well: for one value within a line.
func Printable(s string) string { return printable(s, "") }

func printable(s, allowed string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return acts(r) && !strings.ContainsRune(allowed, r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s { // bytes that are no UTF-8, which 8-bit terminals take for controls, become U+FFFD
		if acts(r) && !strings.ContainsRune(allowed, r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// acts says whether a terminal does something at r instead of showing it. None lies beyond 16 bits.
func acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
