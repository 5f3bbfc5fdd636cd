package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	rollcallpubsub "rollcall/internal/pubsub"
)

// world is Google's in-process Pub/Sub with parked letters.
type world struct {
	client *pubsub.Client
	server *pstest.Server
	topic  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := pstest.NewServer()
	t.Cleanup(func() { server.Close() })
	t.Setenv("PUBSUB_EMULATOR_HOST", server.Addr)
	t.Setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1") // nothing connects to it
	client, err := pubsub.NewClient(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	topology := rollcallpubsub.Production()
	if err := topology.Ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	return &world{client, server, topology.Topic}
}

// park parks a message as Pub/Sub would and returns its id.
func (w *world) park(t *testing.T, operation, user string) string {
	t.Helper()
	data := fmt.Sprintf(`{"operation":%q,"team_id":"T1","user":{"id":%q},"version":5,"source":"event"}`, operation, user)
	attributes := map[string]string{
		"operation": operation, "team_id": "T1", "source": "event",
		"CloudPubSubDeadLetterSourceDeliveryCount": "5", "CloudPubSubDeadLetterSourceSubscription": "user-events-worker",
	}
	if operation == "" {
		data, attributes = "nonsense", map[string]string{"CloudPubSubDeadLetterSourceDeliveryCount": "5"}
	}
	return w.server.Publish("projects/p/topics/user-events-dead", []byte(data), attributes)
}

// idle is above 500 ms, after which pstest retries an empty pull. A pull that is cancelled at
// that moment would leave letters leased to nobody.
const idle = 750 * time.Millisecond

// run runs "deadletters" and answers its question.
func (w *world) run(t *testing.T, answer string, args ...string) (string, error) {
	t.Helper()
	return w.runAsked(t, strings.NewReader(answer), args...)
}

func (w *world) runAsked(t *testing.T, in io.Reader, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	p := Program{In: in, Out: &out, Err: &out, Environ: []string{"GOOGLE_CLOUD_PROJECT=p", "USER_EVENTS_TOPIC=" + w.topic}}
	err := p.command().Run(ctx, append([]string{"rollcallctl", "deadletters"}, append(args, "--idle", idle.String())...))
	return out.String(), err
}

// published returns the messages published to the topic.
func (w *world) published() (all []*pstest.Message) {
	for _, m := range w.server.Messages() {
		if m.Topic == "projects/p/topics/user-events" {
			all = append(all, m)
		}
	}
	return all
}

func TestListAndShow(t *testing.T) {
	w := newWorld(t)
	if out, err := w.run(t, "", "list"); err != nil || out != "no dead letters\n" {
		t.Errorf("none: %q, %v", out, err)
	}
	a, b, c := w.park(t, "update", "U1"), w.park(t, "delete", "U2"), w.park(t, "", "")
	for range 2 { // listing removes nothing
		out, err := w.run(t, "", "list")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{a, b, c, "U1", "U2", "T1", "3 dead letters: 1 delete, 1 unknown, 1 update\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("list lacks %q:\n%s", want, out)
			}
		}
	}
	for args, want := range map[string]string{
		"--user U1": "1 dead letter: 1 update", "--operation delete": "1 dead letter: 1 delete", "--team T2": "no dead letters",
		"--id " + a + " --id " + c: "2 dead letters: 1 unknown, 1 update",
	} {
		if out, err := w.run(t, "", append([]string{"list"}, strings.Fields(args)...)...); err != nil || !strings.HasSuffix(out, want+"\n") {
			t.Errorf("list %s: %v\n%s", args, err, out)
		}
	}
	out, err := w.run(t, "", "show", "--id", a)
	if err != nil || !strings.Contains(out, `"data":{"operation":"update"`) || !strings.Contains(out, `"attempts":5`) {
		t.Errorf("show: %v\n%s", err, out)
	}
	if out, err = w.run(t, "", "show", "--id", c); err != nil || !strings.Contains(out, `"data":"nonsense"`) {
		t.Errorf("show what is not JSON: %v\n%s", err, out)
	}
}

// TestTerminal: letters from strangers cannot control the terminal that shows them.
func TestTerminal(t *testing.T) {
	w := newWorld(t)
	const nasty = "\x1b]0;owned\x07\u009b2J\u202e\nupdate"
	w.server.Publish("projects/p/topics/user-events-dead", []byte(`{"operation":"update","team_id":"T1","user":{"id":"U1","name":"\u009b2J\u202e"},"version":5,"source":"event"}`),
		map[string]string{"operation": nasty, "team_id": nasty, "source": nasty + "\ta\tb"})
	for _, action := range []string{"list", "show", "redrive", "discard"} {
		out, err := w.run(t, "n\n", action)
		if i := strings.IndexFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
			t.Errorf("%s writes %q", action, out)
		}
		if err == nil && !strings.Contains(out, "owned") || strings.Count(out, "\n") > 3 {
			t.Errorf("%s: %v\n%s", action, err, out)
		}
	}
}

