package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

const (
	offline = `!document.getElementById("offline").hidden`
	online  = `document.getElementById("offline").hidden`
)

// TestTrouble: if a request that the page makes by itself fails, the page keeps its content and recovers.
func TestTrouble(t *testing.T) {
	tb := open(t)
	tb.expect("503")
	tb.expect("ERR_")
	s := filled(t, fakeslack.Options{})

	s.failing.Store("/users/count")
	tb.visit(s.URL)
	tb.eventually("the count has failed", `performance.getEntriesByType("resource").some(r => r.name.includes("/users/count") && r.responseStatus === 503)`)
	time.Sleep(3500 * time.Millisecond) // enough time for the list to disappear, or for the page to say that the server is away
	if n := len(tb.names()); n != 50 || eval[bool](tb, offline) || eval[bool](tb, `!document.querySelector("a#count")`) {
		t.Errorf("without a count the page shows %d rows", n)
	}

	s.failing.Store("/")
	s.pages.CloseClientConnections()
	tb.eventually("the page says that the server is away", offline)
	who := s.people(t)[0]
	events, err := s.slack.SetStatus(who.ID)
	before := eval[string](tb, fmt.Sprintf(`document.getElementById(%q).dataset.changed`, who.ID))
	s.deliver(t, events, err)
	s.failing.Store("")
	tb.eventually("the page recovers by itself", fmt.Sprintf(`%s && document.getElementById(%q).dataset.changed > %q`, online, who.ID, before))

	tb.visit(fmt.Sprintf("%s/status?started=%d", s.URL, time.Now().Add(time.Minute).Unix()))
	tb.run(chromedp.EmulateViewport(360, 740), chromedp.Focus(chromedp.CSS("#all-changes")),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#all-changes").was = true`))
	s.failing.Store("/status")
	tb.eventually("the status page says that the server is away", offline)
	s.failing.Store("")
	tb.eventually("the status page recovers", online+` && !document.querySelector("#all-changes").was`)
	if where := eval[string](tb, `document.activeElement.id`); where != "all-changes" {
		t.Errorf("after a reload the focus is at %q", where)
	}
}

// TestOneAnswerMissing: if the server answers everything but what somebody types, the page asks again.
func TestOneAnswerMissing(t *testing.T) {
	tb := open(t)
	tb.expect("503")
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	s.failing.Store("=/")
	tb.run(chromedp.SendKeys(chromedp.CSS("#q"), "anneliese"))
	tb.eventually("it is not answered", answers(503)+` > 0`)
	events, err := s.slack.SetStatus(s.people(t)[0].ID)
	s.deliver(t, events, err) // the connection is fine
	s.failing.Store("")
	tb.eventually("the list matches the search box", `location.search.includes("q=anneliese") && `+names+`.length > 0 && `+names+`.every(n => n.startsWith("Anneliese"))`)
}

// TestRefused: a page that may not be read any more says so once, instead of asking again and again.
func TestRefused(t *testing.T) {
	tb := open(t)
	tb.expect("404")
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	tb.run(chromedp.Evaluate[chromedp.Void](`document.querySelector("#find [name=team]").value = "T0ANOTHER0"`), chromedp.SendKeys(chromedp.CSS("#q"), "ann"))
	tb.eventually("an error page", `document.querySelector("#content .problem") && !document.getElementById("list")`)
	n := eval[int](tb, answers(404))
	time.Sleep(3500 * time.Millisecond)
	if again := eval[int](tb, answers(404)); again != n || eval[bool](tb, offline) {
		t.Errorf("%d requests became %d", n, again)
	}
}

// answers counts the page's requests that had a status.
func answers(status int) string {
	return fmt.Sprintf(`performance.getEntriesByType("resource").filter(r => r.responseStatus === %d).length`, status)
}
