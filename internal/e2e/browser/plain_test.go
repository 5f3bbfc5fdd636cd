package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	devtools "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// TestEverything uses everything that the pages offer, with JavaScript and without: nothing needs it.
func TestEverything(t *testing.T) {
	for _, mode := range []struct {
		name    string
		scripts bool
	}{{"with JavaScript", true}, {"without JavaScript", false}} {
		t.Run(mode.name, func(t *testing.T) {
			s := filled(t, fakeslack.Options{PageSize: 100})
			s.retitle(t, 80)
			s.readProfiles(t, 200)
			j := journey{tab: open(t), site: s, scripts: mode.scripts}
			call(j.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !mode.scripts})
			j.visit(s.URL)
			j.find()
			j.filter()
			j.columns()
			j.export()
			j.sortAndPage()
			j.person()
			j.org()
			j.changes()
			j.status()
			j.theme()
			j.zones()
			j.workspaces()
		})
	}
}

// journey is somebody who uses a mouse and a keyboard, with or without JavaScript.
type journey struct {
	*tab
	site    *site
	scripts bool
}

// click clicks on an element once it is visible.
func (j journey) click(selector string) {
	j.t.Helper()
	j.eventually("there is "+selector, fmt.Sprintf(`document.readyState === "complete" && document.querySelector(%q)?.checkVisibility() && !document.querySelector(".htmx-request")`, selector))
	j.run(chromedp.Click(chromedp.CSS(selector)))
}

// choose sets the fields of an open form. Without JavaScript its button sends it.
func (j journey) choose(form string, fields ...string) {
	j.t.Helper()
	var set strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&set, `{const e = document.querySelector(%q); if (e.type === "checkbox") e.click(); else { e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); }}`, form+" "+fields[i], fields[i+1])
	}
	j.run(chromedp.Evaluate[chromedp.Void](set.String()))
	if !j.scripts {
		j.click(form + " button[type=submit]")
	}
}

const chips = `[...document.querySelectorAll(".chips .chip")].map(c => c.textContent)`

func (j journey) find() {
	j.t.Helper()
	who := j.site.people(j.t)[60]
	j.click("#q")
	j.run(chromedp.KeyEvent(who.Name), chromedp.KeyEvent(kb.Enter))
	j.eventually("found", fmt.Sprintf(`location.search.includes("q=") && %s.length > 0 && %[1]s.length < 10 && document.getElementById(%q)`, names, who.ID))
	j.eventually("counted, or a link that counts", `/people|person/.test(document.querySelector("#count").textContent) || document.querySelector("a#count").checkVisibility()`)
	if !j.scripts {
		j.click("a#count")
		j.eventually("counted", `/people|person/.test(document.querySelector("span#count").textContent) && /^\d/.test(document.querySelector(".chips .number").textContent) && document.querySelector(".chips .number").checkVisibility()`)
	}
}

func (j journey) filter() {
	j.t.Helper()
	j.visit(j.site.URL)
	j.click("#find details summary")
	j.choose("#find", "select[name=kind]", "bots")
	j.eventually("only bots", `location.search.includes("kind=bots") && [...document.querySelectorAll("#list tbody tr")].every(r => r.querySelector(".badge")?.textContent === "bot") && `+names+`.length > 0`)
	j.eventually("two chips", chips+`.length === 2`)
	j.click(`.chip[href*="kind=bots"]`) // keeps the kind, and takes the other away
	j.eventually("one chip", chips+`.length === 1 && location.search.includes("kind=bots") && location.search.includes("show=all")`)
	j.click(`.chip`)
	j.eventually("no chip", chips+`.length === 0 && !location.search.includes("kind=bots") && `+names+`.length === 50`)
	j.visit(j.site.URL + "/?kind=guests&tz=Europe%2FBerlin")
	j.click(".chips .clear")
	j.eventually("everything cleared", chips+`.length === 0 && `+names+`.length === 50`)
}

func (j journey) columns() {
	j.t.Helper()
	j.visit(j.site.URL)
	j.click("#list .extras details:first-of-type summary")
	j.run(chromedp.Click(chromedp.CSS(`#list input[name=cols][value=tz]`)), chromedp.Click(chromedp.CSS(`#list input[name=cols][value=email]`)))
	j.click("#list .extras details:first-of-type button")
	j.eventually("another column", `location.search.includes("cols=") && document.querySelector("th[data-col=tz]") && !document.querySelector("th[data-col=email]")`)
}

