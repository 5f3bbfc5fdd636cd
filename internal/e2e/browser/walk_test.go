package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// TestWalk goes with the keyboard from a search to a person, back to the list, to the person again and on to the
// next one, and over to another page of the list. What a screen reader says on each page is in testdata/walk.txt.
func TestWalk(t *testing.T) {
	tb := open(t)
	s := newSite(t, fakeslack.Options{})
	for i := range 60 {
		s.put(t, fmt.Sprintf(`{"id":"U0MANY%02d","name":"many%[1]d","updated":1648596712,"profile":{"real_name":"Many %02[1]d"}}`, i))
	}
	for i, title := range []string{"Editor", "Typographer", "Printer"} {
		s.put(t, fmt.Sprintf(`{"id":"U0DRUCKER%d","name":"drucker%[1]d","updated":1648596712,"is_admin":%[2]t,"tz":"Europe/Berlin","profile":{"real_name":"Drucker %[1]d","title":%[3]q,
			"email":"drucker%[1]d@marlow-finch.example","phone":"+49 30 90180%[1]d","status_text":"At the printers","status_emoji":":train:"}}`, i+1, i == 1, title))
	}
	if err := s.store.PutWorkspace(t.Context(), directory.Workspace{ID: s.slack.Options().TeamID, Name: "Marlow & Finch", URL: "https://marlow-finch.slack.com/"}); err != nil {
		t.Fatal(err)
	}
	tb.visit(s.URL)
	tb.ready()
	var said strings.Builder
	say := func(heading string) {
		tb.eventually("the page is live", `document.getElementById("live").checkVisibility()`)
		fmt.Fprintf(&said, "# %s\n%s\n", heading, tb.reading())
	}

	tb.tabTo("the first stop", `.skip`)
	tb.tabTo("the search", `#q`)
	tb.run(chromedp.KeyEvent("drucker"))
	tb.eventually("three people", names+`.length === 3 && !document.querySelector(".htmx-request, a#count") && /3 people/.test(document.querySelector("#count").textContent)`)
	say("the list, after a search")

	second := `tbody tr:nth-child(2) a`
	tb.tabTo("the second person", second)
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.eventually("the second person's page", `document.querySelector("h1").textContent.includes("Drucker 2")`)
	say("a person")

	tb.tabTo("the way back", `a.back`)
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.eventually("the list as it was", names+`.length === 3 && document.querySelector("#q").value === "drucker" && !document.querySelector(".htmx-request, a#count")`)
	say("back at the list")
	tb.tabTo("the person whom the list was left for", second)
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.tabTo("the next person", `a[rel=next]`)
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.eventually("the third person's page", `document.querySelector("h1").textContent.includes("Drucker 3")`)
	say("the next person")

	tb.visit(s.URL)
	tb.ready()
	tb.tabTo("the next page", `.pager a[rel=next]`)
	tb.run(chromedp.KeyEvent(kb.Enter))
	tb.eventually("the list's heading has the focus", `document.activeElement.id === "heading" && location.search.includes("after=")`)
	tb.tabTo("a person of the second page", `tbody a`)

	const golden = "testdata/walk.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(said.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), said.String()); diff != "" {
		t.Errorf("a screen reader says something else (-want +got):\n%s", diff)
	}
}

// maxStops is how often somebody may have to press Tab.
const maxStops = 90

// stop is where the focus is: whether it matches a selector, and what is wrong with it.
type stop struct {
	There bool   `json:"there"`
	What  string `json:"what"`
	Fault string `json:"fault"`
}

// tabTo presses Tab until something has the focus. Each stop on the way must be in sight and show the focus.
func (tb *tab) tabTo(what, selector string) {
	tb.t.Helper()
	tb.eventually("the page is there", `document.readyState === "complete"`)
	var stops []string
	for range maxStops {
		tb.run(chromedp.KeyEvent(kb.Tab))
		s := eval[stop](tb, fmt.Sprintf(`(() => {
			const e = document.activeElement, r = e.getClientRects()[0] ?? e.getBoundingClientRect();
			const what = e.localName + (e.id ? "#" + e.id : "") + " " + e.textContent.trim().slice(0, 30);
			if (e === document.body) return { there: false, what: "the browser", fault: "" };
			const ring = [e, e.closest("label")].some(o => o && getComputedStyle(o).outlineStyle !== "none" && parseFloat(getComputedStyle(o).outlineWidth) >= 2);
			const hit = document.elementFromPoint((Math.max(r.left, 0) + Math.min(r.right, innerWidth)) / 2, (r.top + r.bottom) / 2);
			const seen = hit && (e.contains(hit) || hit.contains(e) || hit.closest("label")?.contains(e));
			return { there: e.matches(%q), what, fault: !ring ? "the focus does not show" : !seen ? "it is out of sight" : "" };
		})()`, selector))
		if s.Fault != "" {
			tb.t.Errorf("on the way to %s, %s: %s", what, s.What, s.Fault)
		}
		if s.There {
			return
		}
		stops = append(stops, s.What)
	}
	tb.t.Fatalf("Tab does not lead to %s, but to %q", what, stops)
}

