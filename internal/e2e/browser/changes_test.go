package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

// recordIDs are the ids of the rows.
const recordIDs = `[...document.querySelectorAll("#list tr[data-user]")].map(r => r.id)`

// listening waits until the page's script runs. The script then receives what has happened since the page was read.
func (tb *tab) listening() {
	tb.t.Helper()
	tb.eventually("the script runs", `document.querySelector("#list time")?.title`)
}

// retitle changes titles, and waits until all of it is in the history.
func (s *site) retitle(t *testing.T, n int) {
	t.Helper()
	people := s.people(t)
	for i := range n {
		s.put(t, fmt.Sprintf(`{"id":%q,"name":%q,"profile":{"real_name":%q,"title":"Title %d"}}`, people[i%20].ID, people[i%20].Name, people[i%20].RealName, i))
	}
}

// TestChanges: a record appears without a reload, filters narrow the list and are in its address, and
// the next page continues exactly where this one ends.
func TestChanges(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.run(chromedp.Click(chromedp.CSS(`a[href^="/changes"]`)))
	tb.eventually("the page", `document.querySelector("#list[data-live]")`)
	joined := s.slack.Join()
	start := time.Now()
	s.deliver(t, joined, nil)
	row := `document.querySelector("#list tr[data-user]")`
	tb.eventually("the person who joined is on top", fmt.Sprintf(`%s?.innerText.includes("joined") && %[1]s.dataset.user === %q && !document.querySelector("#list .none").checkVisibility()`, row, joined[0].UserID))
	t.Logf("a record appeared %v after Slack's event", time.Since(start))
	events, err := s.slack.Rename(joined[0].UserID)
	s.deliver(t, events, err)
	tb.eventually("the new name", row+`.innerText.includes("name") && `+row+`.innerText.includes(" → ")`)
	events, err = s.slack.Leave(joined[0].UserID)
	s.deliver(t, events, err)
	tb.eventually("the deactivation", row+`.innerText.includes("left")`)

	// Filters.
	tb.run(chromedp.Click(chromedp.CSS("#find summary")), chromedp.Click(chromedp.CSS(`input[value="user.created"]`)), chromedp.Click(chromedp.CSS(`input[value="user.deactivated"]`)))
	tb.eventually("two types", `location.search.includes("type=user.created&type=user.deactivated") && document.querySelectorAll("#list tr[data-user]").length === 2`)
	const count = `document.querySelector("[role=status] #count")?.textContent`
	tb.eventually("counted", count+` === "2 changes"`)
	tb.listening()
	events, err = s.slack.Return(joined[0].UserID)
	s.deliver(t, events, err)
	again := s.slack.Join()
	s.deliver(t, again, nil)
	tb.eventually("only what matches comes", fmt.Sprintf(`document.querySelectorAll("#list tr[data-user]").length === 3 && %s.dataset.user === %q`, row, again[0].UserID))
	tb.eventually("the count follows", count+` === "3 changes"`)
	tb.visit(eval[string](tb, "location.href"))
	tb.eventually("the address restores the filters", `document.querySelectorAll("input[name=type]:checked").length === 2 && document.querySelectorAll("#list tr[data-user]").length === 3`)
	today := time.Now().UTC().Format(time.DateOnly)
	tb.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`for (const name of ["oldest", "latest"]) { const e = document.querySelector("input[name=" + name + "]"); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})) }`, today)))
	tb.eventually("the day is in the address", fmt.Sprintf(`location.search.includes("oldest=%s") && location.search.includes("latest=%[1]s") && document.querySelectorAll("#list tr[data-user]").length === 3`, today))
	tb.run(chromedp.Evaluate[chromedp.Void](`{const e = document.querySelector("input[name=latest]"); e.value = "0002-01-01"; e.dispatchEvent(new Event("change", {bubbles: true}))}`))
	time.Sleep(500 * time.Millisecond) // longer than the form waits
	if n := eval[int](tb, `document.querySelectorAll("#list tr[data-user]").length`); n != 3 {
		t.Errorf("a half-typed year leaves %d rows", n)
	}

	// Somebody who is forgotten leaves the page at once, whatever it shows.
	tb.visit(s.URL + "/changes?type=user.created")
	tb.listening()
	events, err = s.slack.Leave(again[0].UserID)
	s.deliver(t, events, err)
	events, err = s.slack.Forget(again[0].UserID)
	s.deliver(t, events, err)
	tb.eventually("the forgotten person is gone", fmt.Sprintf(`!document.querySelector('tr[data-user="%s"]') && document.querySelectorAll("#list tr[data-user]").length === 1`, again[0].UserID))
}

