package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// formulaSigns start a formula in some spreadsheet (OWASP, "CSV Injection"): the ASCII signs and
	// their Unicode equivalents, which East Asian input methods type.
	formulaSigns = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−"
	// cellEnds end a cell in some program although we wrote them inside one. Where the comma is the
	// decimal point, Excel splits at semicolons. It then ignores our quotes, because they no longer
	// start a cell, and a line break inside them starts a new row.
	cellEnds = ";\t\n\v\f\r\u0085\u2028\u2029"
)

// harmless puts an apostrophe wherever a spreadsheet might start to read a formula: before the cell,
// and after each character inside it that may end a cell elsewhere. It also doubles an apostrophe that
// is there already, so that the original can be restored.
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

// unseen reports whether a program may skip r before a formula: spaces, control and invisible
// characters, invalid UTF-8, and quotes (CSV doubles those inside a cell).
func unseen(r rune) bool {
	return r == '"' || r == utf8.RuneError || r == '\u2800' || // the braille pattern without dots
		!unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