// whole are the roles whose content is read out as one name; unsaid are those that are not read out.
var (
	whole  = []string{"heading", "link", "button", "checkbox", "radio", "DisclosureTriangle", "img", "image", "textbox", "searchbox", "combobox", "time", "term", "LabelText"}
	unsaid = []string{"generic", "none", "InlineTextBox", "LineBreak", "RootWebArea", "rowgroup", "paragraph", "strong", "emphasis"}
)

// changing are times, which differ from run to run.
var changing = regexp.MustCompile(`\b(\d+ (s|sec|min|h|hr|d|seconds?|minutes?|hours?|days?|weeks?|months?|years?) ago|now|just now)\b|\b\d{1,2} \p{L}+ \d{4}(, \d\d:\d\d(:\d\d)?( UTC)?)?|\b(\p{L}+day )?\d\d:\d\d\b`)

// reading is what a screen reader says of the page, one line each: roles, names and states in order.
func (tb *tab) reading() string {
	tb.t.Helper()
	tree, err := chromedp.Call(tb.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		tb.t.Fatal(err)
	}
	nodes := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range tree.Nodes {
		nodes[n.NodeID] = n
	}
	marks := tb.marks()
	var text strings.Builder
	var walk func(n *accessibility.Node)
	walk = func(n *accessibility.Node) {
		role := said(n.Role)
		if !n.Ignored && !slices.Contains(unsaid, role) {
			line := role + " " + said(n.Name) + states(n)
			switch {
			case role == "StaticText":
				line = said(n.Name)
			case strings.HasSuffix(role, "cell") || strings.HasSuffix(role, "header"): // their content follows
				line = role
			}
			line += marks[n.BackendDOMNodeID]
			if line = strings.TrimSpace(changing.ReplaceAllString(line, "‹time›")); line != "" {
				text.WriteString(line + "\n")
			}
			if slices.Contains(whole, role) && said(n.Name) != "" {
				return
			}
		}
		for _, id := range n.ChildIDs {
			if child := nodes[id]; child != nil {
				walk(child)
			}
		}
	}
	walk(tree.Nodes[0])
	return text.String()
}

// marks are the states that DevTools leaves out of the accessibility tree: the current page and the sorted column.
func (tb *tab) marks() map[cdp.BackendNodeID]string {
	tb.t.Helper()
	all := map[cdp.BackendNodeID]string{}
	depth := int64(-1)
	document, err := chromedp.Call(tb.ctx, dom.GetDocument, dom.GetDocumentParams{Depth: &depth})
	if err != nil {
		tb.t.Fatal(err)
	}
	var walk func(n *cdp.Node)
	walk = func(n *cdp.Node) {
		for attribute := range slices.Chunk(n.Attributes, 2) {
			if name, ok := strings.CutPrefix(attribute[0], "aria-"); ok && (name == "current" || name == "sort") {
				all[n.BackendNodeID] += ", " + name + " " + attribute[1]
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(document.Root)
	return all
}

// states are what is said after the name.
func states(n *accessibility.Node) (all string) {
	if value := said(n.Value); value != "" {
		all += " = " + value
	}
	for _, p := range n.Properties {
		name, value := string(p.Name), said(p.Value)
		if slices.Contains([]string{"expanded", "pressed", "checked", "focused", "disabled", "invalid"}, name) && value != "false" || name == "expanded" || name == "pressed" || name == "level" && said(n.Role) == "heading" {
			all += ", " + name + " " + value
		}
	}
	return all
}

// said is the text of a value.
func said(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text any
	if err := json.Unmarshal([]byte(v.Value), &text); err != nil {
		return ""
	}
	return strings.Join(strings.Fields(fmt.Sprint(text)), " ")
}