func TestChangesPages(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	s.retitle(t, 120)
	tb.visit(s.URL + "/changes?type=user.updated")
	tb.listening()
	turn := func(rel string) bool {
		before := eval[[]string](tb, recordIDs)[0]
		if !eval[bool](tb, fmt.Sprintf(`Boolean(document.querySelector("a[rel=%s]"))`, rel)) {
			return false
		}
		tb.run(chromedp.Click(chromedp.CSS("a[rel=" + rel + "]")))
		tb.eventually("another page", fmt.Sprintf(`%s.length > 0 && %[1]s[0] !== %q`, recordIDs, before))
		return true
	}
	first := eval[[]string](tb, recordIDs)
	if len(first) != 50 {
		t.Fatalf("%d rows", len(first))
	}
	// Three rows come while the page is open: three leave it at the end, and the next page begins with them.
	s.retitle(t, 3)
	tb.eventually("three came", fmt.Sprintf(`%s[3] === %q && %[1]s.length === 50`, recordIDs, first[0]))
	forward := eval[[]string](tb, recordIDs)
	for turn("next") {
		forward = append(forward, eval[[]string](tb, recordIDs)...)
	}
	backward := eval[[]string](tb, recordIDs)
	for turn("prev") {
		backward = append(eval[[]string](tb, recordIDs), backward...)
	}
	if len(forward) != 123 || !slices.Equal(forward, backward) {
		t.Errorf("%d forward, %d backward", len(forward), len(backward))
	}
	// On another page nothing moves.
	tb.run(chromedp.Click(chromedp.CSS("a[rel=next]")))
	tb.eventually("the second page", fmt.Sprintf(`%s[0] === %q`, recordIDs, forward[50]))
	tb.listening()
	s.retitle(t, 1)
	time.Sleep(500 * time.Millisecond)
	if now := eval[[]string](tb, recordIDs); !slices.Equal(now, forward[50:100]) {
		t.Error("the second page has moved")
	}
}

func TestChangesWithoutJavaScript(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	s.retitle(t, 60)
	joined := s.slack.Join()
	s.deliver(t, joined, nil)
	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.visit(s.URL + "/changes")
	tb.run(chromedp.Click(chromedp.CSS("a[rel=next]")), chromedp.WaitVisible(chromedp.CSS("a[rel=prev]")))
	tb.run(chromedp.Click(chromedp.CSS("a[rel=prev]")), chromedp.WaitVisible(chromedp.CSS("a[rel=next]")))
	tb.run(chromedp.Click(chromedp.CSS("#find summary")), chromedp.Click(chromedp.CSS(`input[value="user.created"]`)), chromedp.Click(chromedp.CSS("#find button")),
		chromedp.WaitVisible(chromedp.CSS(fmt.Sprintf(`tr[data-user="%s"]`, joined[0].UserID))), chromedp.WaitNotPresent(chromedp.CSS("a[rel=next]")))
	tb.run(chromedp.Click(chromedp.CSS("#list tbody a")), chromedp.WaitVisible(chromedp.CSS(".timeline")))
	tb.run(chromedp.Click(chromedp.CSS(`a[href*="user="]`)), chromedp.WaitVisible(chromedp.CSS(`.chips a`)))
	tb.visit(s.URL + "/status")
	day := time.Now().UTC().Format(time.DateOnly)
	tb.run(chromedp.Click(chromedp.CSS(fmt.Sprintf(`.days a[href*="oldest=%s"]`, day))), chromedp.WaitVisible(chromedp.CSS("a[rel=next]")))
	if title := tb.html(); !strings.Contains(title, `value="`+day+`"`) {
		t.Error("the bar does not lead to its day")
	}
}

// TestTimeline: a person's page tells what has changed, in words and as text.
func TestTimeline(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	s.put(t, `{"id":"UNEW","name":"ada","profile":{"real_name":"Ada","title":"Typographer"}}`)
	s.put(t, `{"id":"UNEW","name":"ada","profile":{"real_name":"Ada","title":"<img src=x onerror=alert(1)>"}}`)
	tb.visit(s.URL + "/users/" + s.slack.Options().TeamID + "/UNEW")
	tb.eventually("the timeline", `document.querySelectorAll(".timeline li").length === 2`)
	text := eval[string](tb, `document.querySelector(".timeline").innerText`)
	for _, want := range []string{"Title: Typographer → <img src=x onerror=alert(1)>", "Joined", "Event · "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if n := eval[int](tb, `document.querySelectorAll(".timeline img").length`); n != 0 {
		t.Error("a value became markup")
	}
}
