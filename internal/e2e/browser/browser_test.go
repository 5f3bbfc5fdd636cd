package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rollcall/internal/fakeslack"
)

func TestFind(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	who := s.people(t)[70]
	first, last, _ := strings.Cut(who.RealName, " ")
	tb.visit(s.URL)
	tb.ready()
	all := tb.names()
	if len(all) != 50 {
		t.Errorf("%d rows", len(all))
	}
	tb.run(chromedp.SendKeys(chromedp.CSS("#q"), strings.ToUpper(first)))
	tb.eventually("found by the first name", fmt.Sprintf(`%s.includes(%q) && %s.length < 50`, names, who.RealName, names))
	tb.run(chromedp.SendKeys(chromedp.CSS("#q"), " "+string([]rune(last)[:1])))
	tb.eventually("the query is in the address", fmt.Sprintf(`new URLSearchParams(location.search).get("q") === %q`, strings.ToUpper(first)+" "+string([]rune(last)[:1])))
	tb.eventually("counted", fmt.Sprintf(`(text => text.startsWith("up to") || (text.match(/\d+/g) ?? []).reduce((sum, n) => sum + Number(n), 0) === %s.length)(document.querySelector("#count").textContent)`, names))
	tb.visit(eval[string](tb, "location.href"))
	tb.eventually("the address restores the search", fmt.Sprintf(`%s.includes(%q) && document.querySelector("#q").value !== ""`, names, who.RealName))
	tb.run(chromedp.Evaluate[chromedp.Void](`document.querySelector("#q").value = ""`), chromedp.SendKeys(chromedp.CSS("#q"), "zzzz"))
	tb.eventually("no matches", `document.querySelector("#list .none").checkVisibility() && document.querySelector("#list .none").textContent.includes("Nobody matches")`)
}

func TestFilter(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	choose := func(name, value string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{const e = document.querySelector("select[name=%s]"); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true}))}`, name, value))
	}
	tb.run(choose("show", "deactivated"))
	tb.eventually("only deactivated people", `location.search.includes("show=deactivated") && document.querySelectorAll("#list tbody tr").length > 0 && !document.querySelector("#list tbody tr:not(.deactivated)")`)
	tb.run(choose("show", "active"), choose("kind", "bots"))
	tb.eventually("only bots", `location.search.includes("kind=bots") && [...document.querySelectorAll("#list tbody tr")].every(r => r.querySelector(".badge.bot"))`)
	tb.run(choose("kind", ""), choose("tz", "Europe/Berlin"))
	tb.eventually("only Berlin", `location.search.includes("tz=Europe") && document.querySelectorAll("#list tbody tr").length > 0 && [...document.querySelectorAll("#list [data-clock]")].every(d => d.dataset.clock === "Europe/Berlin")`)
	newest := s.people(t)[30]
	events, err := s.slack.Retitle(newest.ID)
	s.deliver(t, events, err)
	tb.run(choose("tz", ""), chromedp.Click(chromedp.CSS(`th[data-col="changed"] a`)))
	tb.eventually("the newest change is first", fmt.Sprintf(`document.querySelector("#list tbody tr").id === %q && document.querySelector("th[aria-sort=descending]").dataset.col === "changed"`, newest.ID))
	tb.eventually("the focus stays on the heading", `document.activeElement.dataset.focus === "sort-changed"`)
	tb.run(chromedp.Click(chromedp.CSS(`th[data-col="changed"] a`)))
	tb.eventually("the oldest change is first", `location.search.includes("sort=updated-asc") && document.querySelector("th[aria-sort=ascending]")?.dataset.col === "changed"`)
	tb.run(choose("kind", "guests"))
	tb.eventually("the form keeps the order, and the filters are chips with counts", `location.search.includes("sort=updated-asc") && document.querySelectorAll("a.chip").length === 2 && Number(document.querySelector("#of-kind").textContent) > 0`)
	tb.run(chromedp.Click(chromedp.CSS(`li:has(#of-kind) a`)))
	tb.eventually("a chip takes its filter away, from the form too", `!location.search.includes("kind=") && document.querySelector("select[name=kind]").value === "" && document.querySelectorAll("a.chip").length === 1`)
}

