package ui

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gcfirestore "cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
	"rollcall/internal/store/firestore"
	"rollcall/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	code := emulator.Main(m)
	for _, s := range filled {
		s.Close()
	}
	os.Exit(code)
}

// fill stores an invented workspace of n people.
func fill(tb testing.TB, s interface {
	directory.Store
	PutWorkspace(ctx context.Context, w directory.Workspace) error
}, n int,
) {
	tb.Helper()
	if err := s.PutWorkspace(tb.Context(), directory.Workspace{ID: team, Name: "Marlow & Finch"}); err != nil {
		tb.Fatal(err)
	}
	var writing sync.WaitGroup
	slots := make(chan struct{}, 500)
	for i, slack := range fakeslack.New(fakeslack.Options{People: n, Log: slog.New(slog.DiscardHandler)}).Users() {
		slots <- struct{}{}
		writing.Go(func() {
			defer func() { <-slots }()
			c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: slack,
				Version: directory.Version(1648596712000000 + i), Source: directory.FromSync, InList: true})
			if err == nil {
				_, err = directory.ApplyTo(tb.Context(), s, c, 0)
			}
			if err != nil {
				tb.Error(err)
			}
		})
	}
	writing.Wait()
}

var filled = map[int]*sqlite.Store{}

// inSQLite returns a store of n people, made once for all benchmarks.
func inSQLite(b *testing.B, n int) *sqlite.Store {
	b.Helper()
	if filled[n] == nil {
		s, err := sqlite.OpenTemporary()
		if err != nil {
			b.Fatal(err)
		}
		fill(b, s, n)
		filled[n] = s
	}
	return filled[n]
}

// views are what people look at. With 1,000 people each of them fills a page.
var views = []struct{ name, path string }{
	{"page", "/"},
	{"page by change", "/?sort=changed"},
	{"search", "/?q=a"},
	{"search two words", "/?q=" + url.QueryEscape("m a")},
	{"filter", "/?kind=guests&show=all"},
	{"search and filter", "/?q=a&kind=members"},
}

// readViews are the same on Firestore. The emulator scans all people for each kind of account
// in a query, so searches there do not filter by account.
var readViews = []struct{ name, path string }{
	{"page", "/"},
	{"page by change", "/?sort=changed"},
	{"search", "/?q=a&show=all"},
	{"search two words", "/?q=" + url.QueryEscape("ma fi") + "&show=all"},
	{"filter", "/?kind=guests&show=all"},
	{"search and filter", "/?q=a&kind=members"},
}

func next50(tb testing.TB, h http.Handler, path string) string {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		tb.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

// maxGrowth is how much more a page may cost with 100,000 people than with 1,000, as a factor.
const maxGrowth = 1.3

// BenchmarkFlat measures the server time of a page with 1,000 and with 100,000 people, and the ratio.
func BenchmarkFlat(b *testing.B) {
	took := map[string]float64{}
	for _, n := range []int{1_000, 100_000} {
		h := New(b.Context(), Options{Store: inSQLite(b, n), Log: slog.New(slog.DiscardHandler)})
		for _, v := range views {
			b.Run(fmt.Sprintf("%s/%d", v.name, n), func(b *testing.B) {
				if rows := strings.Count(next50(b, h, v.path), "<tr id="); rows != pageSize {
					b.Errorf("%d rows", rows)
				}
				b.ReportAllocs()
				for b.Loop() {
					next50(b, h, v.path)
				}
				perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				if before, ok := took[v.name]; ok {
					b.ReportMetric(perOp/before, "times-of-1000")
					if perOp >= maxGrowth*before {
						b.Errorf("%.2f times the time with 1,000 people", perOp/before)
					}
				} else {
					took[v.name] = perOp
				}
			})
		}
	}
}

// countingReads counts the documents that Firestore sends, which it bills.
func countingReads(reads *atomic.Int64) grpc.DialOption {
	return grpc.WithChainStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, streamer grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, d, c, method, o...)
		return countedStream{stream, reads}, err
	})
}

type countedStream struct {
	grpc.ClientStream
	reads *atomic.Int64
}

func (s countedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *firestorepb.RunQueryResponse:
		if m.GetDocument() != nil {
			s.reads.Add(1)
		}
	case *firestorepb.BatchGetDocumentsResponse:
		s.reads.Add(1)
	case *firestorepb.RunAggregationQueryResponse:
		s.reads.Add(1)
	}
	return nil
}

// owner is the credential that Google's clients send to the emulator.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }

// onFirestore returns a handler over n people in the emulator, and the number of documents it has read.
func onFirestore(tb testing.TB, n int) (http.Handler, *atomic.Int64) {
	tb.Helper()
	s, reads := countedFirestore(tb)
	fill(tb, s, n)
	// Without live updates, which read once per change.
	return New(tb.Context(), Options{Store: unwatched{s}, Log: slog.New(slog.DiscardHandler)}), reads
}

