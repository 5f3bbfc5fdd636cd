package browser

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

// TestWeight weighs everything that the first visit to a page loads from Rollcall, as sent: compressed, and with
// headers. People's pictures, which come from Slack, and the live events that follow do not count.
func TestWeight(t *testing.T) {
	s := filled(t, fakeslack.Options{})
	s.retitle(t, 60)
	s.readProfiles(t, 40)
	for _, page := range []struct {
		name, path string
		max        float64
	}{
		{"list", "/", 70_000},
		{"person", "/users/" + s.slack.Options().TeamID + "/" + s.people(t)[1].ID + "?sort=name", 30_000},
		{"changes", "/changes", 70_000},
		{"status", "/status", 70_000},
	} {
		t.Run(page.name, func(t *testing.T) {
			tb := open(t)
			w := tb.weigh(s.URL)
			tb.visit(s.URL + page.path)
			tb.loaded()
			tb.eventually("what the page loads by itself", `!document.querySelector("a#count") && !document.querySelector(".htmx-request")`)
			// chromium-headless-shell does not load the icon by itself.
			eval[string](tb, `fetch(document.querySelector("link[rel=icon]").href).then((icon) => icon.text())`)
			for deadline := time.Now().Add(showTimeout); w.of("favicon.svg") == 0 && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond) // the DevTools event may come after the page has the answer
			}
			total := w.of("")
			t.Logf("%s: %.1f kB in %d requests", page.name, total/1000, len(w.sizes))
			if total > page.max {
				t.Errorf("%s weighs %.0f bytes, want at most %.0f: %v", page.name, total, page.max, w.sizes)
			}
			for _, what := range []string{"base.css", "app.js", "favicon.svg"} {
				if w.of(what) == 0 {
					t.Errorf("%s was not weighed: %v", what, w.sizes)
				}
			}
		})
	}
}

// weight is what a tab has received from one origin, by address.
type weight struct {
	origin string

	mu    sync.Mutex
	urls  map[network.RequestID]string
	sizes map[string]float64
}

// weigh starts to weigh what the tab receives. The cache is empty and stays so.
func (tb *tab) weigh(origin string) *weight {
	tb.t.Helper()
	w := &weight{origin: origin, urls: map[network.RequestID]string{}, sizes: map[string]float64{}}
	if err := chromedp.Listen(tb.ctx, w.watch); err != nil {
		tb.t.Fatal(err)
	}
	call(tb, network.Enable, network.EnableParams{})
	call(tb, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	return w
}

func (w *weight) watch(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.urls[e.RequestID] = e.Request.URL
	case *network.EventLoadingFinished:
		if url := w.urls[e.RequestID]; strings.HasPrefix(url, w.origin) {
			w.sizes[strings.TrimPrefix(url, w.origin)] += e.EncodedDataLength
		}
	}
}

// of sums up the addresses that contain a text.
func (w *weight) of(part string) (sum float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, size := range w.sizes {
		if strings.Contains(path, part) {
			sum += size
		}
	}
	return sum
}
