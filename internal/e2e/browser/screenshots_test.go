package browser

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

var update = flag.Bool("update", false, "write the README's screenshots anew")

// TestScreenshots takes the README's screenshots, and with -update writes them.
func TestScreenshots(t *testing.T) {
	tb := open(t)
	s := filled(t, fakeslack.Options{})
	for _, p := range s.people(t)[:12] {
		events, err := s.slack.SetStatus(p.ID)
		s.deliver(t, events, err)
	}
	if err := s.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	tb.run(chromedp.EmulateViewport(1280, 800))
	person := ""
	for _, p := range s.people(t) {
		if p.StatusText != "" && p.Title != "" {
			person = p.ID
			break
		}
	}
	for name, path := range map[string]string{"table": "/", "person": "/users/" + s.slack.Options().TeamID + "/" + person, "status": "/status"} {
		tb.visit(s.URL + path)
		tb.eventually("all images are there", `[...document.images].every(i => i.complete || i.loading === "lazy")`)
		time.Sleep(300 * time.Millisecond) // lazy images come once they are seen
		ctx, cancel := context.WithTimeout(tb.ctx, patience)
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(picture) < 20_000 {
			t.Errorf("%s: a picture of %d bytes shows nothing", name, len(picture))
		}
		if *update {
			if err := os.WriteFile(filepath.Join("..", "..", "ui", "screenshots", name+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
