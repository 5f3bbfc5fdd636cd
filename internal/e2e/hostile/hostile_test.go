// Package hostile sends hostile requests to the services, as they are deployed, and
// expects an exact answer to each.
package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/service"
)

// hostile is a request and its exact answer.
type hostile struct {
	name   string
	send   *message
	status int
	body   string            // the answer's body; empty for the usual one of the status
	holds  string            // instead: a part of the body
	header map[string]string // fields of the answer's header
	server bool              // the server answers by itself, before our handler
	none   bool              // the answer has no body
	effect int64             // number of messages published, users written, or syncs started
	more   []int             // statuses of further answers on the connection
	stream bool              // the answer is endless
}

// minRequests keeps the catalogue from shrinking unnoticed.
const minRequests = 400

// TestCatalogue sends each request on its own connection. Afterwards each
// service must still work, and the log must have no secrets.
func TestCatalogue(t *testing.T) { catalogue(t, newWorld(t, openSQLite)) }

// TestCatalogueOnFirestore runs the catalogue on the emulator, because Firestore refuses more.
func TestCatalogueOnFirestore(t *testing.T) { catalogue(t, newWorld(t, openFirestore)) }

func catalogue(t *testing.T, w *world) {
	t.Helper()
	w.serve(t, func() net.Listener {
		listener, err := service.Listen("127.0.0.1", 0)
		if err != nil {
			t.Fatal(err)
		}
		return listener
	})
	requests := map[string][]hostile{
		"webhook": slices.Concat(webhookHeaders(), webhookFraming(), webhookEncodings(), webhookBodies(), webhookIDs(), routes("/slack/events", 404)),
		"worker":  slices.Concat(workerEnvelopes(), workerChanges(), workerIDs(), workerRoutes()),
		"ui":      slices.Concat(uiTokens(t, w), uiParameters(t, w), uiChanges(t, w), uiTheme(t, w), uiPeople(t, w), uiRequests(t, w)),
		"api":     slices.Concat(apiArguments(w), apiRequests(w)),
	}
	n := 0
	for _, name := range services {
		seen := map[string]bool{}
		for _, h := range requests[name] {
			if seen[h.name] {
				t.Errorf("%s: two are called %q", name, h.name)
			}
			seen[h.name] = true
			t.Run(name+"/"+h.name, func(t *testing.T) { w.try(t, name, w.dial(t, name), h) })
			n++
		}
		w.atWork(t, name, func() net.Conn { return w.dial(t, name) })
	}
	t.Logf("%d hostile requests", n)
	if n < minRequests {
		t.Errorf("%d hostile requests, want %d", n, minRequests)
	}
	if logged := strings.Count(w.log.String(), "\n"); logged < n/2 {
		t.Errorf("only %d lines were logged", logged)
	}
	w.checkLog(t)
}

func (w *world) try(t *testing.T, name string, conn net.Conn, h hostile) {
	t.Helper()
	before := w.count(name)
	answers := exchange(t, conn, h.send, h.stream)
	if len(answers) == 0 {
		t.Fatal("no answer")
	}
	a := answers[0]
	if a.status != h.status {
		t.Errorf("status %d, want %d; body %.200q", a.status, h.status, a.body)
	}
	want := h.body
	switch {
	case h.none, h.send.method == http.MethodHead:
		want = ""
	case want == "" && h.server:
		want = fmt.Sprintf("%d %s", h.status, http.StatusText(h.status))
	case want == "" && h.holds == "":
		want = usual(name, h.status)
	}
	if h.holds == "" && a.body != want && !(name == "ui" && strings.HasPrefix(want, "<") && strings.Contains(a.body, want)) {
		t.Errorf("body %.300q, want %.300q", a.body, want)
	}
	if !strings.Contains(a.body, h.holds) {
		t.Errorf("body %.2000q does not hold %q", a.body, h.holds)
	}
	for key, value := range h.header {
		if got := a.header.Get(key); got != value {
			t.Errorf("%s: %q, want %q", key, got, value)
		}
	}
	var more []int
	for _, a := range answers[1:] {
		more = append(more, a.status)
	}
	if !slices.Equal(more, h.more) {
		t.Errorf("further answers %v, want %v", more, h.more)
	}
	if got := w.count(name) - before; got != h.effect {
		t.Errorf("had %d effects, want %d", got, h.effect)
	}
	for _, a := range answers {
		w.checkAnswer(t, name, h, a)
	}
}

