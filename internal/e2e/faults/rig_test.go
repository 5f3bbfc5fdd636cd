package faults

import (
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
)

// rig is a system with a place for faults between all parts:
//
//	Slack ─hook─▶ webhook ─topic, publishing─▶ Pub/Sub ─deliveries, push─▶ worker ─store, writing─▶ Firestore
//
// The test's own clients connect directly to the emulators.
type rig struct {
	*system.System
	rng  *rand.Rand // for the test's goroutine
	dice *dice      // for all others

	hook, topic, push, store *line
	publishing, writing      *calls
	deliveries               *deliveries
	writes                   writes
	client                   *http.Client // Slack's
	late                     lateness

	webhook, worker *program // nil if they run in this process
}

// newRig starts a rig with webhook and worker in this process, where leaks can be detected.
func newRig(t *testing.T, adjust func(*pubsub.Topology)) *rig {
	t.Helper()
	r := unserved(t, adjust)
	r.Serve(t)
	r.connect(t, r.Webhook, strings.TrimSuffix(r.Worker, "/"))
	return r
}

// newRigOfPrograms starts a rig with the deployed programs, which can be killed.
func newRigOfPrograms(t *testing.T, dir string, adjust func(*pubsub.Topology)) *rig {
	t.Helper()
	r := unserved(t, adjust)
	environ := []string{"GOOGLE_CLOUD_PROJECT=" + r.Project, "K_SERVICE=", "LOG_LEVEL=ERROR", "SLACK_SIGNING_SECRET=" + system.Secret}
	r.webhook, r.worker = newProgram(t, dir, "webhook", environ), newProgram(t, dir, "worker", environ)
	r.connect(t, r.webhook.Address, r.worker.Address)
	return r
}

// build builds the programs, for all rigs of a test.
func build(t *testing.T) (dir string) {
	t.Helper()
	return system.Build(t, "webhook", "worker")
}

// unserved returns a rig without webhook and worker. The environment names the
// lines to Pub/Sub and Firestore.
func unserved(t *testing.T, adjust func(*pubsub.Topology)) *rig {
	t.Helper()
	shared := sharedGoroutines(t)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, append(leftByToxiproxy, shared)...)
	})
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	r := &rig{System: system.Connect(t, adjust), client: newClient(t)}
	r.rng, r.dice = rand.New(rand.NewPCG(seed, 0)), &dice{rng: rand.New(rand.NewPCG(seed, 1))}
	r.writes.all = map[string][]write{}
	r.publishing = newCalls(t, emulator.PubSub(t).Host, nil)
	r.writing = newCalls(t, emulator.Firestore(t).Host, r.writes.seen)
	r.topic = newLine(t, "topic", r.publishing.host)
	r.store = newLine(t, "store", r.writing.host)
	r.late.watch(t)
	t.Setenv("PUBSUB_EMULATOR_HOST", r.topic.listen)
	t.Setenv("FIRESTORE_EMULATOR_HOST", r.store.listen)
	return r
}

// connect sets up the lines to webhook and worker, given their base URLs, and starts delivery.
func (r *rig) connect(t *testing.T, webhook, worker string) {
	t.Helper()
	r.hook = newLine(t, "hook", strings.TrimPrefix(webhook, "http://"))
	r.push = newLine(t, "push", strings.TrimPrefix(worker, "http://"))
	r.Webhook = "http://" + r.hook.listen
	r.deliveries = newDeliveries(t, "http://"+r.push.listen+"/", r.Topology.MaxDeliveryAttempts, r.dice)
	r.Pump(t, r.deliveries.server.URL)
}

// heal ends all faults.
func (r *rig) heal() {
	for _, l := range []*line{r.hook, r.topic, r.push, r.store} {
		l.heal()
	}
	r.publishing.pass()
	r.writing.pass()
	r.deliveries.disturb(mess{})
}

// hurried shortens the backoff: the fifth delivery comes after 15 s.
func hurried(t *pubsub.Topology) { t.MinimumBackoff, t.MaximumBackoff = time.Second, 8*time.Second }

var shared = sync.OnceValue(func() goleak.Option { return goleak.IgnoreCurrent() })

// sharedGoroutines ignores the goroutines that wait for the emulators' output in all tests.
func sharedGoroutines(t *testing.T) goleak.Option {
	t.Helper()
	emulator.PubSub(t)
	emulator.Firestore(t)
	http.DefaultClient.CloseIdleConnections() // of the emulators' start
	return shared()
}

// leftByToxiproxy are goroutines that toxiproxy leaks when a connection
// breaks with data in flight, or while a fault is removed. They hold no
// connection: the proxy closes all when it stops.
var leftByToxiproxy = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
}

// goroutines closes idle connections and counts all goroutines but toxiproxy's.
func (r *rig) goroutines() (n int, stacks string) {
	r.client.CloseIdleConnections()
	r.deliveries.client.CloseIdleConnections()
	r.deliveries.server.CloseClientConnections()
	http.DefaultClient.CloseIdleConnections()
	buffer := make([]byte, 16<<20)
	stacks = string(buffer[:runtime.Stack(buffer, true)])
	for one := range strings.SplitSeq(stacks, "\n\n") {
		if !strings.Contains(one, "toxiproxy") {
			n++
		}
	}
	return n, stacks
}

// dice is a random source for several goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (d *dice) roll(below int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(below)
}

// lateness measures how late this machine's timers are at worst. Tests allow that much more
// time for answers that have a time limit.
type lateness struct {
	mu    sync.Mutex
	worst time.Duration
}

func (l *lateness) watch(t *testing.T) {
	const every = 10 * time.Millisecond
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			due := time.Now().Add(every)
			select {
			case <-stop:
				return
			case <-time.After(every):
			}
			l.mu.Lock()
			l.worst = max(l.worst, time.Since(due))
			l.mu.Unlock()
		}
	})
	t.Cleanup(func() { close(stop); watching.Wait() })
}

// atWorst returns the maximum since the last call.
func (l *lateness) atWorst() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	worst := l.worst
	l.worst = 0
	return worst
}

// program can be killed and started again at the same address.
type program struct {
	*system.Process
	name    string
	path    string
	environ []string
	port    int
}

func newProgram(t *testing.T, dir, name string, environ []string) *program {
	t.Helper()
	p := &program{name: name, path: filepath.Join(dir, name), environ: environ, port: emulator.FreePort(t)}
	p.start(t)
	return p
}

func (p *program) start(t *testing.T) {
	t.Helper()
	p.Process = system.Start(t, exec.Command(p.path), p.port, p.environ...)
}
