package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

// led is a workspace whose custom field says that Hank reports to Bea.
func led(t *testing.T) *site {
	t.Helper()
	s := newSite(t, fakeslack.Options{})
	if err := s.store.PutTeamProfile(t.Context(), s.slack.Options().TeamID, []byte(`{"fields":[{"id":"Xf1","label":"Manager","type":"user"},{"id":"Xf2","label":"Website","type":"link"}]}`)); err != nil {
		t.Fatal(err)
	}
	s.put(t, `{"id":"UBOSS0001","name":"bea","profile":{"real_name":"Bea Boss"}}`)
	s.put(t, `{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","fields":{"Xf1":{"value":"UBOSS0001"},"Xf2":{"value":"https://www.example.com/"}}}}`)
	return s
}

const forgetBoss = `{"id":"UBOSS0001","is_forgotten":true}`

// TestPersonFollowsOthers: a person's page shows at once that somebody on it has another name, and forgets them even
// while it is paused.
func TestPersonFollowsOthers(t *testing.T) {
	const text = `document.querySelector("#person").innerText`
	tb := open(t)
	s := led(t)
	tb.visit(fmt.Sprintf("%s/users/%s/UHAND0001", s.URL, s.slack.Options().TeamID))
	tb.eventually("the page is live", `document.getElementById("live").dataset.state === "live" && `+text+`.includes("Bea Boss")`)
	s.put(t, `{"id":"UBOSS0001","name":"bea","profile":{"real_name":"Bea Chief"}}`)
	tb.eventually("the manager's new name", text+`.includes("Bea Chief") && !`+text+`.includes("Bea Boss")`)
	s.put(t, `{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","fields":{"Xf1":{"value":"UNEXT0001"}}}}`)
	tb.eventually("another manager", text+`.includes("UNEXT0001")`)
	s.put(t, `{"id":"UNEXT0001","name":"nora","profile":{"real_name":"Nora Next"}}`)
	s.put(t, `{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","title":"Printer","fields":{"Xf1":{"value":"UNEXT0001"}}}}`)
	tb.eventually("who is here now", text+`.includes("Nora Next")`)
	s.put(t, `{"id":"UNEXT0001","name":"nora","profile":{"real_name":"Nora Newest"}}`)
	tb.eventually("who was not on the page at first is followed too", text+`.includes("Nora Newest")`)
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	s.put(t, `{"id":"UNEXT0001","is_forgotten":true}`)
	tb.eventually("nothing of the manager is left", `document.getElementById("live").dataset.state === "paused" && !document.querySelector("main").innerText.includes("Nora")`)
	s.put(t, `{"id":"UHAND0001","is_forgotten":true}`)
	tb.eventually("nor of the person", `!document.querySelector("main").innerText.includes("Hank")`)
}

// TestForgottenEverywhere: lists forget somebody whom only other people's cells, a filter or a change names.
func TestForgottenEverywhere(t *testing.T) {
	for _, path := range []string{"/?cols=Xf1", "/?Xf1=UBOSS0001", "/changes?user=UHAND0001"} {
		tb := open(t)
		s := led(t)
		s.put(t, `{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","fields":{"Xf1":{"value":"UGONE00001"}}}}`) // for /changes
		s.put(t, `{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","fields":{"Xf1":{"value":"UBOSS0001"}}}}`)
		tb.visit(s.URL + path)
		tb.ready()
		tb.eventually("the manager is named", `document.querySelector("#list [data-people~=UBOSS0001]")?.innerText.includes("Bea Boss")`)
		tb.run(chromedp.Click(chromedp.CSS("#pause")))
		s.put(t, forgetBoss)
		tb.eventually("nothing of the manager is left in "+path, `document.getElementById("list") && !document.querySelector("main").innerText.includes("Bea Boss")`)
	}
}

// TestFocusWithinARow: a count that arrives leaves the focus on the link where it is, and a list that is read again
// gives it back to the same link.
func TestFocusWithinARow(t *testing.T) {
	tb := open(t)
	s := led(t)
	tb.visit(s.URL + "/?cols=Xf2")
	tb.ready()
	const where = `document.activeElement.href === "https://www.example.com/"`
	tb.run(chromedp.Evaluate[chromedp.Void](`document.querySelector("#UHAND0001 [data-col=Xf2] a").focus(); htmx.ajax("GET", document.getElementById("list").dataset.count, { target: "#count", swap: "outerHTML" }).then(() => { globalThis.counted = true; })`))
	tb.eventually("the count leaves the focus", `globalThis.counted && `+where)
	tb.run(chromedp.Evaluate[chromedp.Void](`document.getElementById("list").was = true; htmx.ajax("GET", location.pathname + location.search, { target: "#list", select: "#list", swap: "outerHTML" })`))
	tb.eventually("the list gives it back", `!document.getElementById("list").was && `+where)
}

// TestMenusMakeWay: a menu closes once the focus leaves it, so that it covers nothing that has the focus.
func TestMenusMakeWay(t *testing.T) {
	tb := open(t)
	s := led(t)
	tb.visit(s.URL)
	tb.ready()
	tb.run(chromedp.Click(chromedp.CSS("#find summary")), chromedp.Focus(chromedp.CSS("#find select")))
	if !eval[bool](tb, `document.querySelector("#find .menu").open`) {
		t.Error("the menu closes while the focus is in it")
	}
	tb.run(chromedp.Focus(chromedp.CSS("#list tbody a")))
	tb.eventually("it is closed", `!document.querySelector("#find .menu").open`)
}

// TestTellsTheState: a screen reader hears when the state of the copy changes, and only then.
func TestTellsTheState(t *testing.T) {
	tb := open(t)
	s := led(t)
	tb.visit(s.URL + "/status")
	tb.eventually("the page is live", `globalThis.htmx && document.getElementById("live").dataset.state === "live"`)
	again := chromedp.Evaluate[chromedp.Void](`document.querySelector("#status").was = true; htmx.trigger("#status", "refresh")`)
	tb.run(chromedp.Evaluate[chromedp.Void](`globalThis.region = document.getElementById("said")`), again)
	tb.eventually("it is read again", `!document.querySelector("#status").was`)
	if told := eval[string](tb, `region.textContent`); told != "" {
		t.Errorf("the same state is told: %q", told)
	}
	if err := s.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	tb.run(again)
	tb.eventually("the new state", `region.isConnected && region.textContent === document.querySelector("#status .big").textContent && region.textContent !== ""`)
}