// countedFirestore returns an empty store in the emulator, and the number of documents it has read.
func countedFirestore(tb testing.TB) (*firestore.Store, *atomic.Int64) {
	tb.Helper()
	var reads atomic.Int64
	conn, err := grpc.NewClient(emulator.Firestore(tb).Host, countingReads(&reads),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(owner{}))
	if err != nil {
		tb.Fatal(err)
	}
	client, err := gcfirestore.NewClient(tb.Context(), fmt.Sprintf("pages-%d", time.Now().UnixNano()), option.WithGRPCConn(conn))
	if err != nil {
		tb.Fatal(err)
	}
	s := firestore.New(client)
	tb.Cleanup(func() { s.Close() })
	return s, &reads
}

// unwatched is a store that reports no changes.
type unwatched struct{ *firestore.Store }

func (unwatched) Watch(ctx context.Context, _ string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		if yield(nil, nil) {
			<-ctx.Done()
		}
	}
}

func (unwatched) WatchRecords(ctx context.Context, _ string) iter.Seq2[[]directory.Record, error] {
	return func(yield func([]directory.Record, error) bool) {
		if yield(nil, nil) {
			<-ctx.Done()
		}
	}
}

// TestChangesReads: a page of changes reads its rows, one more, and each person once; the chart reads once a day.
func TestChangesReads(t *testing.T) {
	s, reads := countedFirestore(t)
	fill(t, s, 20)
	newest := directory.VersionOf(time.Now())
	for i := range changesPageSize + 20 {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, Version: newest + directory.Version(i), Source: directory.FromEvent,
			User: fmt.Appendf(nil, `{"id":"U%d","name":"n%d"}`, i%7, i)})
		if err == nil {
			_, err = directory.ApplyTo(t.Context(), s, c, time.Hour)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h := New(t.Context(), Options{Store: unwatched{s}, Log: slog.New(slog.DiscardHandler)})
	for _, tt := range []struct {
		path string
		want int64
	}{
		{"/changes", changesPageSize + 1 + 7},
		{"/changes?type=user.updated&user=U1", 9 + 1}, // U1 has 10 of the 70 records, one of them as created
		{"/users/" + team + "/U1", 1 + 10},
	} {
		next50(t, h, tt.path) // fills the caches
		before := reads.Load()
		next50(t, h, tt.path)
		if n := reads.Load() - before; n != tt.want {
			t.Errorf("%s: %d reads, want %d", tt.path, n, tt.want)
		}
	}
}

// TestReads: no view reads more than two documents per row, or more of them in a larger workspace.
func TestReads(t *testing.T) {
	if testing.Short() {
		t.Skip("750 people on the emulator, one request at a time")
	}
	small, smallReads := onFirestore(t, 150)
	large, largeReads := onFirestore(t, 600)
	for _, v := range readViews {
		count := func(h http.Handler, reads *atomic.Int64) (rows int, n int64) {
			next50(t, h, v.path) // fills the caches
			before := reads.Load()
			rows = strings.Count(next50(t, h, v.path), "<tr id=")
			return rows, reads.Load() - before
		}
		fewer, a := count(small, smallReads)
		rows, b := count(large, largeReads)
		if b > 2*pageSize || b == 0 || fewer == rows && float64(b) >= maxGrowth*float64(a) {
			t.Errorf("%s: %d rows by %d reads of 600 people, %d by %d of 150", v.name, rows, b, fewer, a)
		}
	}
}

// BenchmarkReads counts the documents that a view reads with 1,000 and with 100,000 people. The
// emulator scans all of them for each page: with -benchtime 1x it takes half an hour.
func BenchmarkReads(b *testing.B) {
	with1000 := map[string]float64{}
	for _, n := range []int{1_000, 100_000} {
		h, reads := onFirestore(b, n)
		for _, v := range readViews {
			b.Run(fmt.Sprintf("%s/%d", v.name, n), func(b *testing.B) {
				before := reads.Load()
				for b.Loop() {
					next50(b, h, v.path)
				}
				read := float64(reads.Load()-before) / float64(b.N)
				b.ReportMetric(read, "reads/page")
				if fewer, ok := with1000[v.name]; !ok {
					with1000[v.name] = read
				} else if read >= maxGrowth*fewer || read > 2*pageSize {
					b.Errorf("%.0f reads, with 1,000 people %.0f", read, fewer)
				}
			})
		}
	}
}

// BenchmarkExport streams 100,000 people and reports the peak of additional memory.
func BenchmarkExport(b *testing.B) {
	server := httptest.NewServer(New(b.Context(), Options{Store: inSQLite(b, 100_000), Log: slog.New(slog.DiscardHandler)}))
	defer server.Close()
	for _, path := range []string{"/users.csv?show=all", "/users.json?show=all"} {
		b.Run(path[1:10], func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
				var before, now runtime.MemStats
				runtime.ReadMemStats(&before)
				resp, err := http.Get(server.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				most, total := uint64(0), int64(0)
				for part := int64(1 << 20); ; {
					n, err := io.CopyN(io.Discard, resp.Body, part)
					total += n
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse)
					if err != nil {
						break
					}
				}
				resp.Body.Close()
				onTop := float64(most-min(most, before.HeapInuse)) / (1 << 20)
				b.ReportMetric(onTop, "MiB-on-top")
				if onTop >= 32 {
					b.Errorf("%.1f MiB on top", onTop)
				}
				b.ReportMetric(float64(total)/(1<<20), "MiB-sent")
			}
		})
	}
}
