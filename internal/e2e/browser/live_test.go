package browser

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

const held = `!document.getElementById("held").hidden && document.getElementById("held").textContent`

// renamed is the object of somebody whose name sorts first.
func renamed(id, title string) string {
	return fmt.Sprintf(`{"id":%q,"name":"aaa","updated":1800000000,"profile":{"real_name":"Aaa","title":%q}}`, id, title)
}

// TestHeld: rows do not move under the focus. The changes wait and are counted, a button shows them, and somebody
// who is erased disappears all the same.
func TestHeld(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 4 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","profile":{"real_name":"Person %[1]d"}}`, i))
	}
	tb.visit(s.URL)
	tb.ready()
	tb.run(chromedp.Focus(chromedp.CSS("#U1 a")))
	s.put(t, renamed("U3", "Typographer"))
	s.put(t, `{"id":"UNEW","name":"new","profile":{"real_name":"Aaa New"}}`)
	tb.eventually("two wait", held+` === "2 new changes"`)
	if n := tb.names(); len(n) != 4 || n[3] != "Person 3" {
		t.Errorf("under the focus the list became %q", n)
	}
	s.put(t, `{"id":"U0","is_forgotten":true}`)
	tb.eventually("a person who is erased disappears at once", `!document.getElementById("U0")`)
	tb.run(chromedp.Focus(chromedp.CSS("#held")))
	tb.eventually("they show once the focus has left", names+`[0] === "Aaa" && document.getElementById("UNEW") && document.getElementById("held").hidden`)
	tb.eventually("the count follows", `document.getElementById("count").textContent === "4 people" && document.getElementById("span").textContent === "1–4"`)
}

// TestHeldByPointer: rows do not move under the mouse either.
func TestHeldByPointer(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 3 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","profile":{"real_name":"Person %[1]d"}}`, i))
	}
	tb.visit(s.URL)
	tb.ready()
	tb.point("#U1")
	s.put(t, renamed("U2", "Typographer"))
	tb.eventually("one waits", held+` === "1 new change"`)
	if n := tb.names(); n[0] != "Person 0" {
		t.Errorf("under the pointer the list became %q", n)
	}
	tb.point(".mark")
	tb.eventually("it shows once the pointer has left", names+`[0] === "Aaa" && document.getElementById("held").hidden`)
}

// point moves the mouse onto something.
func (tb *tab) point(selector string) {
	tb.t.Helper()
	at := eval[[]float64](tb, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`, selector))
	call(tb, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at[0], Y: at[1]})
}

// TestHeldAtMidnight: the list of changes, which refreshes itself when today becomes yesterday, waits for the pointer too.
func TestHeldAtMidnight(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U1","name":"ada","profile":{"real_name":"Ada"}}`)
	tb.visit(s.URL + "/changes")
	tb.ready()
	tb.point("#list tbody tr:last-child")
	tb.run(chromedp.Evaluate[chromedp.Void](`{
		const today = document.getElementById("list"), copy = today.cloneNode(true);
		if (!/^load delay:\d+s/.test(copy.getAttribute("hx-trigger"))) throw new Error("the list does not wait for midnight");
		copy.setAttribute("hx-trigger", "load delay:1s, refresh"); // as a second before midnight
		copy.querySelector("h2").textContent = "Yesterday's today";
		today.replaceWith(copy);
		htmx.process(copy);
	}`))
	tb.eventually("midnight", `document.querySelector("[data-missed]")`)
	if got := eval[string](tb, `document.querySelector("#list h2").textContent`); got != "Yesterday's today" {
		t.Errorf("under the pointer the day became %q", got)
	}
	tb.expect("503")
	s.failing.Store("=/changes")
	tb.point(".mark")
	tb.eventually("the server cannot, which leaves the list as it was", `!document.querySelector("#offline").hidden && document.querySelector("#list h2")`)
	s.failing.Store("")
	tb.eventually("it catches up once the pointer has left and the server is there", `document.querySelector("#list h2").textContent === "Today" && !document.querySelector("[data-missed]")`)
}

