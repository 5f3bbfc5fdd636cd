package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

var (
	//go:embed testdata/boxes.js
	boxes string
	//go:embed testdata/focus.js
	focus string
)

// screen is what a page is shown on.
type screen struct {
	width, height int64
	touch         bool
}

var (
	allScreens = []screen{{1440, 900, false}, {1024, 768, false}, {960, 720, false}, {900, 720, false}, {768, 1024, false}, {700, 900, false}, {390, 844, true}, {320, 568, true}}
	// mainScreens are for the main pages, and fewScreens for the others. They find most of what allScreens
	// find, in much less time.
	mainScreens = []screen{{1440, 900, false}, {1024, 768, false}, {768, 1024, false}, {390, 844, true}, {320, 568, true}}
	fewScreens  = []screen{{1440, 900, false}, {390, 844, true}, {320, 568, true}}
)

var everywhere = flag.Bool("everywhere", false, "look at all pages on all screens and in forced colours too, which takes minutes")

// colours are what a viewer may have chosen.
type colours struct{ scheme, forced string }

var (
	light      = colours{"light", "none"}
	dark       = colours{"dark", "none"}
	forced     = colours{"light", "active"}
	night      = colours{"dark", "active"}
	allColours = []colours{light, dark, forced, night}
	ownColours = []colours{light, dark}
)

func (c colours) String() string {
	if c.forced == "active" {
		return c.scheme + ", forced colours"
	}
	return c.scheme
}

const (
	// maxRow is the height, in pixels, of a row of the list, on all screens but telephones.
	maxRow = 52
	// maxLines is how many lines a person may take on a telephone.
	maxLines = 2
	// maxLocalShift is less than maxLayoutShift: without a slow network, less of a page shows before it is whole.
	maxLocalShift = 0.01
)

// TestLook shows each kind of page on screens of several sizes, light and dark. Nothing is cut off, broken, covered or
// outside the window; axe finds nothing, not even in open menus; the focus shows. With -artifacts it leaves pictures behind:
//
//	go test ./internal/e2e/browser -run TestLook -everywhere -artifacts -outputdir /tmp
func TestLook(t *testing.T) {
	s := furnished(t)
	bare := newSite(t, fakeslack.Options{})
	all := views(s)
	all = append(append(all, view{name: "empty directory", url: bare.URL}), happenings(t)...)
	shades, pictures := ownColours, ""
	if *everywhere {
		shades = allColours
	}
	if f := flag.Lookup("test.artifacts"); f.Value.String() == "true" {
		pictures = t.ArtifactDir()
	}
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			l := look{tab: open(t), view: v, shades: shades, pictures: pictures, faults: map[string][]string{}}
			l.expect("status of 40")
			screens := fewScreens
			switch {
			case *everywhere:
				screens = allScreens
			case v.main:
				screens = mainScreens
			}
			for _, on := range screens {
				l.on(on)
			}
			for _, fault := range slices.Sorted(maps.Keys(l.faults)) {
				t.Errorf("%s (%s)", fault, strings.Join(slices.Compact(l.faults[fault]), "; "))
			}
		})
	}
}

// look is a page under examination.
type look struct {
	*tab
	view
	shades   []colours
	pictures string              // a folder; "" for none
	faults   map[string][]string // and where they are
	loadedOn *screen             // nil before it is loaded
}

func (l *look) on(s screen) {
	l.t.Helper()
	l.screen(s)
	l.colours(light)
	if l.loadedOn == nil || s.touch != l.loadedOn.touch {
		l.scripts(!l.plain)
		l.visit(l.url)
		l.loaded()
		shift := l.layoutShift()
		l.scripts(true)
		if shift > maxLocalShift {
			l.note(fmt.Sprintf("%d px", s.width), []string{fmt.Sprintf("it moves while it loads, by %.3f", shift)})
		}
		l.run(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("main details:not(.menu)").forEach(d => { d.open = true; })`))
		l.loadedOn = &s
	}
	heard := s.width == 1440 || s.width == 390
	for _, c := range l.shades {
		if l.happens != nil {
			l.duringIt(s, c, heard)
			continue
		}
		l.colours(c)
		place := fmt.Sprintf("%d px %s", s.width, c)
		if c.forced == "none" {
			l.layout(s, "body", place, c == light)
			l.picture(fmt.Sprintf("%d-%s", s.width, c))
		}
		if heard {
			l.hear("document", place, rulesIn(c))
			l.note(place, eval[[]string](l.tab, "("+focus+")()"))
		}
	}
	if l.happens != nil {
		return
	}
	menus := `[...document.querySelectorAll("main details.menu")].filter(m => m.checkVisibility())`
	if l.main || *everywhere {
		menus = strings.Replace(menus, "main ", "", 1)
	}
	for i := range eval[int](l.tab, menus+`.length`) {
		for _, c := range l.shades {
			l.colours(c)
			// each time, because a menu closes once the focus leaves it
			l.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{const all = %s; all.forEach(m => { m.open = m === all[%d]; }); all[%[2]d].firstElementChild.scrollIntoView({block: "center", behavior: "instant"}) }`, menus, i)))
			place := fmt.Sprintf("menu %d at %d px %s", i, s.width, c)
			if c == light {
				l.layout(s, openMenu, place, true)
				l.note(place, eval[[]string](l.tab, coveredChips))
				l.picture(fmt.Sprintf("menu-%d-%d", i, s.width))
			}
			if heard {
				l.hear(`"`+openMenu+`"`, place, colourRules)
				l.note(place, eval[[]string](l.tab, "("+focus+")()"))
			}
		}
	}
	if n := eval[int](l.tab, allMenus(true)); n > 0 && s.width == 1440 { // axe skips what is in closed menus; narrower screens have no others
		l.hear("document", "all menus open", otherRules)
	}
	eval[int](l.tab, allMenus(false))
}