// export downloads the CSV and the JSON of both lists.
func (j journey) export() {
	j.t.Helper()
	folder := j.t.TempDir()
	call(j.tab, devtools.SetDownloadBehavior, devtools.SetDownloadBehaviorParams{Behavior: devtools.SetDownloadBehaviorBehaviorAllow,
		BrowserContextID: chromedp.FromContext(j.ctx).BrowserContextID, DownloadPath: folder})
	for _, file := range []struct{ list, link, named, begins string }{
		{"/?kind=bots", ".extras a[href^='/users.csv']", "people", "\ufeffid,"},
		{"/?kind=bots", ".extras a[href^='/users.json']", "people", "["},
		{"/changes", ".more a[href^='/changes.csv']", "changes", "\ufeff"},
		{"/changes", ".more a[href^='/changes.json']", "changes", "["},
	} {
		j.visit(j.site.URL + file.list)
		j.click("details:has(a[download]) summary")
		j.click(file.link)
		content := j.saved(folder, "*-"+file.named+"-*")
		if !strings.HasPrefix(content, file.begins) || strings.Count(content, "\n") < 3 {
			j.t.Errorf("%s: saved %.200q", file.link, content)
		}
	}
}

// saved waits until one file in the folder is complete, and takes it away.
func (j journey) saved(folder, pattern string) (content string) {
	j.t.Helper()
	for deadline := time.Now().Add(showTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		all, err := filepath.Glob(filepath.Join(folder, "[^.]*"))
		if err != nil {
			j.t.Fatal(err)
		}
		if len(all) != 1 || strings.HasSuffix(all[0], ".crdownload") {
			continue
		}
		if ok, _ := filepath.Match(pattern, filepath.Base(all[0])); !ok {
			j.t.Errorf("the file's name is %s", filepath.Base(all[0]))
		}
		b, err := os.ReadFile(all[0])
		if err = errors.Join(err, os.Remove(all[0])); err != nil {
			j.t.Fatal(err)
		}
		return string(b)
	}
	j.t.Fatal("no file was saved")
	return ""
}

func (j journey) sortAndPage() {
	j.t.Helper()
	j.visit(j.site.URL)
	for _, order := range []string{"descending", "ascending"} {
		j.click("th[data-col=changed] a")
		j.eventually(order, fmt.Sprintf(`document.querySelector("th[data-col=changed]").ariaSort === %q`, order))
	}
	first := j.names()[0]
	j.click(".pager a[rel=next]")
	j.eventually("the next page", `document.querySelector(".pager a[rel=prev]") && `+fmt.Sprintf(`!%s.includes(%q)`, names, first))
	j.click(".pager a[rel=prev]")
	j.eventually("the page before", fmt.Sprintf(`%s[0] === %q`, names, first))
}

func (j journey) person() {
	j.t.Helper()
	j.visit(j.site.URL + "/?q=a&kind=members")
	third := j.names()[2]
	j.click("#list tbody tr:nth-child(2) a")
	j.click("a[rel=next]")
	j.eventually("the next person", fmt.Sprintf(`document.querySelector("h1 bdi").textContent === %q`, third))
	j.click("#everything summary")
	j.eventually("Slack's object", `document.querySelector("#everything").open && document.querySelector("#everything").innerText.includes("real_name")`)
	j.click("a.back")
	j.eventually("the list as it was", fmt.Sprintf(`location.search.includes("q=a") && location.search.includes("kind=members") && %s[2] === %q`, names, third))
}

func (j journey) org() {
	j.t.Helper()
	j.click(`.bar a[href^="/org"]`)
	j.eventually("the top of the tree, open", `document.querySelector(".tree > ul > li > details").open`)
	const below = `document.querySelector(".tree ul ul > li:has(> details)")`
	j.click(".tree ul ul > li > details > summary")
	j.eventually("the reports of somebody below", below+`.querySelector("ul").checkVisibility()`)
	who := eval[string](j.tab, below+`.querySelector(".name bdi").textContent`)
	j.click(".tree ul ul > li:has(> details) > .line .size")
	j.eventually("the tree from there", fmt.Sprintf(`document.querySelector(".tree .name bdi").textContent === %q && document.querySelectorAll(".above a").length === 1`, who))
	j.click(".tree .name a")
	j.eventually("their page, with their reports", fmt.Sprintf(`document.querySelector("#person h1 bdi")?.textContent === %q && document.querySelectorAll(".reports .who").length > 0`, who))
	j.visit(j.site.URL + "/org")
	j.click(".tree .size")
	j.click(`main a.button[href^="/org"]`)
	j.eventually("the top again", `!document.querySelector(".above") && !location.search.includes("of=")`)
}

func (j journey) changes() {
	j.t.Helper()
	j.click(`.bar a[href^="/changes"]`)
	j.eventually("the changes", `document.querySelector("h1").textContent === "Changes" && document.querySelectorAll("#list tbody tr[data-user]").length > 0`)
	j.click(".pager a[rel=next]")
	j.click(".pager a[rel=prev]")
	j.click("#find details summary")
	j.choose("#find", `input[value="user.removed"]`, "")
	j.eventually("no removals", `location.search.includes("type=user.removed") && !document.querySelector("#list tbody tr[data-user]") && `+chips+`.length === 1`)
	j.run(chromedp.KeyEvent(kb.Escape)) // closes the menu, which lies over the chip
	j.click(".chip")
	j.eventually("all again", `!location.search.includes("type=") && document.querySelectorAll("#list tbody tr[data-user]").length > 0`)
}