// manage puts Bea Boss and Hank, who reports to her, into the directory. It returns what gives Hank another title.
func (s *site) manage(t *testing.T) (hand func(title string)) {
	t.Helper()
	s.put(t, `{"id":"UBOSS0001","name":"bea","profile":{"real_name":"Bea Boss"}}`)
	hand = func(title string) {
		s.put(t, fmt.Sprintf(`{"id":"UHAND0001","name":"hank","profile":{"real_name":"Hank","title":%q,"fields":{"Xf1":{"value":"UBOSS0001"}}}}`, title))
	}
	hand("Typographer")
	if err := s.store.PutTeamProfile(t.Context(), s.slack.Options().TeamID, []byte(`{"fields":[{"id":"Xf1","label":"Manager","type":"user"}]}`)); err != nil {
		t.Fatal(err)
	}
	return hand
}

// TestHeldByMenu: a menu of the list stays open, with what is chosen in it, while changes wait. Here the change is to
// somebody in a card, for which the page reads the whole list again.
func TestHeldByMenu(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	hand := s.manage(t)
	tb.visit(s.URL + "/?q=bea")
	tb.ready()
	tb.run(chromedp.Click(chromedp.CSS(".extras summary")), chromedp.Click(chromedp.CSS(`input[name="cols"][value="phone"]`)))
	hand("Printer")
	tb.eventually("the change waits, and the menu is as it was", held+` === "1 new change" && document.querySelector(".extras .menu[open]") && document.activeElement.checked`)
	tb.run(chromedp.Click(chromedp.CSS(".extras summary")))
	tb.eventually("it shows once the menu is closed, and the focus stays", `document.querySelector(".reports").innerText.includes("Printer") && document.activeElement === document.querySelector(".extras summary")`)
}

// TestLiveRowsLead: a person opened from a row that has changed leads back to the list as it was.
func TestLiveRowsLead(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 3 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","updated":1700000000,"profile":{"real_name":"Person %[1]d"}}`, i))
	}
	tb.visit(s.URL + "/?sort=updated&show=all")
	tb.ready()
	s.put(t, `{"id":"U1","name":"n1","updated":1700000100,"profile":{"real_name":"Person 1","title":"Typographer"}}`)
	tb.eventually("the row has changed", `document.querySelector("#U1 .more")?.textContent.includes("Typographer")`)
	tb.run(chromedp.Click(chromedp.CSS("#U1 .name a")))
	tb.eventually("the page knows the list", `document.querySelector(".back")?.textContent.includes("Back to the list") && document.querySelector("a[rel=next]")`)
	if got := eval[string](tb, `new URL(document.querySelector(".back").href).search`); !strings.Contains(got, "sort=updated") || !strings.Contains(got, "show=all") {
		t.Errorf("the way back is %s", got)
	}
}

// TestWholeListCounted: a list that is whole on its page is counted by its rows, also while the server cannot.
func TestWholeListCounted(t *testing.T) {
	tb := open(t)
	tb.expect("503")
	s := newSite(t, fakeslack.Options{})
	for i := range 3 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","profile":{"real_name":"Person %[1]d","title":"Printer"}}`, i))
	}
	s.put(t, `{"id":"UBOT","name":"press","is_bot":true,"profile":{"real_name":"Press","title":"Printer"}}`)
	tb.visit(s.URL + "/?q=printer")
	tb.ready()
	s.failing.Store("/users/count")
	s.put(t, `{"id":"U1","name":"n1","profile":{"real_name":"Person 1","title":"Typographer"}}`)
	tb.eventually("both follow", `document.getElementById("span").textContent === "1–3" && document.getElementById("count").textContent === "2 people and 1 bot"`)
	s.failing.Store("")
}

// TestMarked: the cell that changed is marked, and nothing else.
func TestMarked(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U1","name":"ada","updated":1700000000,"profile":{"real_name":"Ada"}}`)
	tb.visit(s.URL + "/?cols=title,status,changed")
	tb.ready()
	s.put(t, `{"id":"U1","name":"ada","updated":1700000100,"profile":{"real_name":"Ada","status_text":"Focusing"}}`)
	tb.eventually("the status is marked", `[...document.querySelectorAll("#list .changed")].map(e => e.dataset.col).join() === "status"`)
	if shown := eval[string](tb, `[...document.querySelectorAll("#U1 > *")].map(e => e.dataset.col).join()`); shown != "person,status,title,changed" {
		t.Errorf("the live row has the columns %s", shown)
	}
}