func TestPages(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL + "/?show=all")
	tb.ready()
	var forward, backward []string
	turn := func(rel string) bool {
		before := tb.names()[0]
		if !eval[bool](tb, fmt.Sprintf(`Boolean(document.querySelector("a[rel=%s]"))`, rel)) {
			return false
		}
		tb.run(chromedp.Click(chromedp.CSS("a[rel=" + rel + "]")))
		tb.eventually("another page", fmt.Sprintf(`%s.length > 0 && %s[0] !== %q`, names, names, before))
		tb.eventually("the list's heading has the focus", `document.activeElement.id === "heading"`)
		return true
	}
	for forward = tb.names(); turn("next"); {
		forward = append(forward, tb.names()...)
	}
	for backward = tb.names(); turn("prev"); {
		backward = append(tb.names(), backward...)
	}
	if len(forward) != 250 || strings.Join(forward, "\n") != strings.Join(backward, "\n") {
		t.Errorf("%d forward, %d backward", len(forward), len(backward))
	}
	tb.run(chromedp.NavigateBack())
	tb.eventually("the browser's Back shows a page", names+`.length > 0`)
}

func TestLive(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	people := s.people(t)
	var who string
	for _, p := range people {
		if eval[bool](tb, fmt.Sprintf(`Boolean(document.getElementById(%q))`, p.ID)) {
			who = p.ID
			break
		}
	}
	before := eval[string](tb, fmt.Sprintf(`document.getElementById(%q).dataset.changed`, who))
	tb.run(countBreaths)
	events, err := s.slack.SetStatus(who)
	start := time.Now()
	s.deliver(t, events, err)
	tb.eventually("the row changes", fmt.Sprintf(`document.getElementById(%q).dataset.changed > %q`, who, before))
	t.Logf("a row changed %v after Slack's event", time.Since(start))
	tb.eventually("the dot breathes, and no animation is endless", `breaths > 0 && document.getAnimations().every((a) => a.effect.getComputedTiming().iterations === 1)`)
	tb.promptly(s, who)

	// Somebody who joins appears at once, in the right place.
	tb.visit(s.URL + "/?sort=updated")
	tb.ready()
	time.Sleep(time.Until(start.Truncate(time.Second).Add(time.Second))) // Slack's updated is in whole seconds: no tie with the status
	joined := s.slack.Join()
	s.deliver(t, joined, nil)
	tb.eventually("the joiner is on top", fmt.Sprintf(`document.querySelector("#list tbody tr").id === %q`, joined[0].UserID))

	// A connection that breaks loses no change.
	tb.expect("ERR_")
	s.pages.CloseClientConnections()
	events, err = s.slack.Rename(joined[0].UserID)
	before = eval[string](tb, `document.querySelector("#list tbody tr").dataset.changed`)
	s.deliver(t, events, err)
	tb.eventually("the change arrives after the reconnect", fmt.Sprintf(`document.getElementById(%q).dataset.changed > %q`, joined[0].UserID, before))
	tb.eventually("there is no offline message", `document.getElementById("offline").hidden`)

	// Somebody who is deactivated leaves the list of active people.
	events, err = s.slack.Leave(joined[0].UserID)
	s.deliver(t, events, err)
	tb.eventually("the deactivated person is gone", fmt.Sprintf(`!document.getElementById(%q)`, joined[0].UserID))
}

