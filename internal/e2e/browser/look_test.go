package browser

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

// TestImagesThatFail: initials replace an avatar that does not load, the name replaces an emoji.
func TestImagesThatFail(t *testing.T) {
	tb := open(t)
	tb.expect("404")
	s := newSite(t, fakeslack.Options{})
	missing := s.slack.Options().BaseURL + "/missing.png"
	if err := s.store.PutEmoji(t.Context(), s.slack.Options().TeamID, map[string]string{"party": missing}); err != nil {
		t.Fatal(err)
	}
	s.put(t, fmt.Sprintf(`{"id":"U1","profile":{"real_name":"Ada Lovelace","image_72":%[1]q,"image_192":%[1]q,"status_emoji":":party:"}}`, missing))
	for _, path := range []string{"/", "/users/" + s.slack.Options().TeamID + "/U1"} {
		tb.visit(s.URL + path)
		tb.eventually("initials and a name", `document.querySelector(".face").innerText === "AL" && document.querySelector("main").innerText.includes(":party:") && !document.querySelector("main img")`)
	}
}

// TestLanguage: the page is in English, and so are its dates and numbers, even if the browser has another language.
func TestLanguage(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{People: 1200})
	call(tb, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "de-DE"})
	call(tb, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Chromium", AcceptLanguage: "de-DE"})
	events, err := s.slack.Retitle(s.people(t)[0].ID)
	s.deliver(t, events, err)
	tb.visit(s.URL + "/?show=all&sort=updated")
	tb.eventually("the count", `/^1,1\d\d people and \d\d bots$/.test(document.querySelector("span#count")?.textContent)`)
	tb.eventually("relative times", `[...document.querySelectorAll("#list time")].some(t => / ago$|^now$/.test(t.textContent))`)
	tb.visit(s.URL + "/status")
	tb.eventually("numbers in a table", `document.querySelector("#latest").innerText.includes("1,200")`)
	tb.eventually("days of a chart", fmt.Sprintf(`[...document.querySelectorAll(".days .label")].some(l => l.textContent === %q)`, time.Now().UTC().AddDate(0, 0, -1).Format("2 Jan")))
	tb.visit(s.URL + "/users/" + s.slack.Options().TeamID + "/" + s.people(t)[0].ID)
	tb.eventually("the exact time", fmt.Sprintf(`document.querySelector("time").title.includes(%q)`, time.Now().Format(" January 2006")))
	tb.eventually("the time there", `/^(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day/.test(document.querySelector("[data-clock]").textContent)`)
}

// TestRightToLeft: Arabic reads from right to left, and stays in line with the rows around it.
func TestRightToLeft(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"ULATIN","name":"ada","profile":{"real_name":"Aaa Ada","title":"Analyst (QA)","status_text":"On a train (late)"}}`)
	s.put(t, `{"id":"UARABIC","name":"layla","profile":{"real_name":"ليلى الحداد (QA)","title":"مهندس برمجيات (QA)","status_text":"في القطار (QA)","status_emoji":"قطار (QA)"}}`)
	tb.visit(s.URL + "/?q=" + url.QueryEscape("ليلى"))
	tb.eventually("found", `document.getElementById("UARABIC")`)
	if got := eval[string](tb, `getComputedStyle(document.querySelector("#q")).direction`); got != "rtl" {
		t.Errorf("the search is %s", got)
	}
	tb.visit(s.URL)
	tb.eventually("both are there", `document.getElementById("UARABIC") && document.getElementById("ULATIN")`)
	left := func(id string) float64 {
		return eval[float64](tb, fmt.Sprintf(`{const range = document.createRange(); range.selectNodeContents(document.querySelector("#%s .more bdi")); range.getBoundingClientRect().left}`, id))
	}
	if latin, arabic := left("ULATIN"), left("UARABIC"); latin != arabic {
		t.Errorf("titles start at %.0f, in Arabic at %.0f", latin, arabic)
	}
	for _, cell := range []string{".name bdi", ".more bdi", ".status bdi[title]", ".status bdi:not([title])"} {
		if got := eval[string](tb, fmt.Sprintf(`getComputedStyle(document.querySelector("#UARABIC %s")).direction`, cell)); got != "rtl" {
			t.Errorf("%s is %s", cell, got)
		}
	}
}

// TestScrolledList: the header stays at the top of the window, and text is 14 px high.
func TestScrolledList(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	tb.run(chromedp.Evaluate[chromedp.Void](`scrollTo({ top: 700, behavior: "instant" })`))
	tb.eventually("the header is at the top", `(() => { const th = document.querySelector("thead th"); return scrollY === 700 && Math.abs(th.getBoundingClientRect().top) < 1 && th.contains(document.elementFromPoint(200, 5)); })()`)
	if size := eval[string](tb, `getComputedStyle(document.querySelector("tbody td")).fontSize`); size != "14px" {
		t.Errorf("text of %s", size)
	}
}

// TestPrint: the printed list is a table with exact times and without controls.
func TestPrint(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.run(chromedp.EmulateViewport(718, 1000)) // A4 within its margins
	tb.visit(s.URL)
	tb.ready()
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for what, expression := range map[string]string{
		"it is a table":         `getComputedStyle(document.querySelector("#list tbody tr")).display === "table-row"`,
		"there are no controls": `["search", "header nav", "#list nav", "#list .extras"].every(e => !document.querySelector(e).checkVisibility())`,
		"nothing overflows":     `document.documentElement.scrollWidth <= innerWidth`,
		"the time is exact":     `getComputedStyle(document.querySelector("#list time"), "::after").content.match(/ \d{4}/) !== null`,
		"people are visible":    `document.querySelector("#list tbody a").checkVisibility()`,
	} {
		if !eval[bool](tb, expression) {
			t.Errorf("not true: %s", what)
		}
	}
}