// TestNotYetLive: before its first event a page counts from when it was served.
func TestNotYetLive(t *testing.T) {
	tb := open(t)
	tb.expect("503")
	s := filled(t, fakeslack.Options{})
	s.failing.Store("/events")
	tb.visit(s.URL)
	tb.eventually("the bar says how live it is", `/^(Live · \d{1,2} s ago|Offline)$/.test(document.getElementById("live").textContent)`)
}

// TestReferences: below a search that finds a manager the reports follow changes, and go when the manager is erased.
func TestReferences(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	hand := s.manage(t)
	tb.visit(s.URL + "/?q=bea")
	tb.ready()
	const card = `document.querySelector(".reports")?.innerText`
	tb.eventually("the reports", card+`.includes("Manager: Bea Boss") && `+card+`.includes("Typographer")`)
	hand("Printer")
	tb.eventually("a new title", card+`.includes("Printer")`)
	s.put(t, `{"id":"UBOSS0001","name":"bea","profile":{"real_name":"Bea Boss","status_text":"Focusing"}}`)
	tb.eventually("the manager's own change is marked", `document.querySelector("#UBOSS0001 .changed")?.dataset.col === "status"`)
	s.put(t, `{"id":"UBOSS0001","is_forgotten":true}`)
	tb.eventually("nothing of the manager is left", `!document.querySelector("main").innerText.includes("Bea Boss") && !document.querySelector(".reports")`)
}

// TestPauseBeforeAnybody: a list that waits for the first people can be paused too.
func TestPauseBeforeAnybody(t *testing.T) {
	for _, path := range []string{"/", "/changes"} {
		tb := open(t)
		s := newSite(t, fakeslack.Options{})
		tb.visit(s.URL + path)
		tb.run(chromedp.Click(chromedp.CSS("#pause")))
		s.put(t, `{"id":"U1","name":"zoe","profile":{"real_name":"Zoe"}}`)
		time.Sleep(3 * time.Second) // longer than the page's two seconds; the server does not remember an empty list of workspaces
		if !eval[bool](tb, `document.querySelector("main").textContent.includes("Nobody is here yet")`) {
			t.Errorf("%s goes on while it is paused", path)
		}
		tb.run(chromedp.Click(chromedp.CSS("#pause")))
		tb.eventually("somebody is here", `document.querySelector("#list tbody a")?.textContent === "Zoe"`)
	}
}

// countBreaths counts in breaths how often the dot in the bar breathes.
var countBreaths = chromedp.Evaluate[chromedp.Void](`{
	const animate = Element.prototype.animate;
	globalThis.breaths = 0;
	Element.prototype.animate = function (...how) { if (this.id === "live") breaths++; return animate.apply(this, how); };
}`)

// TestPause: while the page is paused nothing changes in it, and it says how much waits.
func TestPause(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U1","name":"zoe","profile":{"real_name":"Zoe"}}`)
	tb.visit(s.URL)
	tb.ready()
	tb.eventually("the bar says that it is live", `/^Live · \d+ s ago$/.test(document.getElementById("live").textContent)`)
	tb.run(chromedp.Click(chromedp.CSS("#pause")), countBreaths)
	s.put(t, renamed("U2", ""))
	tb.eventually("one waits, and the dot does not move", `breaths === 0 && `+held+` === "1 new change" && document.getElementById("live").textContent === "Paused · 1 waiting" && document.getElementById("pause").getAttribute("aria-pressed") === "true"`)
	if n := tb.names(); len(n) != 1 {
		t.Errorf("a paused list became %q", n)
	}
	tb.run(chromedp.Click(chromedp.CSS("#held")))
	tb.eventually("the button shows it", names+`.join() === "Aaa,Zoe" && document.activeElement.id === "heading"`)
	s.put(t, renamed("U2", "Typographer"))
	tb.eventually("it is still paused", held)
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	s.put(t, renamed("U3", ""))
	tb.eventually("it goes on, and the dot breathes", `breaths > 0 && document.getElementById("U2").textContent.includes("Typographer") && document.getElementById("held").hidden && document.getElementById("live").dataset.state === "live"`)
}