func (j journey) status() {
	j.t.Helper()
	j.click(`.bar a[href^="/status"]`)
	j.eventually("the status", `document.querySelector("h1").textContent === "Status"`)
	release := j.site.hold(j.t)
	j.click("#sync-now")
	j.eventually("a sync", `document.querySelector("progress") && document.querySelector("#sync-now").ariaDisabled === "true"`)
	release()
	j.eventually("its end, without a click", `!document.querySelector("progress") && document.querySelector("#sync-now").ariaDisabled !== "true"`)
}

// zones goes from the chart to the people in a group of time zones, and to those in one of them.
func (j journey) zones() {
	j.t.Helper()
	const shown = `[...document.querySelectorAll("#list [data-clock]")].map(c => c.dataset.clock)`
	j.click(`.bar a[href^="/status"]`)
	j.click(`.bars > li:has(details) > a`)
	j.eventually("the people of all its zones", shown+`.length > 0 && `+shown+`.every(zone => new URLSearchParams(location.search).get("tz").split(",").includes(zone))`)
	j.click(`.bar a[href^="/status"]`)
	j.click(`.bars > li > details > summary`)
	j.click(`.bars details li:nth-child(2) a`)
	j.eventually("the people of one zone", shown+`.length > 0 && `+shown+`.every(zone => new URLSearchParams(location.search).get("tz") === zone)`)
}

func (j journey) workspaces() {
	j.t.Helper()
	if err := j.site.store.PutWorkspace(j.t.Context(), directory.Workspace{ID: other, Name: "Another"}); err != nil {
		j.t.Fatal(err)
	}
	j.site.putIn(j.t, other, `{"id":"U0OTHER","name":"other","profile":{"real_name":"Somebody else"}}`)
	j.eventually("a menu, once the server knows of it", `document.querySelector("details.team") || (location.reload(), false)`)
	j.click("details.team summary")
	j.click(`.team a[href*="` + other + `"]`)
	j.eventually("the other workspace", fmt.Sprintf(`%s.join() === "Somebody else" && document.querySelector(".team bdi").textContent === "Another"`, names))
	j.click(`.bar > nav a[href^="/changes"]`)
	j.eventually("its changes", fmt.Sprintf(`document.querySelectorAll("#list tr[data-user]").length === 1 && location.search.includes(%q)`, other))
	j.click("details.team summary")
	j.click(`.team a:not([aria-current])`)
	j.eventually("the first one's changes", fmt.Sprintf(`document.querySelectorAll("#list tr[data-user]").length > 1 && !location.search.includes(%q)`, other))
}

func (j journey) theme() {
	j.t.Helper()
	const background = `getComputedStyle(document.body).backgroundColor`
	light := eval[string](j.tab, background)
	j.click(".bar .end details summary")
	j.click(`form[action="/theme"] button[value=dark]`)
	j.eventually("dark, on the same page", fmt.Sprintf(`document.documentElement.dataset.theme === "dark" && %s !== %q && location.pathname === "/status"`, background, light))
	j.click(`.bar a[href="/"]`)
	j.eventually("dark on other pages", fmt.Sprintf(`%s !== %q && %s.length > 0`, background, light, names))
	j.click(".bar .end details summary")
	j.click(`form[action="/theme"] button[value=""]`)
	j.eventually("as the system", fmt.Sprintf(`!document.documentElement.dataset.theme && %s === %q`, background, light))
}

// TestSyncWithoutJavaScript: the page reloads itself while a sync runs, until it can say that the sync is done.
func TestSyncWithoutJavaScript(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{PageSize: 100})
	release := s.hold(t)
	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.visit(s.URL + "/status")
	const state, sentence, reloads = `document.querySelector("#state")?.textContent`, `document.querySelector(".strip .big").textContent`, `document.querySelector("meta[http-equiv=refresh]")`
	tb.eventually("it is healthy, and stays as it is", state+` === "healthy" && !`+reloads)
	before := eval[string](tb, `document.querySelector("#latest time").dateTime`)
	tb.run(chromedp.Click(chromedp.CSS("#sync-now")))
	tb.eventually("it says that a sync runs", sentence+` === "A full sync is running" && /200 of 250 accounts listed/.test(document.querySelector("#running").textContent)`)
	release()
	tb.within(2*showTimeout, "it says that the sync is done", fmt.Sprintf(`%s === "healthy" && %s === "The copy is complete" && document.querySelector("#latest time").dateTime > %q`, state, sentence, before))
	if !eval[bool](tb, `!`+reloads+` && document.querySelector("#sync-now").type === "submit"`) {
		t.Error("after the sync the page goes on reloading itself, or cannot start another one")
	}
}
