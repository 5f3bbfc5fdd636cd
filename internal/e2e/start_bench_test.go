package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
)

// BenchmarkStart measures from exec to the first answered request, and compares
// each service with a program that only opens the same clients and serves one
// route. Both are started in turn, so that a busy machine is busy for both.
func BenchmarkStart(b *testing.B) {
	environ := append(os.Environ(),
		"PUBSUB_EMULATOR_HOST="+emulator.PubSub(b).Host, "FIRESTORE_EMULATOR_HOST="+emulator.Firestore(b).Host,
		"GOOGLE_CLOUD_PROJECT=start", "SLACK_SIGNING_SECRET="+system.Secret, "AUTH=none", "K_SERVICE=")
	dir := system.Build(b, "webhook", "worker", "ui")
	baseline := filepath.Join(dir, "baseline")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", baseline, "rollcall/internal/e2e/baseline").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	for _, service := range []struct{ name, client string }{{"webhook", "pubsub"}, {"worker", "firestore"}, {"ui", "firestore"}} {
		b.Run(service.name, func(b *testing.B) {
			var ours, plain []time.Duration
			for b.Loop() {
				ours = append(ours, untilAnswered(b, environ, filepath.Join(dir, service.name)))
				plain = append(plain, untilAnswered(b, environ, baseline, service.client))
			}
			o, p := median(ours), median(plain)
			b.ReportMetric(float64(o.Microseconds())/1e3, "ms/start")
			b.ReportMetric(float64(p.Microseconds())/1e3, "ms/baseline")
			b.ReportMetric(float64(o)/float64(p), "times")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// untilAnswered starts a server and returns how long the first answer took.
func untilAnswered(b *testing.B, environ []string, program string, args ...string) time.Duration {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	c := exec.CommandContext(b.Context(), program, args...)
	c.Env = append(slices.Clip(environ), fmt.Sprintf("PORT=%d", port))
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		c.Process.Signal(syscall.SIGKILL) //nolint:errcheck // it is waited for
		c.Wait()                          //nolint:errcheck // it was killed
	}()
	for address := fmt.Sprintf("http://127.0.0.1:%d/health", port); time.Since(start) < 10*time.Second; time.Sleep(200 * time.Microsecond) {
		if answer, err := http.Get(address); err == nil {
			took := time.Since(start)
			answer.Body.Close()
			return took
		}
	}
	b.Fatalf("%s does not answer", program)
	return 0
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
