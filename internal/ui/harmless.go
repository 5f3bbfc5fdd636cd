package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// formulaSigns begin what some spreadsheet computes (OWASP's page "CSV Injection"): the ASCII signs,
	// and the characters that Unicode calls their equals, which East Asian input methods type.
	formulaSigns = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−"
	// cellEnds are what another program may end a cell at, though we wrote it as part of one. Excel takes
	// a semicolon for the separator wherever the comma is the decimal point, and then no longer sees
	// our quotes, because they do not begin a cell of its own: a line break within them begins a row.
	cellEnds = ";\t\n\v\f\r\u0085\u2028\u2029"
)

// harmless puts an apostrophe wherever a spreadsheet might begin to read a formula:
// before the cell, and after each character within it that may end a cell elsewhere. It does the same
// before an apostrophe of the person's own, so that ours can be told from theirs.
func harmless(cell string) string {
	cell = strings.ReplaceAll(cell, "\x00", "")
	if !strings.ContainsAny(cell, formulaSigns+"'\t\r\n") {
		return cell
	}
	var b strings.Builder
	if strings.ContainsAny(cell[:1], "\t\r\n") {
		b.WriteByte('\'')
	}
	for {
		end := strings.IndexAny(cell, cellEnds)
		part := cell
		if end >= 0 {
			_, size := utf8.DecodeRuneInString(cell[end:])
			part = cell[:end+size]
		}
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(part, unseen)); strings.ContainsRune(formulaSigns+"'", first) {
			b.WriteByte('\'')
		}
		b.WriteString(part)
		if end < 0 {
			return b.String()
		}
		cell = cell[len(part):]
	}
}

// unseen says whether a program may pass over r on its way to a formula: spaces, controls and invisible
// characters, bytes that are no UTF-8, and quotes, of which ours are doubled.
func unseen(r rune) bool {
	return r == '"' || r == utf8.RuneError || r == '\u2800' || // the braille pattern without dots
		!unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
