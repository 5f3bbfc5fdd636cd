package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
	"rollcall/internal/store/firestore"
)

// collector accepts spans as Cloud Trace does.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []*tracepb.Span
	said  strings.Builder // all of it, as text
}

func (c *collector) Export(_ context.Context, r *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said.WriteString(r.String())
	for _, resource := range r.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// ancestry returns the names from the root span to the one called last, and their trace.
func (c *collector) ancestry(last string) (names, trace string) {
	byID := map[string]*tracepb.Span{}
	var span *tracepb.Span
	for _, s := range c.spans {
		byID[string(s.GetSpanId())] = s
		if s.GetName() == last {
			span = s
		}
	}
	trace = hex.EncodeToString(span.GetTraceId())
	names = last
	for span = byID[string(span.GetParentSpanId())]; span != nil; span = byID[string(span.GetParentSpanId())] {
		names = span.GetName() + " > " + names
	}
	return names, trace
}

// TestOneTrace: the programs export a change as one trace, from Slack's request through Pub/Sub
// to Firestore. Their log lines name the trace, and it has no personal data.
func TestOneTrace(t *testing.T) {
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	t.Setenv("K_SERVICE", "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spans, server := &collector{}, grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, spans)
	go server.Serve(listener) //nolint:errcheck // ends with the test
	defer server.Stop()

	s := &system.System{Project: fmt.Sprintf("e2e-trace-%d", os.Getpid()), Topology: pubsub.Production()}
	environ := []string{"GOOGLE_CLOUD_PROJECT=" + s.Project, "SLACK_SIGNING_SECRET=" + system.Secret,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String()}
	dir := system.Build(t, "webhook", "worker")
	hook, work := system.Run(t, filepath.Join(dir, "webhook"), environ...), system.Run(t, filepath.Join(dir, "worker"), environ...)
	s.Webhook, s.Topology.PushEndpoint = hook.Address, work.Address+"/"
	if s.PubSub, err = pubsub.Open(t.Context(), s.Project, false); err != nil {
		t.Fatal(err)
	}
	defer s.PubSub.Close()
	if err := s.Topology.Ensure(t.Context(), s.PubSub); err != nil {
		t.Fatal(err)
	}
	if s.Store, err = firestore.Open(t.Context(), s.Project, "(default)"); err != nil {
		t.Fatal(err)
	}
	defer s.Store.Close()
	if err := s.Store.PutWorkspace(t.Context(), directory.Workspace{ID: system.Team, Name: "End to end"}); err != nil {
		t.Fatal(err)
	}
	s.MustPost(t, events.Callback("team_join", `{"id":"U1","name":"sesame","profile":{"email":"sesame@example.com"}}`, 1648596712000001, "Ev1"))
	system.Eventually(t, 20*time.Second, "the person is stored", func() bool {
		_, there := stored(t, s, "U1")
		return there
	})
	hook.Stop(t) // which sends the last spans
	work.Stop(t)

	spans.mu.Lock()
	defer spans.mu.Unlock()
	const way, read = "POST > user-events create > apply > ", "cloud.google.com/go/firestore.DocumentRef.Get"
	got, trace := spans.ancestry(read)
	if got != way+read {
		t.Errorf("the read: %s", got)
	}
	for what, name := range map[string]string{
		"the write of the user and the record": "cloud.google.com/go/firestore.WriteBatch.Commit",
		"the publish to subscribers":           "user-changes create",
	} {
		if got, same := spans.ancestry(name); got != way+name || same != trace {
			t.Errorf("%s: %s in trace %s, want %s", what, got, same, trace)
		}
	}
	for _, line := range []struct {
		of      *system.Process
		message string
	}{{hook, "event"}, {work, "applied"}} {
		if got := traceOf(t, line.of.Output.String(), line.message); got != "projects/"+s.Project+"/traces/"+trace {
			t.Errorf("the line %q belongs to %q, want %s", line.message, got, trace)
		}
	}
	for _, personal := range []string{"sesame", system.Secret, "127.0.0.1", "v0="} {
		if strings.Contains(spans.said.String(), personal) {
			t.Errorf("spans hold %q", personal)
		}
	}
}

// traceOf returns the trace of the first log line with that message.
func traceOf(t *testing.T, output, message string) any {
	t.Helper()
	for line := range strings.Lines(output) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["message"] == message {
			return entry["logging.googleapis.com/trace"]
		}
	}
	t.Errorf("no line %q in\n%s", message, output)
	return nil
}