func TestRedrive(t *testing.T) {
	w := newWorld(t)
	w.park(t, "update", "U1")
	w.park(t, "update", "U2")
	nonsense := w.park(t, "", "")

	out, err := w.run(t, "n\n", "redrive")
	if !errors.Is(err, errNotConfirmed) || !strings.Contains(out, "3 dead letters: 1 unknown, 2 update\nPublish them to user-events again? [y/N]") {
		t.Errorf("not confirmed: %v\n%s", err, out)
	}
	if _, err := w.run(t, "", "redrive"); !errors.Is(err, errNotConfirmed) {
		t.Errorf("nobody answers: %v", err)
	}
	if got := w.published(); len(got) != 0 {
		t.Fatalf("%d published unasked", len(got))
	}
	if out, err := w.run(t, "y\n", "redrive", "--operation", "update"); err != nil || !strings.HasSuffix(out, "2 published again\n") {
		t.Errorf("%v\n%s", err, out)
	}
	got := w.published()
	if len(got) != 2 {
		t.Fatalf("%d published", len(got))
	}
	for _, m := range got {
		if len(m.Attributes) != 3 || m.Attributes["operation"] != "update" || !strings.Contains(string(m.Data), `"version":5`) {
			t.Errorf("published with attributes %v: %s", m.Attributes, m.Data)
		}
	}
	if out, err := w.run(t, "", "list"); err != nil || !strings.Contains(out, nonsense) || !strings.HasSuffix(out, "1 dead letter: 1 unknown\n") {
		t.Errorf("left: %v\n%s", err, out)
	}
	if out, err := w.run(t, "", "redrive", "--yes", "--team", "T9"); err != nil || out != "no dead letters\n" {
		t.Errorf("none matches: %v\n%s", err, out)
	}
}

// TestRedriveRefused: a letter that Pub/Sub refuses stays parked.
func TestRedriveRefused(t *testing.T) {
	w := newWorld(t)
	w.topic = "no-such-topic"
	w.park(t, "update", "U1")
	out, err := w.run(t, "", "redrive", "--yes")
	if err == nil || !strings.Contains(err.Error(), "1 of 1 may still be parked") || !strings.Contains(out, "0 published again") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := w.run(t, "", "list"); err != nil || !strings.Contains(out, "U1") {
		t.Errorf("after that: %v\n%s", err, out)
	}
}

// elsewhere answers y once another run has leased all letters.
type elsewhere struct {
	t *testing.T
	w *world
}

func (e elsewhere) Read(answer []byte) (int, error) {
	_, err := e.w.client.SubscriptionAdminClient.Pull(e.t.Context(), &pubsubpb.PullRequest{
		Subscription: "projects/p/subscriptions/user-events-dead-parked", MaxMessages: 10,
	})
	return copy(answer, "y\n"), err
}

// TestOnLeaseElsewhere: letters that another run has leased are reported as missed.
func TestOnLeaseElsewhere(t *testing.T) {
	for _, action := range []string{"redrive", "discard"} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			w.park(t, "update", "U1")
			out, err := w.runAsked(t, elsewhere{t, w}, action)
			if !errors.Is(err, errMissed) || !strings.HasPrefix(err.Error(), "0 of 1") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestDiscard(t *testing.T) {
	w := newWorld(t)
	w.park(t, "update", "U1")
	bad := w.park(t, "", "")
	if _, err := w.run(t, "no\n", "discard"); !errors.Is(err, errNotConfirmed) {
		t.Errorf("not confirmed: %v", err)
	}
	if out, err := w.run(t, "yes\n", "discard", "--id", bad); err != nil || !strings.Contains(out, "1 dead letter: 1 unknown\nDrop them for good?") || !strings.HasSuffix(out, "1 dropped\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := w.run(t, "", "list"); err != nil || strings.Contains(out, bad) || !strings.HasSuffix(out, "1 dead letter: 1 update\n") {
		t.Errorf("left: %v\n%s", err, out)
	}
	if got := w.published(); len(got) != 0 {
		t.Errorf("%d published", len(got))
	}
}
