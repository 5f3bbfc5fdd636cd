package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"rollcall/internal/emulator"
)

// line is a network between two parts that can fail. Every change of its fault breaks
// all connections: toxiproxy can change open connections, but hangs if one breaks at
// the same time.
type line struct {
	t              testing.TB
	name, upstream string
	listen         string
	proxy          *toxiproxy.Proxy // nil while it refuses connections
}

func newLine(t testing.TB, name, upstream string) *line {
	t.Helper()
	l := &line{t: t, name: name, upstream: upstream, listen: fmt.Sprintf("127.0.0.1:%d", emulator.FreePort(t))}
	l.heal()
	t.Cleanup(l.refuse)
	return l
}

// toxic is a fault as toxiproxy names it.
type toxic struct {
	Type       string           `json:"type"`
	Stream     string           `json:"stream"` // upstream or downstream
	Attributes map[string]int64 `json:"attributes"`
}

// put breaks all connections and applies faults to new ones.
func (l *line) put(toxics ...toxic) {
	l.t.Helper()
	l.refuse()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l.proxy = toxiproxy.NewProxy(server, l.name, l.listen, l.upstream)
	for _, x := range toxics {
		text, err := json.Marshal(x)
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
			l.t.Fatalf("%s: %v", text, err)
		}
	}
	// A process that is being started holds the old listener open until its exec.
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := l.proxy.Start()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("line %s: %v", l.name, err)
		}
	}
}

// heal ends all faults.
func (l *line) heal() { l.put() }

// refuse breaks all connections and refuses new ones.
func (l *line) refuse() {
	if l.proxy != nil {
		l.proxy.Stop()
		l.proxy = nil
	}
}

// slow delays packets, by half of the duration in each direction.
func (l *line) slow(by time.Duration) {
	ms := map[string]int64{"latency": by.Milliseconds() / 2, "jitter": by.Milliseconds() / 4}
	l.put(toxic{"latency", "upstream", ms}, toxic{"latency", "downstream", ms})
}

// silence keeps connections open but passes nothing on.
func (l *line) silence() {
	l.put(toxic{"timeout", "upstream", nil}, toxic{"timeout", "downstream", nil})
}

// cutThere breaks each connection after that many bytes to the server.
func (l *line) cutThere(bytes int64) {
	l.put(toxic{"limit_data", "upstream", map[string]int64{"bytes": bytes}})
}

// cutBack breaks each connection after that many bytes from the server.
func (l *line) cutBack(bytes int64) {
	l.put(toxic{"limit_data", "downstream", map[string]int64{"bytes": bytes}})
}
