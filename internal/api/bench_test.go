package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// benchmarked is how many people the benchmark reads. ROLLCALL_BENCH_PEOPLE sets another number.
func benchmarked(b *testing.B) (n int) {
	n = 5_000
	if text := os.Getenv("ROLLCALL_BENCH_PEOPLE"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// BenchmarkUsersList reads the whole directory at limit=1000, and then the same bytes from a static
// file server: people/s against static-people/s, and how much more memory is in use
// after it, including garbage.
func BenchmarkUsersList(b *testing.B) {
	people := benchmarked(b)
	w := newWorld(b, fakeslack.Options{People: people})
	v := directory.VersionOf(time.Now().Add(-time.Hour))
	var filling errgroup.Group
	filling.SetLimit(64) // the store writes many at once
	for _, object := range w.slack.Users() {
		filling.Go(func() error {
			c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: object, Version: v, Source: directory.FromSync, InList: true, FirstLoad: true})
			if err != nil {
				return err
			}
			return applier{w.store}.Publish(b.Context(), c)
		})
	}
	if err := filling.Wait(); err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name   string
		scopes []string
	}{{"whole", tokens.Scopes}, {"without e-mail", []string{tokens.UsersRead}}} {
		b.Run(bench.name, func(b *testing.B) {
			token, dir := w.token(b, bench.scopes...), b.TempDir()
			files := httptest.NewServer(http.FileServer(http.Dir(dir)))
			defer files.Close()
			runtime.GC()
			before := heap()
			rounds, read, pages, bytes := 0, 0, 0, 0
			var took, static time.Duration
			for b.Loop() {
				rounds++
				cursor := ""
				for begun := time.Now(); ; begun = time.Now() {
					raw := w.page(b, token, cursor)
					took += time.Since(begun)
					var answer struct {
						Members []json.RawMessage `json:"members"`
						Meta    struct {
							Next string `json:"next_cursor"`
						} `json:"response_metadata"`
					}
					if err := json.Unmarshal(raw, &answer); err != nil {
						b.Fatal(err)
					}
					read += len(answer.Members)
					bytes += len(raw)
					name := fmt.Sprintf("%d.json", pages)
					pages++
					if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
						b.Fatal(err)
					}
					begun = time.Now()
					resp, err := http.Get(files.URL + "/" + name)
					if err != nil {
						b.Fatal(err)
					}
					if n, err := io.Copy(io.Discard, resp.Body); err != nil || int(n) != len(raw) {
						b.Fatalf("%d bytes, error %v", n, err)
					}
					resp.Body.Close()
					static += time.Since(begun)
					if err := os.Remove(filepath.Join(dir, name)); err != nil {
						b.Fatal(err)
					}
					if cursor = answer.Meta.Next; cursor == "" {
						break
					}
				}
			}
			if read != rounds*people {
				b.Fatalf("%d people", read)
			}
			b.ReportMetric(float64(read)/took.Seconds(), "people/s")
			b.ReportMetric(float64(read)/static.Seconds(), "static-people/s")
			b.ReportMetric(float64(bytes)/float64(read), "B/person")
			b.ReportMetric(float64(int64(heap())-int64(before))/(1<<20), "MB-more")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