func TestSyncNow(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{PageSize: 100})
	if err := s.sync(t.Context()); err != nil { // the first sync does not know how many people to expect
		t.Fatal(err)
	}
	release := s.hold(t)
	tb.visit(s.URL)
	tb.run(chromedp.Click(chromedp.CSS("a[href^='/status']")))
	tb.eventually("the last sync has finished", `document.querySelector("#state")?.textContent === "healthy"`)
	began := eval[string](tb, `document.querySelector("#status table time").dateTime`)
	tb.run(chromedp.Click(chromedp.CSS("form[action='/sync'] button")))
	tb.eventually("a sync runs, with a progress bar", `document.querySelector("#running") && document.querySelector("progress").max === 250`)
	if id := eval[string](tb, `document.activeElement.id`); id != "sync-now" {
		t.Errorf("the focus went from the button to %q", id)
	}
	tb.eventually("the bar moves", `document.querySelector("progress")?.value === 200`)
	release()
	tb.eventually("the sync has finished", fmt.Sprintf(`!document.querySelector("progress") && document.querySelector("#state")?.textContent === "healthy" && document.querySelector("#status table time").dateTime > %q`, began))
	if id := eval[string](tb, `document.activeElement.id`); id != "sync-now" {
		t.Errorf("after the sync the focus is on %q", id)
	}
	if n := eval[string](tb, `document.querySelector("#dead").textContent`); n != "0" {
		t.Errorf("dead letters: %s", n)
	}
}

func TestKeyboard(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	names := tb.names()
	second := names[1]
	tb.run(chromedp.KeyEvent("/"))
	tb.eventually("the search has the focus", `document.activeElement.id === "q"`)
	for i, step := range []struct {
		key string
		row int
	}{{kb.ArrowDown, 0}, {kb.ArrowDown, 1}, {kb.ArrowDown, 2}, {kb.ArrowUp, 1}} {
		tb.run(chromedp.KeyEvent(step.key))
		tb.eventually(fmt.Sprintf("after key %d row %d has the focus", i, step.row), fmt.Sprintf(`document.activeElement.textContent === %q`, names[step.row]))
	}
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.eventually("the person's page", fmt.Sprintf(`document.querySelector("h1 bdi")?.textContent === %q && location.pathname.startsWith("/users/")`, second))
}

// TestShortcutsOff: whoever has turned off the shortcuts of a single character keeps the other keys.
func TestShortcutsOff(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	names := tb.names()
	tb.run(chromedp.Click(chromedp.CSS(`summary:has(+ form[action="/theme"])`)), chromedp.Click(chromedp.CSS("#shortcuts")))
	tb.eventually("they are off", `document.querySelector("#shortcuts").ariaPressed === "false"`)
	tb.run(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("/"))
	if eval[bool](tb, `document.activeElement.id === "q"`) {
		t.Error("/ goes to the search")
	}
	tb.run(chromedp.KeyEvent(kb.ArrowDown))
	tb.eventually("the arrow moves the focus", fmt.Sprintf(`document.activeElement.textContent === %q`, names[0]))
	tb.run(chromedp.KeyEvent(kb.Enter))
	heading := `document.querySelector("#person h1 bdi")?.textContent`
	tb.eventually("a person's page", fmt.Sprintf(`%s === %q`, heading, names[0]))
	tb.connected()
	tb.run(chromedp.Evaluate[chromedp.Void](`var clicks = 0; document.addEventListener("click", () => clicks++)`), chromedp.KeyEvent("j"))
	if eval[int](tb, `clicks`) != 0 {
		t.Error("j goes on")
	}
	tb.run(chromedp.KeyEvent(kb.ArrowRight))
	tb.eventually("the arrow goes on", fmt.Sprintf(`%s === %q`, heading, names[1]))
	tb.run(chromedp.Click(chromedp.CSS(`summary:has(+ form[action="/theme"])`)), chromedp.Click(chromedp.CSS("#shortcuts")), chromedp.KeyEvent(kb.Escape))
	tb.connected()
	tb.run(chromedp.KeyEvent("k"))
	tb.eventually("they are on again", fmt.Sprintf(`%s === %q`, heading, names[0]))
}