// usual is the body of an answer that has only a status. For a page it is the heading.
func usual(name string, status int) string {
	if name == "ui" {
		switch status {
		case 400:
			return "<h1>This link does not work</h1>"
		case 404:
			return "<h1>Not found</h1>"
		case 403:
			return "<h1>This request was refused</h1>"
		case 405:
			return "<h1>This does not work here</h1>"
		case 408, 413:
			return "<h1>This form could not be read</h1>"
		}
	}
	switch status {
	case 200, 303, 304, 307:
		return ""
	case 404:
		return "404 page not found\n"
	}
	return http.StatusText(status) + "\n"
}

// given matches text that reveals internals.
var given = regexp.MustCompile(`goroutine \d|\.go:\d|runtime error|panic|/root/|/home/|/tmp/|/internal/`)

// uiHeaders are in every answer of the ui.
var uiHeaders = []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
	"Permissions-Policy", "Cache-Control"}

// allHeaders are in every answer of a handler.
var allHeaders = []string{"Strict-Transport-Security", "X-Robots-Tag"}

func (w *world) checkAnswer(t *testing.T, name string, h hostile, a answer) {
	t.Helper()
	// RFC 9112 wants 501 and 505 for an unknown protocol. Everything else is the client's fault.
	if a.status >= 500 && !(h.server && (a.status == 501 || a.status == 505)) {
		t.Errorf("status %d for a client's fault", a.status)
	}
	whole := fmt.Sprint(slices.Sorted(maps.Keys(a.header)), a.header, a.body)
	if inside := given.FindString(whole); inside != "" {
		t.Errorf("the answer gives away %q: %.500s", inside, whole)
	}
	words := []string{secret, w.programToken}
	if strings.HasPrefix(a.body, `{"ok":true`) {
		// the api answers a program
	} else if name != "ui" || a.status == http.StatusUnauthorized {
		words = append(words, profileWords...)
	}
	for _, word := range words {
		if strings.Contains(whole, word) {
			t.Errorf("the answer holds %q", word)
		}
	}
	if h.server {
		return
	}
	for _, key := range allHeaders {
		if a.header.Get(key) == "" {
			t.Errorf("no %s", key)
		}
	}
	if a.body != "" && a.header.Get("Content-Type") == "" {
		t.Error("no content type")
	}
	if name == "ui" && a.body != "ok\n" { // health does not come from the ui
		for _, key := range uiHeaders {
			if a.header.Get(key) == "" {
				t.Errorf("no %s", key)
			}
		}
	} else if a.body != "" && a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("a browser may guess the content's type")
	}
}

// atWork checks that a service still answers ordinary requests.
func (w *world) atWork(t *testing.T, name string, dial func() net.Conn) {
	t.Helper()
	health := exchange(t, dial(), newMessage("GET", "/health", ""), false)
	if len(health) != 1 || health[0].status != 200 || health[0].body != "ok\n" {
		t.Errorf("%s: health is %+v", name, health)
	}
	h := map[string]hostile{
		"webhook": {send: post(joined), status: 200, effect: 1},
		"worker":  {send: deliver(insert(profile)), status: 200, effect: 1},
		"ui":      {send: w.get(t, "/"), status: 200, holds: "Wilhelmina Drucker"},
		"api":     {send: w.call("users.list", ""), status: 200, holds: "Wilhelmina Drucker"},
	}[name]
	w.try(t, name, dial(), h)
}

// checkLog looks for text that must not be in any line.
func (w *world) checkLog(t *testing.T) {
	t.Helper()
	log := w.log.String()
	for _, word := range append([]string{secret, w.programToken, "rct_", "v0=", "eyJ", "goroutine ", "panic", "superfluous"}, profileWords...) {
		if i := strings.Index(log, word); i >= 0 {
			t.Errorf("the log holds %q: %s", word, log[max(0, i-200):min(len(log), i+200)])
		}
	}
	for line := range strings.Lines(log) {
		if len(line) > 2000 || !json.Valid([]byte(line)) {
			t.Errorf("a line of %d bytes: %.500s", len(line), line)
		}
	}
}
