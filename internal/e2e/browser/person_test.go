package browser

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// personURL is the address of somebody's page.
func (s *site) personURL(id string) string {
	return s.URL + "/users/" + s.slack.Options().TeamID + "/" + id
}

// connected waits until the bar says that the page is live.
func (tb *tab) connected() {
	tb.t.Helper()
	tb.eventually("the page is live", `document.querySelector("#live[data-state=live]")`)
}

// TestPersonFromList: find somebody, read the page, go on to the next and back to the list as it was; with and without JavaScript.
func TestPersonFromList(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("JavaScript %v", script), func(t *testing.T) {
			tb := open(t)
			s := filled(t, fakeslack.Options{})
			if !script {
				call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			}
			tb.visit(s.URL + "/?kind=members&sort=name&q=a")
			names := eval[[]string](tb, `[...document.querySelectorAll("#list [data-rows] > tr .name a")].map(a => a.textContent)`)
			if len(names) < 3 {
				t.Fatalf("%d people", len(names))
			}
			tb.run(chromedp.Click(chromedp.CSS("#list [data-rows] > tr:nth-child(2) .name a")))
			heading := `document.querySelector("#person h1 bdi")?.textContent`
			tb.eventually("the second person", fmt.Sprintf(`%s === %q`, heading, names[1]))
			tb.run(chromedp.Click(chromedp.CSS("a[rel=next]")))
			tb.eventually("the third", fmt.Sprintf(`%s === %q`, heading, names[2]))
			tb.run(chromedp.Click(chromedp.CSS("a[rel=prev]")))
			tb.eventually("the second again", fmt.Sprintf(`%s === %q`, heading, names[1]))
			if script {
				tb.connected()
				tb.run(chromedp.KeyEvent("k"))
				tb.eventually("the first, by the keyboard", fmt.Sprintf(`%s === %q && !document.querySelector("a[rel=prev]")`, heading, names[0]))
			}
			tb.run(chromedp.Click(chromedp.CSS("#everything summary")))
			tb.eventually("what Slack says opens", `document.querySelector("#everything dd").checkVisibility()`)
			tb.run(chromedp.Click(chromedp.CSS("a.back")))
			tb.eventually("the list as it was", fmt.Sprintf(`new URLSearchParams(location.search).get("kind") === "members" && new URLSearchParams(location.search).get("q") === "a" && document.getElementById(location.hash.slice(1)) &&
				document.querySelectorAll("#list [data-rows] > tr").length === %d`, len(names)))
			if copies := eval[bool](tb, `Boolean(document.querySelector("#copy")?.checkVisibility())`); copies {
				t.Error("the list copies ids")
			}
		})
	}
}

