// Package emulator finds and starts Google's emulators for tests.
//
// A package that uses it stops the emulators when its tests end:
//
//	func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }
package emulator

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Emulator is a running emulator.
type Emulator struct {
	Host string // host:port, for FIRESTORE_EMULATOR_HOST or PUBSUB_EMULATOR_HOST

	kind    kind
	process *exec.Cmd // nil if somebody else started it
	output  *bytes.Buffer
}

type kind struct {
	name     string
	variable string
	launcher string // below the folder of the Google Cloud CLI
	args     []string
	install  string
}

// The launchers are started directly: the gcloud command, a Python program around
// them, adds some seconds to each start.
var (
	firestore = kind{
		name: "Firestore emulator", variable: "FIRESTORE_EMULATOR_HOST",
		launcher: "platform/cloud-firestore-emulator/cloud_firestore_emulator", args: []string{"start"},
		install: "cloud-firestore-emulator",
	}
	pubsub = kind{
		name: "Pub/Sub emulator", variable: "PUBSUB_EMULATOR_HOST",
		launcher: "platform/pubsub-emulator/bin/cloud-pubsub-emulator",
		install:  "pubsub-emulator",
	}
)

var (
	mu      sync.Mutex
	running = map[string]*Emulator{}
)

// Main runs a package's tests, then stops the emulators that they started.
func Main(m *testing.M) int {
	code := m.Run()
	mu.Lock()
	defer mu.Unlock()
	for _, e := range running {
		if e.process != nil {
			signalGroup(e.process, kill) //nolint:errcheck // it may have ended already
			e.process.Wait()             //nolint:errcheck // it was killed
		}
	}
	return code
}

// Firestore returns the Firestore emulator, which starts once per process. If it is
// not installed, the test is skipped, or fails under CI.
func Firestore(t testing.TB) *Emulator { t.Helper(); return get(t, firestore) }

// PubSub is [Firestore] for the Pub/Sub emulator.
func PubSub(t testing.TB) *Emulator { t.Helper(); return get(t, pubsub) }

func get(t testing.TB, k kind) *Emulator {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if e := running[k.name]; e != nil {
		return e
	}
	if host := os.Getenv(k.variable); host != "" {
		running[k.name] = &Emulator{Host: host, kind: k}
		return running[k.name]
	}
	path, err := find(k)
	if err != nil {
		missing(t, fmt.Sprintf("no %s (%v): install the Google Cloud CLI with its component %s, and Java 21 or newer", k.name, err, k.install))
	}
	e, err := start(t, k, path)
	if err != nil {
		t.Fatal(err)
	}
	running[k.name] = e
	return e
}

// missing skips the test, or fails it under CI.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// find returns the path of k's launcher in the installation of the gcloud command.
func find(k kind) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", err
	}
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return "", err
	}
	gcloud, err = filepath.EvalSymlinks(gcloud)
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(gcloud), "..", k.launcher)
	_, err = os.Stat(path)
	return path, err
}

// javaOptions turn off Java's second compiler and parallel garbage collection. Most tests end before
// these pay off: without them, a package's tests take half as much processor time.
const javaOptions = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

// startTimeout is generous: Java may start while other tests keep the machine busy.
const startTimeout = time.Minute

func start(t testing.TB, k kind, path string) (*Emulator, error) {
	t.Helper()
	port := FreePort(t)
	e := &Emulator{Host: fmt.Sprintf("127.0.0.1:%d", port), kind: k, output: new(bytes.Buffer)}
	e.process = exec.Command(path, append(k.args, "--host=127.0.0.1", fmt.Sprintf("--port=%d", port))...) //nolint:noctx // Main ends it after all tests
	e.process.Stdout, e.process.Stderr = e.output, e.output
	// The Firestore launcher runs $JAVA as a child. With exec the launcher becomes Java, and a signal ends it.
	e.process.Env = append(os.Environ(), "JAVA=exec java", "JDK_JAVA_OPTIONS="+javaOptions)
	ownGroup(e.process)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Host, nil)
	if err != nil {
		return nil, err
	}
	if err := e.process.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", k.name, err)
	}
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			return e, nil
		}
	}
	signalGroup(e.process, kill) //nolint:errcheck // it may have ended already
	e.process.Wait()             //nolint:errcheck // it was killed
	return nil, fmt.Errorf("the %s does not answer after %v; it wrote:\n%s", k.name, startTimeout, e.output)
}

// FreePort returns a port for a program that starts or comes back later. It is below those that systems give to
// outgoing connections and to whoever listens on port 0, so the system gives it to nobody else meanwhile. Another call
// may, but hardly ever does.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000) //nolint:gosec // it is no secret
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close() //nolint:errcheck // nothing was sent
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// Pause suspends the emulator until [Emulator.Resume] or the end of the test.
// Meanwhile requests hang.
func (e *Emulator) Pause(t testing.TB) {
	t.Helper()
	if e.process == nil {
		t.Fatalf("%s is set: only an emulator that the test started can be paused", e.kind.variable)
	}
	if err := signalGroup(e.process, pause); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Resume(t) })
}

// Resume ends a pause.
func (e *Emulator) Resume(t testing.TB) {
	t.Helper()
	if err := signalGroup(e.process, resume); err != nil {
		t.Fatal(err)
	}
}