// TestSortOnATelephone: a telephone has no columns, but both headings that sort.
func TestSortOnATelephone(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	tb.visit(s.URL)
	tb.ready()
	for _, step := range []struct{ column, sorted string }{{"changed", "descending"}, {"changed", "ascending"}, {"person", "ascending"}} {
		tb.run(chromedp.Click(chromedp.CSS(fmt.Sprintf("#list thead [data-col=%s] a", step.column))))
		tb.eventually("sorted by "+step.column, fmt.Sprintf(`document.querySelector("#list thead [aria-sort]").dataset.col === %q && document.querySelector("#list thead [aria-sort]").ariaSort === %q`, step.column, step.sorted))
	}
}

// TestHeadings: the sticky headings cover neither the row with the focus nor the first row.
func TestHeadings(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	const covered = `(row => row.getBoundingClientRect().top < document.querySelector("#list thead th").getBoundingClientRect().bottom - 1)`
	for _, path := range []string{"/", "/?cols=status,time,email,phone,name,title,kind,tz,id,changed"} {
		tb.run(chromedp.EmulateViewport(1024, 700))
		tb.visit(s.URL + path)
		tb.ready()
		if rows := eval[[]string](tb, `[...document.querySelectorAll("#list tbody tr")].reverse().filter(row => { row.querySelector("a").focus(); return `+covered+`(row); }).map(row => row.textContent)`); len(rows) > 0 {
			t.Errorf("%s: the headings cover %d rows that have the focus", path, len(rows))
		}
		tb.run(chromedp.Evaluate[chromedp.Void](`scrollTo(0, document.body.scrollHeight)`), chromedp.Click(chromedp.CSS(".pager a[rel=next]")))
		tb.eventually("the next page, from its first row", `document.querySelector("a[rel=prev]") && !`+covered+`(document.querySelector("#list tbody tr"))`)
	}
	// Whoever comes back to the list finds the person below the headings.
	who := eval[string](tb, `document.querySelector("#list tbody tr:nth-child(30)").id`)
	tb.visit(eval[string](tb, `location.href`) + "#" + who)
	tb.ready()
	if eval[bool](tb, covered+fmt.Sprintf(`(document.getElementById(%q))`, who)) {
		t.Error("the headings cover the person to whom the address leads")
	}
}

// TestHostile: names and other fields stay text, in live rows too.
func TestHostile(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U0","profile":{"real_name":"Aaa"}}`)
	tb.visit(s.URL)
	tb.ready()
	nasty := []string{`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `\" onmouseover=\"alert(1)`, `\u202egnp.exe`, `</td></table><h1>`,
		`=cmd|'/c calc'!A1`, strings.Repeat("W", 10_000), `<style>*{display:none}</style>`, `{{constructor.constructor('alert(1)')()}}`, `hx-on:click=alert(1)`}
	for i, n := range nasty {
		s.put(t, fmt.Sprintf(`{"id":"UN%d","name":"%[2]s","tz":"%[2]s","profile":{"real_name":"%[2]s","display_name":"%[2]s","title":"%[2]s","email":"%[2]s",
			"status_text":"%[2]s","status_emoji":"%[2]s","image_72":"javascript:alert(1)","image_192":"javascript:alert(1)"},"%[2]s":"%[2]s"}`, i, n))
	}
	tb.eventually("all rows have arrived", fmt.Sprintf(`document.querySelectorAll("#list tbody tr").length === %d`, len(nasty)+1))
	for _, path := range []string{"", "/?q=" + url.QueryEscape(`<script>alert(1)</script>"'>`)} {
		if path != "" {
			tb.visit(s.URL + path)
		}
		if n := eval[int](tb, `document.querySelectorAll("h1").length + document.querySelectorAll("main script, main style, [onerror], [onmouseover]").length`); n != 1 {
			t.Errorf("%q: the page has %d unexpected elements", path, n)
		}
	}
	for i := range nasty {
		tb.visit(fmt.Sprintf("%s/users/%s/UN%d", s.URL, s.slack.Options().TeamID, i))
		if n := eval[int](tb, `document.querySelectorAll("h1").length + document.querySelectorAll("main script, main style, main img").length`); n != 1 {
			t.Errorf("%.40q: the person's page has %d unexpected elements", nasty[i], n)
		}
	}
}
