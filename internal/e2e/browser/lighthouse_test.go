package browser

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/fakeslack"
)

var measured = flag.Bool("lighthouse", false, "measure the pages with Lighthouse, which takes minutes")

const (
	minPerformance = 0.95 // of a telephone on a slow network, which Lighthouse imitates
	maxLayoutShift = 0.02
	// lighthouseRuns is an odd number: what counts is the median, because the machine may be busy.
	lighthouseRuns = 3
)

// lighthouseReport has what the test reads of a report.
type lighthouseReport struct {
	URL        string `json:"finalDisplayedUrl"`
	Categories map[string]struct {
		Score     *float64 `json:"score"` // nil if an audit failed to run
		AuditRefs []struct {
			ID     string  `json:"id"`
			Weight float64 `json:"weight"`
		} `json:"auditRefs"`
	} `json:"categories"`
	Audits map[string]struct {
		Score        *float64        `json:"score"` // nil if it is only information or does not apply
		NumericValue float64         `json:"numericValue"`
		DisplayValue string          `json:"displayValue"`
		Details      json.RawMessage `json:"details"` // differs from audit to audit
	} `json:"audits"`
	RuntimeError *struct {
		Message string `json:"message"`
	} `json:"runtimeError"`
}

// TestLighthouse: no audit is left out. Those that need HTTPS accept a loopback address instead.
func TestLighthouse(t *testing.T) {
	if !*measured {
		t.Skip("takes minutes: -lighthouse")
	}
	program, chromium := lighthouse(t)
	s := filled(t, fakeslack.Options{})
	s.retitle(t, 60)
	s.readProfiles(t, 200)
	bare := newSite(t, fakeslack.Options{})
	for _, page := range []struct{ name, url string }{
		{"list", s.URL},
		{"person", s.personURL(s.people(t)[0].ID)},
		{"changes", s.URL + "/changes"},
		{"org", s.URL + "/org"},
		{"status", s.URL + "/status"},
		{"not found", s.URL + "/nowhere"},
		{"empty directory", bare.URL},
		{"no changes yet", bare.URL + "/changes"},
		{"status before the first sync", bare.URL + "/status"},
	} {
		t.Run(page.name, func(t *testing.T) {
			var reports []lighthouseReport
			for range lighthouseRuns {
				reports = append(reports, audit(t, program, chromium, page.url))
			}
			performance := median(reports, func(r lighthouseReport) float64 { return *r.Categories["performance"].Score })
			shift := median(reports, func(r lighthouseReport) float64 { return r.Audits["cumulative-layout-shift"].NumericValue })
			r := reports[0]
			t.Logf("%s: performance %.0f, accessibility %.0f, best practices %.0f, layout shift %.3f, first paint %s, largest paint %s, blocked %s", page.name, 100*performance,
				100**r.Categories["accessibility"].Score, 100**r.Categories["best-practices"].Score, shift,
				r.Audits["first-contentful-paint"].DisplayValue, r.Audits["largest-contentful-paint"].DisplayValue, r.Audits["total-blocking-time"].DisplayValue)
			if performance < minPerformance {
				t.Errorf("performance %.2f, want at least %.2f: %s", performance, minPerformance, r.failed("performance"))
			}
			if shift > maxLayoutShift {
				t.Errorf("layout shift %.3f, want at most %.2f: %s", shift, maxLayoutShift, r.Audits["layout-shifts"].Details)
			}
			for _, category := range []string{"accessibility", "best-practices"} {
				if faults := r.failed(category); len(faults) > 0 {
					t.Errorf("%s %.2f: %s", category, *r.Categories[category].Score, faults)
				}
			}
		})
	}
}

// failed lists the audits that cost a category points. It leaves out the browser's note in the console that a missing
// page is missing.
func (r lighthouseReport) failed(category string) (all []string) {
	for _, ref := range r.Categories[category].AuditRefs {
		if a := r.Audits[ref.ID]; ref.Weight > 0 && a.Score != nil && *a.Score < 1 && !r.onlyMissing(ref.ID) {
			all = append(all, fmt.Sprintf("%s %.2f %s", ref.ID, *a.Score, a.DisplayValue))
		}
	}
	return all
}

// onlyMissing reports whether an audit fails only because the page itself has status 404.
func (r lighthouseReport) onlyMissing(id string) bool {
	var console struct {
		Items []struct {
			Description    string `json:"description"`
			SourceLocation struct {
				URL string `json:"url"`
			} `json:"sourceLocation"`
		} `json:"items"`
	}
	if id != "errors-in-console" || json.Unmarshal(r.Audits[id].Details, &console) != nil || len(console.Items) != 1 {
		return false
	}
	return console.Items[0].SourceLocation.URL == r.URL && strings.Contains(console.Items[0].Description, "status of 404")
}

func median(reports []lighthouseReport, value func(lighthouseReport) float64) float64 {
	var all []float64
	for _, r := range reports {
		all = append(all, value(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// audit measures a page as a telephone shows it.
func audit(t *testing.T, program, chromium, url string) (r lighthouseReport) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, url, "--quiet", "--output=json", "--only-categories=performance,accessibility,best-practices",
		"--ignore-status-code", "--chrome-flags=--headless=new --no-sandbox")
	c.Env = append(os.Environ(), "CHROME_PATH="+chromium)
	c.Dir = t.TempDir()
	out, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("lighthouse: %v\n%.3000s", err, exit.Stderr)
	}
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.RuntimeError != nil {
		t.Fatalf("lighthouse: %s", r.RuntimeError.Message)
	}
	for _, category := range []string{"performance", "accessibility", "best-practices"} {
		if r.Categories[category].Score == nil {
			t.Fatalf("lighthouse has no score for %s", category)
		}
	}
	return r
}

// lighthouse installs the program and returns its path and the browser's. If Node or a browser is missing,
// the test is skipped, or fails under CI.
func lighthouse(t *testing.T) (program, chromium string) {
	t.Helper()
	chromium, err := installedBrowser()
	for _, name := range []string{"node", "npm"} {
		if _, missing := exec.LookPath(name); missing != nil && err == nil {
			err = errors.New("no " + name + ": install Node.js 20 or newer")
		}
	}
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("lighthouse")); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(context.WithoutCancel(t.Context()), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return filepath.Join(folder, "node_modules", ".bin", "lighthouse"), chromium
}
