package browser

import (
	"bytes"
	"context"
	"flag"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"rollcall/internal/fakeslack"
)

var update = flag.Bool("update", false, "retake the README's screenshots")

const (
	// block is the side, in pixels, of the squares by which screenshots are compared.
	block = 20
	// maxDiffering is the share of them that may differ. Other fonts change a twentieth.
	maxDiffering = 0.08
)

// TestScreenshots compares the README's screenshots with the pages, or retakes them with -update.
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
	s.readProfiles(t, 200)
	tb.run(chromedp.EmulateViewport(1280, 800))
	person := ""
	for _, p := range s.people(t) {
		if p.StatusText != "" && p.Title != "" {
			person = p.ID
			break
		}
	}
	for name, path := range map[string]string{"table": "/", "person": "/users/" + s.slack.Options().TeamID + "/" + person, "org": "/org", "status": "/status"} {
		tb.visit(s.URL + path)
		tb.eventually("all images are there", `[...document.images].every(i => i.complete || i.loading === "lazy")`)
		time.Sleep(300 * time.Millisecond) // lazy images load once they are visible
		ctx, cancel := context.WithTimeout(tb.ctx, showTimeout)
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "..", "ui", "screenshots", name+".png")
		if *update {
			if err := os.WriteFile(path, picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		committed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if share := differing(t, committed, picture); share > maxDiffering {
			t.Errorf("the page no longer looks like %s: %.0f %% differ; -update retakes it", path, 100*share)
		}
	}
}

// differing returns the share of blocks whose brightness differs between two pictures.
func differing(t *testing.T, a, b []byte) float64 {
	t.Helper()
	p, q := brightness(t, a), brightness(t, b)
	if len(p) != len(q) {
		return 1
	}
	n := 0
	for i := range p {
		if max(p[i]-q[i], q[i]-p[i]) > 16 {
			n++
		}
	}
	return float64(n) / float64(len(p))
}

// brightness returns the brightness of each block, from 0 to 255.
func brightness(t *testing.T, encoded []byte) (all []int) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y+block <= bounds.Max.Y; y += block {
		for x := bounds.Min.X; x+block <= bounds.Max.X; x += block {
			sum := 0
			for i := range block * block {
				sum += int(color.GrayModel.Convert(picture.At(x+i%block, y+i/block)).(color.Gray).Y)
			}
			all = append(all, sum/block/block)
		}
	}
	return all
}
