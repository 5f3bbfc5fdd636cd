package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
// each service, set up as where it is deployed, with a program that only opens
// the same clients and serves one route. Both are started in turn, so that a
// busy machine is busy for both.
func BenchmarkStart(b *testing.B) {
	environ := append(os.Environ(),
		"PUBSUB_EMULATOR_HOST="+emulator.PubSub(b).Host, "FIRESTORE_EMULATOR_HOST="+emulator.Firestore(b).Host,
		"GOOGLE_CLOUD_PROJECT=start", "SLACK_SIGNING_SECRET="+system.Secret, "K_SERVICE=",
		"AUTH=iap", "IAP_AUDIENCE=/projects/1/locations/l/services/ui", "SYNC_JOB=projects/start/locations/l/jobs/fullsync",
		"DEAD_LETTER_SUBSCRIPTION=user-events-dead-parked", "GOOGLE_APPLICATION_CREDENTIALS="+credentials(b))
	names := []string{"webhook", "worker", "ui"}
	dir := system.Build(b, names...)
	for _, name := range names {
		baseline := filepath.Join(dir, "baseline-"+name)
		if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", baseline, "rollcall/internal/e2e/baseline/"+name).CombinedOutput(); err != nil {
			b.Fatalf("build: %v\n%s", err, out)
		}
		b.Run(name, func(b *testing.B) {
			var ours, plain []time.Duration
			for b.Loop() {
				ours = append(ours, untilAnswered(b, environ, filepath.Join(dir, name)))
				plain = append(plain, untilAnswered(b, environ, baseline))
			}
			o, p := median(ours), median(plain)
			b.ReportMetric(float64(o.Microseconds())/1e3, "ms/start")
			b.ReportMetric(float64(p.Microseconds())/1e3, "ms/baseline")
			b.ReportMetric(float64(o)/float64(p), "times")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// credentials writes a key that opens nothing, for clients that have no emulator.
func credentials(b *testing.B) (path string) {
	b.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "start", "client_email": "start@example.com", "token_uri": "http://127.0.0.1:1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		b.Fatal(err)
	}
	path = filepath.Join(b.TempDir(), "credentials.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// untilAnswered starts a server and returns how long the first answer took.
func untilAnswered(b *testing.B, environ []string, program string) time.Duration {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	c := exec.CommandContext(b.Context(), program)
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
			if answer.StatusCode != http.StatusOK {
				b.Fatalf("%s answers %s", program, answer.Status)
			}
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