// TestPersonsPage: header, custom fields by name, and Slack's object, which is closed at first.
func TestPersonsPage(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	s.readProfiles(t, 1) // before the first page, since pages remember for a while which custom fields there are
	s.put(t, `{"id":"UNEW","name":"ada","tz":"Asia/Tokyo","updated":1648592000,"profile":{"real_name":"Aaa Ada","title":"Analyst","pronouns":"she/her","email":"ada@example.com","phone":"+81 3 5555 0100",
		"status_emoji":":wave::skin-tone-4:","status_text":"Hello","empty":""},"a_field_of_2030":{"deep":[1,null,{}]},"site":"https://example.com/","bad":"javascript:alert(1)"}`)
	tb.visit(s.personURL("UNEW"))
	text := eval[string](tb, `document.querySelector("main").innerText`)
	for _, want := range []string{"Aaa Ada", "Analyst", "she/her", "👋🏽", "Hello", "in Tokyo", "ada@example.com", "+81 3 5555 0100", "@ada", "UNEW", "Joined", "from an event"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	tokyo := time.Now().UTC().Add(9 * time.Hour).Format("Monday")
	if clock := eval[string](tb, `document.querySelector("[data-clock]").textContent`); !strings.Contains(clock, tokyo) {
		t.Errorf("local time %q", clock)
	}
	if strings.Contains(text, "a_field_of_2030") {
		t.Error("Slack's object is open")
	}
	tb.run(chromedp.Click(chromedp.CSS("#everything summary")))
	tb.eventually("Slack's object is open", `document.querySelector("#everything").open`)
	object := eval[string](tb, `document.querySelector("#everything").innerText`)
	for want, shown := range map[string]bool{"a_field_of_2030.deep[0]": true, "a_field_of_2030.deep[1]": false, "profile.empty": false, "1648592000": true, "years ago": true} {
		if strings.Contains(object, want) != shown {
			t.Errorf("%q in Slack's object is not %v:\n%s", want, shown, object)
		}
	}
	if links := eval[[]string](tb, `[...document.querySelectorAll("#everything a")].map(a => a.getAttribute("href") + " " + a.rel)`); len(links) != 1 || links[0] != "https://example.com/ noreferrer" {
		t.Errorf("links %q", links)
	}

	// An ordinary person's custom fields have their labels, and the manager is a link.
	var who string
	for _, p := range s.people(t) {
		if p.ID == "UNEW" { // Slack does not know her
			continue
		}
		s.readProfile(t, p.ID)
		tb.visit(s.personURL(p.ID))
		if eval[bool](tb, `[...document.querySelectorAll("dt")].some(d => d.textContent === "Manager")`) {
			who = p.ID
			break
		}
	}
	if who == "" {
		t.Fatal("nobody has a manager")
	}
	manager := eval[string](tb, `document.querySelector(".facts .who a").textContent`)
	tb.run(chromedp.Click(chromedp.CSS(".facts .who a")))
	tb.eventually("the manager's page", fmt.Sprintf(`document.querySelector("#person h1 bdi")?.textContent === %q`, manager))
	tb.eventually("it lists who reports to them", fmt.Sprintf(`document.querySelector('.reports a[href*=%q]')`, who))
}

// TestPersonChangesLive: the page follows the person and marks what is new, keeps what is open, and holds still while it is paused.
func TestPersonChangesLive(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	who := s.people(t)[3]
	tb.visit(s.personURL(who.ID))
	tb.connected()
	tb.run(chromedp.Click(chromedp.CSS("#everything summary")), chromedp.Focus(chromedp.CSS("#copy")), chromedp.Evaluate[chromedp.Void](`document.querySelector("#person").was = true`))
	events, err := s.slack.Retitle(who.ID)
	start := time.Now()
	s.deliver(t, events, err)
	tb.eventually("a new title in the header and in the history", `document.querySelector("#person [data-part=title].changed") && [...document.querySelectorAll(".timeline li.changed ins")].some(i => i.textContent === document.querySelector("#person [data-part=title] bdi").textContent)`)
	t.Logf("a title changed %v after Slack's event", time.Since(start))
	if !eval[bool](tb, `document.querySelector("#person").was && document.querySelector("#everything").open && document.activeElement.id === "copy" && !document.querySelector("[data-part=name]").classList.contains("changed")`) {
		t.Error("the page lost what was open or had the focus, or marked what has not changed")
	}

	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	events, err = s.slack.Rename(who.ID)
	s.deliver(t, events, err)
	tb.eventually("the bar says that something waits", `document.querySelector("#live[data-state=paused]")?.textContent.includes("changed")`)
	if name := eval[string](tb, `document.querySelector("#person h1 bdi").textContent`); name != who.RealName {
		t.Errorf("while it is paused the page says %q", name)
	}
	tb.run(chromedp.Click(chromedp.CSS("#pause")))
	tb.eventually("and then the new name", fmt.Sprintf(`document.querySelector("#person h1.changed bdi") && document.querySelector("#person h1 bdi").textContent !== %q`, who.RealName))

	events, err = s.slack.Leave(who.ID)
	s.deliver(t, events, err)
	tb.eventually("deactivated", `document.querySelector("#person.deactivated .state")?.textContent.includes("deactivated")`)
	events, err = s.slack.Forget(who.ID)
	s.deliver(t, events, err)
	tb.eventually("forgotten: nothing is left but the id", fmt.Sprintf(`document.querySelector("#person h1").textContent.includes("Forgotten") && !document.querySelector("#everything") && !document.querySelector(".actions") && document.querySelector(".facts code").textContent === %q`, who.ID))
}

// TestCopyID: the button copies the id and says so, and without JavaScript it is not there.
func TestCopyID(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	who := s.people(t)[0]
	tb.visit(s.personURL(who.ID))
	tb.connected()
	tb.run(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}})`), chromedp.Click(chromedp.CSS("#copy")))
	tb.eventually("copied and said", fmt.Sprintf(`window.copied === %q && document.querySelector("#copied").textContent === "Copied"`, who.ID))
	tb.run(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async () => { throw new Error("not allowed"); }`), chromedp.Click(chromedp.CSS("#copy")))
	tb.eventually("selected where copying is not allowed", fmt.Sprintf(`getSelection().toString() === %q`, who.ID))
	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.visit(s.personURL(who.ID))
	if eval[bool](tb, `document.querySelector("#copy").checkVisibility() || !document.querySelector(".facts code").checkVisibility()`) {
		t.Error("without JavaScript there is a button, or no id to select")
	}
}

// readProfiles reads the custom fields of at most n people, and has the last full sync say that it did.
func (s *site) readProfiles(t *testing.T, n int) {
	t.Helper()
	all, team := s.people(t), s.slack.Options().TeamID
	n = min(n, len(all))
	for _, p := range all[:n] {
		s.readProfile(t, p.ID)
	}
	people, neverAsked, err := s.store.CountProfiles(t.Context(), team)
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.store.Syncs(t.Context(), team, 1)
	if err != nil || len(records) == 0 {
		t.Fatalf("%d syncs: %v", len(records), err)
	}
	records[0].Profiles = syncs.Profiles{Budget: n, Due: n, Asked: n, People: people, NeverAsked: neverAsked}
	if err := s.store.PutSync(t.Context(), records[0]); err != nil {
		t.Fatal(err)
	}
}

func (s *site) readProfile(t *testing.T, id string) {
	t.Helper()
	defined, err := s.client.TeamProfile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fields, v, err := s.client.Profile(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: s.slack.Options().TeamID, Version: v, Source: directory.FromProfile,
		User: fmt.Appendf(nil, `{"id":%q,"profile":{"fields":%s}}`, id, fields)})
	if err == nil {
		_, err = directory.ApplyTo(t.Context(), s.store, c, historyTTL)
	}
	if err := errors.Join(err, s.store.PutTeamProfile(t.Context(), c.TeamID, defined)); err != nil {
		t.Fatal(err)
	}
}