// TestPausedStatus: a page that refreshes itself says so, stops while it is paused, and catches up afterwards.
func TestPausedStatus(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U1","name":"ada","profile":{"real_name":"Ada"}}`)
	team := s.slack.Options().TeamID
	running := syncs.Sync{ID: "1", TeamID: team, State: syncs.Running, Started: time.Now(), Listed: 100}
	if err := errors.Join(s.store.Lease(t.Context(), team, "a test", time.Now().Add(time.Hour)), s.store.PutSync(t.Context(), running)); err != nil {
		t.Fatal(err)
	}
	tb.visit(s.URL + "/status")
	tb.eventually("the bar says that it is live", `/^Live · \d+ s ago$/.test(document.getElementById("live").textContent) && document.getElementById("running").textContent.includes("100")`)
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	tb.eventually("it is paused", `document.getElementById("live").textContent === "Paused"`)
	running.Listed = 200
	if err := s.store.PutSync(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	tb.eventually("the page did not refresh itself", `document.querySelector("[data-missed]")`)
	if got := eval[string](tb, `document.getElementById("running").textContent`); !strings.Contains(got, "100") {
		t.Errorf("while it is paused the page says %q", got)
	}
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	tb.eventually("it catches up", `document.getElementById("running").textContent.includes("200") && document.getElementById("live").dataset.state === "live" && !document.querySelector("[data-missed]")`)
}

// TestTimesTickTogether: when a row changes, the times of all rows are told anew.
func TestTimesTickTogether(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 3 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","updated":1700000000,"profile":{"real_name":"Person %[1]d"}}`, i))
	}
	tb.visit(s.URL)
	tb.ready()
	tb.run(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("#list time").forEach((t) => { t.textContent = "long ago"; })`))
	s.put(t, `{"id":"U1","name":"n1","updated":1700000100,"profile":{"real_name":"Person 1","title":"Typographer"}}`)
	tb.eventually("the row changes", `document.getElementById("U1").textContent.includes("Typographer")`)
	if times := eval[string](tb, `[...document.querySelectorAll("#list time")].map(t => t.textContent).join()`); times != "14 Nov 2023,14 Nov 2023,14 Nov 2023" {
		t.Errorf("the times are %q", times)
	}
}

// TestTimesTick: without any change the times of all rows are told anew, all at once, but not while the page is paused.
func TestTimesTick(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 3 {
		s.put(t, fmt.Sprintf(`{"id":"U%d","name":"n%[1]d","updated":1700000000,"profile":{"real_name":"Person %[1]d"}}`, i))
	}
	const hurry = 30 // timers go that much faster
	call(tb, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`{
		const start = setInterval;
		globalThis.setInterval = (f, delay) => start(f, delay / %d);
	}`, hurry)})
	tb.visit(s.URL)
	tb.ready()
	const stale = `[...document.querySelectorAll("#list time")].filter((t) => t.textContent === "long ago").length`
	const makeStale = `document.querySelectorAll("#list time").forEach((t) => { t.textContent = "long ago"; });`
	tb.run(chromedp.Evaluate[chromedp.Void](makeStale + `
		globalThis.left = [];
		new MutationObserver(() => { left.push(` + stale + `); }).observe(document.querySelector("#list tbody"), { childList: true, characterData: true, subtree: true });`))
	tb.eventually("the times are told", stale+` === 0`)
	if left := eval[[]int](tb, `left`); !slices.Equal(left, []int{0}) {
		t.Errorf("they do not change together: %d were left", left)
	}
	tb.run(chromedp.Click(chromedp.CSS("#pause")), chromedp.Evaluate[chromedp.Void](makeStale))
	time.Sleep(2 * 15 * time.Second / hurry) // two ticks
	if n := eval[int](tb, stale); n != 3 {
		t.Errorf("while the page is paused %d times change", 3-n)
	}
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	tb.eventually("they are told when it goes on", stale+` === 0`)
}

// TestTimesAreToldAtOnce: a part that the page replaces is never seen with the server's long dates, which are cut off.
func TestTimesAreToldAtOnce(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	s.put(t, `{"id":"U1","name":"ada","profile":{"real_name":"Ada"}}`)
	if err := s.store.PutSync(t.Context(), syncs.Sync{ID: "1", TeamID: s.slack.Options().TeamID, State: syncs.Done, Started: time.Now(), Ended: time.Now()}); err != nil {
		t.Fatal(err)
	}
	tb.visit(s.URL + fmt.Sprintf("/status?started=%d", time.Now().Add(time.Minute).Unix()))
	tb.eventually("times are told", `document.querySelector("time[data-ago][title]")`)
	tb.run(chromedp.Evaluate[chromedp.Void](`{
		window.swaps = window.untold = 0;
		document.addEventListener("htmx:afterSwap", () => { swaps++; });
		const look = () => { untold += document.querySelectorAll("time[data-ago]:not([title])").length; requestAnimationFrame(look); };
		look();
	}`))
	tb.eventually("the page has refreshed itself", `swaps > 1`)
	if n := eval[int](tb, `untold`); n > 0 {
		t.Errorf("%d times were shown as the server writes them", n)
	}
}

// TestLateCount: the counts of a list that has been replaced leave the new one alone.
func TestLateCount(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.before.Store(func(r *http.Request) {
		if r.URL.Path == "/users/count" && r.URL.Query().Get("kind") == "guests" {
			once.Do(func() { close(asked) })
			<-answer
		}
	})
	tb.visit(s.URL + "/?kind=guests")
	<-asked
	tb.run(chromedp.Click(chromedp.CSS("li:has(#of-kind) a")))
	tb.eventually("the new list has its own count", `!document.getElementById("of-kind") && /^\d+ people/.test(document.getElementById("count").textContent)`)
	count := eval[string](tb, `document.getElementById("count").textContent`)
	close(answer)
	tb.eventually("the late answer is there", `performance.getEntriesByType("resource").filter(e => e.name.includes("/users/count") && e.responseEnd).length === 2`)
	if now := eval[string](tb, `new Promise(done => setTimeout(() => done(document.getElementById("count").textContent), 100))`); now != count {
		t.Errorf("the count was %q and is %q", count, now)
	}
}

// TestTypingWhileAway: once the server is back, the list matches the search box.
func TestTypingWhileAway(t *testing.T) {
	tb := open(t)
	tb.expect("503")
	tb.expect("ERR_")
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL)
	tb.ready()
	s.failing.Store("/")
	tb.run(chromedp.SendKeys(chromedp.CSS("#q"), "anneliese"))
	tb.eventually("the page says that the server is away", offline)
	if n := len(tb.names()); n != 50 {
		t.Errorf("while the server is away the list has %d rows", n)
	}
	s.failing.Store("")
	tb.eventually("the list matches the search box", `location.search.includes("q=anneliese") && document.getElementById("q").value === "anneliese" && `+names+`.length > 0 && `+names+`.every(n => n.startsWith("Anneliese"))`)
}

// TestColumnsMenu: a form chooses columns, and the address keeps them.
func TestColumnsMenu(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	tb.visit(s.URL + "/?kind=members")
	tb.ready()
	tb.run(chromedp.Click(chromedp.CSS(".extras .menu:first-child summary")), chromedp.Click(chromedp.CSS(`input[value="id"]`)), chromedp.Click(chromedp.CSS(`input[value="email"]`)),
		chromedp.Click(chromedp.CSS(".extras form button")))
	tb.eventually("the columns", `[...document.querySelectorAll("thead th")].map(th => th.dataset.col).join() === "person,status,time,id,changed" && location.search.includes("kind=members")`)
	tb.run(chromedp.Click(chromedp.CSS("a[rel=next]")))
	tb.eventually("the next page has them too", `document.querySelector("a[rel=prev]") && document.querySelectorAll('tbody td[data-col="id"]').length > 0 && document.getElementById("span").textContent.startsWith("51–")`)
	tb.visit(s.URL + "/?cols=status,time,email,phone,name,title,kind,tz,id,changed")
	tb.ready()
	tb.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".chosen").scrollLeft = 9999`), chromedp.Click(chromedp.CSS(`th[data-col="changed"] a`)))
	tb.eventually("sorting by a column far to the right leaves it in sight", `document.querySelector("th[aria-sort=descending]") && document.querySelector(".chosen").scrollLeft > 0`)
}
