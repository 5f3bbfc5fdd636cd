package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// maxConcurrentRequests is how many requests Cloud Run sends an instance of the webhook at once (infra/services.tf).
// Others wait.
const maxConcurrentRequests = 80

func asOnCloudRun(h http.Handler) http.Handler {
	slots := make(chan struct{}, maxConcurrentRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slots <- struct{}{}
		defer func() { <-slots }()
		h.ServeHTTP(w, r)
	})
}

// forged is a request with a well-formed header and a wrong signature.
func forged(size int) string {
	return post(strings.Repeat("x", size), set(signature, "v0="+strings.Repeat("0", 64))).wire()
}

// TestFlood: Slack has its answer in time while strangers hold back the bodies of 20 times as many
// requests as an instance handles at once.
func TestFlood(t *testing.T) {
	for name, size := range map[string]int{"small bodies": 100, "large bodies": 1 << 20} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { flood(t, size) }) })
	}
}

func flood(t *testing.T, size int) {
	w := newWorldWith(t, trusting{}, openSQLite)
	w.handlers["webhook"] = asOnCloudRun(w.handlers["webhook"])
	var hook *pipes
	w.serve(t, func() net.Listener {
		p := newPipes()
		if hook == nil {
			hook = p // the first is the webhook's
		}
		return p
	})
	wire := forged(size)
	begin := header(wire) + size/2
	var strangers sync.WaitGroup
	defer strangers.Wait()
	for range 20 * maxConcurrentRequests {
		conn := hook.dial()
		defer conn.Close()
		strangers.Go(func() {
			if _, err := io.WriteString(conn, wire[:begin]); err == nil {
				io.Copy(io.Discard, conn) //nolint:errcheck // the server may close or reset
			}
		})
	}
	synctest.Wait()
	start, conn := time.Now(), hook.dial()
	defer conn.Close()
	strangers.Go(func() { io.WriteString(conn, post(joined).wire()) }) //nolint:errcheck // the answer shows it
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); response.StatusCode != http.StatusOK || took > 2500*time.Millisecond {
		t.Errorf("Slack: status %d after %v", response.StatusCode, took)
	}
	response.Body.Close()
}

// TestStrangersNameNoTrace: an unsigned request has no span, and its log line no trace.
func TestStrangersNameNoTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	w := newWorldWith(t, trusting{}, openSQLite)
	w.serve(t, func() net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return listener
	})
	named := func(n int) edit { return with(fmt.Sprintf("Traceparent: 00-%032x-%016x-01", n, n)) }
	for n := 1; n <= 20; n++ {
		for _, m := range []*message{
			post(joined, without(signature), named(n)),
			post(joined, set(signature, "v0="+strings.Repeat("0", 64)), named(n)),
			post(joined, set("Content-Length", "5000000"), named(n)),
		} {
			exchange(t, w.dial(t, "webhook"), m, false)
		}
	}
	if n := len(spans.Ended()); n > 0 || strings.Contains(w.log.String(), "/traces/") {
		t.Errorf("%d spans of requests that are not signed", n)
	}
	exchange(t, w.dial(t, "webhook"), post(joined, named(7)), false)
	if ended := spans.Ended(); len(ended) != 1 || ended[0].SpanContext().TraceID().String() != fmt.Sprintf("%032x", 7) {
		t.Errorf("%d spans of one that Slack has signed", len(ended))
	}
}
