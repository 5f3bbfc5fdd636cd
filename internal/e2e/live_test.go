package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
)

var liveAddress = regexp.MustCompile(`data-live="([^"]+)"`)

// TestLiveRow: what the worker writes to Firestore appears on an open page, through
// a snapshot listener.
func TestLiveRow(t *testing.T) {
	s := system.New(t, system.Impatient)
	const base directory.Version = 1648596712000000
	s.MustPost(t, events.Callback("team_join", `{"id":"U1","name":"ada","profile":{"real_name":"Ada"}}`, base, "Ev1"))
	system.Eventually(t, 20*time.Second, "the insert is stored", func() bool { _, ok := stored(t, s, "U1"); return ok })

	_, html := pageOf(t, s, "/")
	address := liveAddress.FindStringSubmatch(html)
	if address == nil {
		t.Fatalf("the page is not live:\n%s", html)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.UI+strings.ReplaceAll(address[1], "&amp;", "&"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for all := bufio.NewScanner(answer.Body); all.Scan(); {
			lines <- all.Text()
		}
	}()
	soonest := time.Hour                      // of both: the machine may be busy
	for i, id := range []string{"U1", "U2"} { // somebody known, and somebody new
		name := fmt.Sprintf("Grace %d", i)
		event := map[string]string{"U1": "user_change", "U2": "team_join"}[id]
		s.MustPost(t, events.Callback(event, fmt.Sprintf(`{"id":%q,"name":"x","profile":{"real_name":%q}}`, id, name), base+10+directory.Version(i), "Ev"+id))
		posted := time.Now()
		for timeout := time.After(30 * time.Second); ; {
			select {
			case line, open := <-lines:
				if !open {
					t.Fatal("the stream has ended")
				}
				if !strings.Contains(line, name) {
					continue
				}
			case <-timeout:
				t.Fatalf("no event about %s arrived", id)
			}
			soonest = min(soonest, time.Since(posted))
			break
		}
	}
	if soonest > time.Second {
		t.Errorf("a change was on the page %v after Slack's event", soonest)
	}
}
