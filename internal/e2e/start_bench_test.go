package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
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

// BenchmarkStart measures the time from exec to the first answered request of each service,
// configured as in production. It reports the fastest start, because a busy machine only
// adds to it. Only this benchmark gives the table Starts in internal/loadtest/README.md, because
// a start needs built programs, emulators and credentials.
func BenchmarkStart(b *testing.B) {
	environ := append(os.Environ(),
		"PUBSUB_EMULATOR_HOST="+emulator.PubSub(b).Host, "FIRESTORE_EMULATOR_HOST="+emulator.Firestore(b).Host,
		"GOOGLE_CLOUD_PROJECT=start", "SLACK_SIGNING_SECRET="+system.Secret, "K_SERVICE=",
		"AUTH=iap", "IAP_AUDIENCE=/projects/1/locations/l/services/ui", "SYNC_JOB=projects/start/locations/l/jobs/fullsync",
		"DEAD_LETTER_SUBSCRIPTION=user-events-dead-parked", "GOOGLE_APPLICATION_CREDENTIALS="+credentials(b))
	names := []string{"webhook", "worker", "ui"}
	dir := system.Build(b, names...)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			fastest := time.Minute
			for b.Loop() {
				fastest = min(fastest, untilAnswered(b, environ, filepath.Join(dir, name)))
			}
			b.ReportMetric(float64(fastest.Microseconds())/1e3, "ms/start")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// credentials writes an invalid key, for clients without an emulator.
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

// untilAnswered starts a server and returns the time until its first answer.
func untilAnswered(b *testing.B, environ []string, program string) time.Duration {
	b.Helper()
	port := emulator.FreePort(b)
	c := exec.CommandContext(b.Context(), program)
	c.Env = append(slices.Clip(environ), fmt.Sprintf("PORT=%d", port))
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		c.Process.Signal(syscall.SIGKILL) //nolint:errcheck // Wait follows
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