// allMenus opens or closes all menus, those in the bar too, and counts them.
func allMenus(open bool) string {
	return fmt.Sprintf(`[...document.querySelectorAll("details.menu")].map((m) => { m.open = %t; }).length`, open)
}

// duringIt looks at a page to which something happens, without touching it.
func (l *look) duringIt(s screen, c colours, heard bool) {
	l.t.Helper()
	l.colours(c)
	l.connected()
	end := l.happens(l.tab)
	place := fmt.Sprintf("%d px %s", s.width, c)
	l.layout(s, "body", place, c == light)
	l.picture(fmt.Sprintf("%d-%s", s.width, c))
	if heard {
		l.hear("document", place, rulesIn(c))
	}
	end()
}

// coveredChips are the chips below the open form that sets and clears them.
const coveredChips = `[...document.querySelectorAll(".chips a")].filter((chip) => {
	const c = chip.getBoundingClientRect(), menu = document.querySelector("#find .menu[open] > :not(summary)")?.getBoundingClientRect();
	return menu && c.left < menu.right && c.right > menu.left && c.top < menu.bottom && c.bottom > menu.top;
}).map((chip) => "the filters cover the chip " + chip.textContent)`

// layoutShift adds up how far visible parts have moved, a moment after the last of them may have. It needs no callback,
// which a page without scripts would not run.
func (tb *tab) layoutShift() float64 {
	tb.t.Helper()
	time.Sleep(100 * time.Millisecond)
	return eval[float64](tb, `(() => {
		const observer = new PerformanceObserver(() => {});
		observer.observe({ type: "layout-shift", buffered: true });
		return observer.takeRecords().reduce((sum, moved) => sum + moved.value, 0);
	})()`)
}

const openMenu = "details.menu[open]"

func (l *look) note(place string, faults []string) {
	for _, fault := range faults {
		l.faults[fault] = append(l.faults[fault], place)
	}
}

// scripts allows scripts to run in the page, or not: some of what looks at it needs timers. The media query (scripting)
// follows, and so does what the page shows.
func (l *look) scripts(on bool) {
	l.t.Helper()
	call(l.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// hear runs axe-core on a part of the page.
func (l *look) hear(part, place, rules string) {
	l.t.Helper()
	l.note(place, l.violations(part, rules))
}

// rulesIn are the rules for a page whose other rules were checked in light colours.
func rulesIn(c colours) string {
	if c == light {
		return allRules
	}
	return colourRules
}

// layout checks the boxes of a part of the page.
func (l *look) layout(s screen, part, place string, targets bool) {
	l.t.Helper()
	expected := struct {
		Part  string `json:"part"`
		Rows  int    `json:"rows,omitempty"`
		Lines int    `json:"lines,omitempty"`
		Touch bool   `json:"touch"`
	}{Part: part, Touch: s.touch && targets}
	switch {
	case l.list && s.touch:
		expected.Lines = maxLines
	case l.list:
		expected.Rows = maxRow
	}
	arguments, err := json.Marshal(expected)
	if err != nil {
		l.t.Fatal(err)
	}
	l.scripts(!l.plain)
	defer l.scripts(true)
	l.note(place, eval[[]string](l.tab, fmt.Sprintf("(%s)(%s)", boxes, arguments)))
}

// picture keeps a picture of the whole page.
func (l *look) picture(name string) {
	l.t.Helper()
	if l.pictures == "" {
		return
	}
	l.scripts(!l.plain)
	defer l.scripts(true)
	ctx, cancel := context.WithTimeout(l.ctx, showTimeout)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(l.pictures, strings.ReplaceAll(l.name+" "+name+".png", " ", "-")), picture, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// screen changes the window.
func (tb *tab) screen(on screen) {
	tb.t.Helper()
	var options []chromedp.EmulateViewportOption
	if on.touch {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	tb.run(chromedp.EmulateViewport(on.width, on.height, options...))
}

func (tb *tab) colours(c colours) {
	tb.t.Helper()
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: c.scheme}, {Name: "forced-colors", Value: c.forced}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (tb *tab) loaded() {
	tb.t.Helper()
	tb.eventually("it is loaded", `document.readyState === "complete" && [...document.images].every(i => i.complete || i.loading === "lazy") && !document.querySelector(".htmx-request")`)
}
