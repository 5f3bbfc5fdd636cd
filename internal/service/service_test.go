package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/config"
)

// TestGracefulStop: Serve returns after the request in flight is finished.
func TestGracefulStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	listener, err := Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	entered, leave := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		fmt.Fprint(w, "done")
	})
	served := make(chan error, 1)
	go func() { served <- ServeListener(ctx, listener, h, slog.New(slog.DiscardHandler)) }()

	if status := get(t, address+"/health"); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	answered := make(chan int, 1)
	go func() { answered <- get(t, address+"/") }()
	<-entered
	stop()
	select {
	case err := <-served:
		t.Fatalf("stopped with a request in flight: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request in flight: %d", status)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) int {
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestStopping: requests on connections that are already open are refused.
func TestStopping(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	h := Handler(ctx, http.NotFoundHandler())
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", nil))
		if w.Code != want {
			t.Errorf("status %d, want %d", w.Code, want)
		}
		stop()
	}
}

func TestPortTaken(t *testing.T) {
	listener, err := Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var port int
	if _, err := fmt.Sscanf(listener.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("127.0.0.1", port); err == nil || !strings.Contains(err.Error(), "set PORT") {
		t.Errorf("error %v", err)
	}
}

func TestHost(t *testing.T) {
	t.Setenv("K_SERVICE", "")
	if host := Host(); host != "127.0.0.1" {
		t.Errorf("anywhere: %q", host)
	}
	t.Setenv("K_SERVICE", "webhook")
	if host := Host(); host != "" {
		t.Errorf("on Cloud Run: %q", host)
	}
}

func traceFields(trace, span string, sampled bool) map[string]any {
	return map[string]any{
		"logging.googleapis.com/trace":         "projects/p/traces/" + trace,
		"logging.googleapis.com/spanId":        span,
		"logging.googleapis.com/trace_sampled": sampled,
	}
}

// TestLogLevelFile: the level follows the file while the program runs. An invalid level changes nothing.
func TestLogLevelFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		file := filepath.Join(t.TempDir(), "log-level")
		write := func(text string) {
			synctest.Wait() // the file has been read
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(levelInterval)
			synctest.Wait()
		}
		var out bytes.Buffer
		log := OpenLog(ctx, &out, config.Common{LogLevel: slog.LevelInfo, LogLevelFile: file})
		for _, tt := range []struct {
			text  string
			debug bool
		}{{"DEBUG\n", true}, {"nonsense", true}, {"nonsense", true}, {"INFO", false}, {"debug", true}} {
			write(tt.text)
			if got := log.Enabled(ctx, slog.LevelDebug); got != tt.debug {
				t.Errorf("after %q: debug is %v", tt.text, got)
			}
		}
		if n := strings.Count(out.String(), "log level not read"); n != 2 { // the missing file, and nonsense
			t.Errorf("%d faults logged:\n%s", n, &out)
		}
		if n := strings.Count(out.String(), "log level changed"); n != 3 {
			t.Errorf("%d changes logged:\n%s", n, &out)
		}
	})
}

// TestLogFormat: lines have the names and values that Cloud Logging expects.
func TestLogFormat(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	tests := []struct {
		name   string
		header http.Header
		want   map[string]any
	}{
		{"W3C", http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-01"}}, traceFields(trace, "b7ad6b7169203331", true)},
		{"not sampled", http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-00"}}, traceFields(trace, "b7ad6b7169203331", false)},
		{"none", http.Header{}, nil},
		{"forged", http.Header{"Traceparent": {`00-"},{"-01`}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			log := NewLogger(&out, slog.LevelInfo, "p")
			Traced(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				log.With("team_id", "T1").WarnContext(r.Context(), "slow", "took", 1500*time.Millisecond)
			})).ServeHTTP(httptest.NewRecorder(), &http.Request{Header: tt.header})
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line["timestamp"] == nil {
				t.Error("no timestamp")
			}
			delete(line, "timestamp")
			want := map[string]any{"severity": "WARNING", "message": "slow", "team_id": "T1", "took": 1.5}
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, line); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for level, want := range map[slog.Level]string{slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR"} {
		if got := severity(level); got != want {
			t.Errorf("%v is %s", level, got)
		}
	}
}
