package ui

import "strconv"

// chart is numbers by label, drawn as bars and given as a table.
type chart struct {
	Title, Note string
	Upright     bool // bars stand, for time
	Bars        []bar
}

type bar struct {
	Label string
	Day   string // of a bar that is one, so that the browser labels it in its own locale
	Value int
	Share float64 // of the largest, 0 to 1
}

func newChart(title, note string, upright bool, bars []bar) chart {
	most := 1
	for _, b := range bars {
		most = max(most, b.Value)
	}
	for i := range bars {
		bars[i].Share = float64(bars[i].Value) / float64(most)
	}
	return chart{title, note, upright, bars}
}

// px is a length in an SVG.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// columnWide and columnAt spread n standing bars over 400.
func columnWide(n int) float64  { return 400 / float64(n) * 0.7 }
func columnAt(i, n int) float64 { return 400/float64(n)*float64(i) + 400/float64(n)*0.15 }
