package browser

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"rollcall/internal/directory"
)

// The unchanged axe.min.js of the npm package axe-core 4.14.1 (MPL-2.0).
//
//go:embed testdata/axe-4.14.1.min.js
var axe string

// showTimeout is how long a page may take to show something, on a busy machine.
const showTimeout = 30 * time.Second

// tab is a tab of a browser. A fault in it that the test does not expect fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	expected []string // parts of the faults that the test causes
}

var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := installedBrowser()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.WindowSize(1280, 900), chromedp.Flag("force-color-profile", "srgb"), chromedp.WSURLReadTimeout(time.Minute))
	// There is a mouse, even on a machine that has none: Blink's HoverType kHoverHoverType and PointerType kPointerFineType.
	options = append(options, chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"))
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	started = ctx
	return ctx, chromedp.Do(ctx)
})

// installedBrowser prefers chromium-headless-shell: it needs less than half the processor time of the full browser.
func installedBrowser() (path string, err error) {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium: install it (Debian: apt-get install chromium-headless-shell)")
}

// started is the browser, if a test has started it.
var started context.Context

func TestMain(m *testing.M) {
	code := m.Run()
	if ctx := started; ctx != nil {
		chromedp.Cancel(ctx) //nolint:errcheck // the browser ends with this process anyway
	}
	os.Exit(code)
}

// open returns a tab with its own browser profile.
func open(t *testing.T) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser, which is slow")
	}
	main, err := browser()
	if err != nil && main == nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(main, chromedp.WithNewBrowserContext())
	tb := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, tb.watch); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, f := range tb.faults {
			t.Errorf("in the browser: %s", f)
		}
	})
	call(tb, cdplog.Enable, cdp.Empty{})
	return tb
}

// watch collects script errors, violations of the Content-Security-Policy, failed requests and dialogs.
func (tb *tab) watch(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			fault = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError {
			fault = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog: " + e.Message
	}
	if fault == "" || tb.t.Context().Err() != nil { // at the end of a test the server stops before the tab
		return
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, part := range tb.expected {
		if strings.Contains(fault, part) {
			return
		}
	}
	tb.faults = append(tb.faults, fault)
}

func (tb *tab) expect(part string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.expected = append(tb.expected, part)
}

func (tb *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, showTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tb.t.Fatalf("%v; the page is:\n%.3000s", err, tb.html())
	}
}

// call sends a command of the DevTools protocol.
func call[P, R any](tb *tab, command cdp.Command[P, R], params P) {
	tb.t.Helper()
	if _, err := chromedp.Call(tb.ctx, command, params); err != nil {
		tb.t.Fatal(err)
	}
}

func (tb *tab) html() string {
	ctx, cancel := context.WithTimeout(tb.ctx, showTimeout)
	defer cancel()
	html, _ := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("body"))) // only for an error message
	return html
}

// eval evaluates an expression.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, showTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%.200s: %v; the page is:\n%.3000s", expression, err, tb.html())
	}
	return value
}

// eventually waits for an expression to become true on a page that has been read to its end.
func (tb *tab) eventually(what, expression string) {
	tb.t.Helper()
	tb.within(showTimeout, what, expression)
}

func (tb *tab) within(timeout time.Duration, what, expression string) {
	tb.t.Helper()
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(tb.ctx, showTimeout)
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState !== "loading" && Boolean(`+expression+")")) // evaluating fails between two pages
		cancel()
		if err == nil && yes {
			return
		}
		if time.Now().After(deadline) {
			tb.t.Fatalf("not within %v: %s (%v); the page is:\n%.4000s", timeout, what, err, tb.html())
		}
	}
}

// promptly checks that a row changes within a second of its write. One of five changes must,
// since the machine may be busy. A page that polls would hardly manage that.
func (tb *tab) promptly(s *site, id string) {
	tb.t.Helper()
	best := time.Hour
	for range 5 {
		u, revision, err := s.store.User(tb.t.Context(), s.slack.Options().TeamID, id)
		if err != nil {
			tb.t.Fatal(err)
		}
		u.Version++
		if err := s.store.PutUser(tb.t.Context(), u, revision, nil); errors.Is(err, directory.ErrConflict) {
			continue // the worker wrote first
		} else if err != nil {
			tb.t.Fatal(err)
		}
		written := time.Now()
		tb.eventually("the row changes", fmt.Sprintf(`document.getElementById(%q).dataset.changed >= "%020d"`, id, u.Version))
		best = min(best, time.Since(written))
	}
	if best > time.Second {
		tb.t.Errorf("the fastest row changes %v after its write", best)
	}
}

// names are the names in the list.
const names = `[...document.querySelectorAll("#list .name a")].map(a => a.textContent)`

func (tb *tab) names() []string { tb.t.Helper(); return eval[[]string](tb, names) }

func (tb *tab) visit(url string) { tb.t.Helper(); tb.run(chromedp.Navigate(url)) }

// ready waits until the page receives changes.
func (tb *tab) ready() {
	tb.t.Helper()
	tb.eventually("the page is live", `document.querySelector("#count") && !document.querySelector("a#count")`)
}

// axe's rules, as an option of axe.run: those that depend on colours are its slowest.
const (
	allRules    = `{}`
	colourRules = `{runOnly: ["color-contrast", "link-in-text-block"]}`
	otherRules  = `{rules: {"color-contrast": {enabled: false}, "link-in-text-block": {enabled: false}}}`
)

// nameless finds bars of progress without a name, which axe looks at only if they have the role in so many words.
const nameless = `[...document.querySelectorAll("progress, meter")].filter(e => !e.ariaLabel && !e.labels.length).map(e => "no name: " + e.outerHTML)`

// violations runs axe-core on a part of the page, and finds what axe does not look for. It returns one line per violation.
func (tb *tab) violations(part, rules string) []string {
	tb.t.Helper()
	if !eval[bool](tb, `"axe" in window`) {
		tb.run(chromedp.Evaluate[chromedp.Void](axe + "; undefined"))
	}
	found := eval[[]string](tb, fmt.Sprintf(`axe.run(%s, {resultTypes: ["violations"], ...%s}).then(r => r.violations.flatMap(v => v.nodes.map(n => "axe: " + v.id + ": " + n.html.slice(0, 200) + " :: " + n.failureSummary)))`, part, rules))
	return append(found, eval[[]string](tb, nameless)...)
}

// TestInPieces: nothing moves when a page arrives bit by bit.
func TestInPieces(t *testing.T) {
	s := furnished(t)
	s.inPieces.Store(true)
	for _, v := range views(s) {
		if !v.main {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			tb := open(t)
			for _, on := range []screen{{1440, 900, false}, {1024, 768, false}, {390, 844, true}} {
				tb.screen(on)
				tb.visit(v.url)
				tb.loaded()
				if took := eval[float64](tb, `(({ responseStart, responseEnd }) => responseEnd - responseStart)(performance.getEntriesByType("navigation")[0])`); took < 100 {
					t.Errorf("it arrived whole, in %.0f ms", took)
				}
				if shift := tb.layoutShift(); shift > maxLocalShift {
					t.Errorf("%d px: it moves by %.3f", on.width, shift)
				}
			}
		})
	}
}
