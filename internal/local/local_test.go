package local

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
)

// patience bounds what must happen, however slow the machine is. Nothing here tests speed.
const patience = 3 * time.Minute

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// output is what Run writes and the test reads.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

type running struct {
	out  *output
	stop func() error
}

func start(t *testing.T, o Options) *running {
	t.Helper()
	out := &output{}
	o.Out = out
	o.Config.LogLevel = slog.LevelWarn
	if o.Config.Project == "" {
		o.Config.Project = "rollcall-local"
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	r := &running{out: out, stop: sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return context.DeadlineExceeded
		}
	})}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("ended by %v; it wrote:\n%s", err, out)
		}
	})
	return r
}

var addressLine = regexp.MustCompile(`(?m)^Rollcall is at (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)$`)

func (r *running) address(t *testing.T) string {
	t.Helper()
	eventually(t, patience, "the address is printed", func() bool { return addressLine.MatchString(r.out.String()) })
	return addressLine.FindStringSubmatch(r.out.String())[1]
}

func eventually(t *testing.T, timeout time.Duration, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("not within %v: %s", timeout, what)
}

var (
	rowID    = regexp.MustCompile(`<tr id="([^"]+)"`)
	nextLink = regexp.MustCompile(`rel="next" href="([^"]+)"`)
)

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// listed returns the people on all pages of the table. Someone who is renamed
// meanwhile may be on two pages.
func listed(t *testing.T, address string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for path := "/?show=all"; ; {
		page := get(t, address+path)
		for _, m := range rowID.FindAllStringSubmatch(page, -1) {
			ids[m[1]] = true
		}
		next := nextLink.FindStringSubmatch(page)
		if next == nil {
			return ids
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
}

// changeLine is what is printed of a change in the invented workspace: time, name, what changed, the person's page.
func changeLine(address string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  (\S.*)  (joined|deactivated|reactivated|forgotten|[\w -]+: .+)  ` + regexp.QuoteMeta(address) + `(/users/T0ROLLCALL/(U\w+))$`)
}

// TestNewcomer: one command shows 250 people with a past, prints a line and updates the page within two
// seconds of a change, and ends cleanly.
func TestNewcomer(t *testing.T) {
	r := start(t, Options{Data: filepath.Join(t.TempDir(), "x.db"), ChangeInterval: 300 * time.Millisecond})
	address := r.address(t)
	eventually(t, patience, "250 people are on the pages", func() bool { return len(listed(t, address)) >= 250 })
	line := changeLine(address)
	eventually(t, patience, "a change is printed", func() bool { return line.MatchString(r.out.String()) })
	m := line.FindStringSubmatch(r.out.String())
	if page := get(t, address+m[3]); !strings.Contains(page, m[4]) || !strings.Contains(page, m[1]) || !strings.Contains(page, "from an event") {
		t.Errorf("the person's page does not show a change from an event:\n%s", page)
	}
	out := r.ready(t)
	if strings.Contains(out, "level=ERROR") {
		t.Errorf("errors:\n%s", out)
	}
	if strings.Contains(out, "billed") {
		t.Errorf("something is billed:\n%s", out)
	}
	if before, _, ready := strings.Cut(out, ": "+address+"\n"); !ready || !strings.HasPrefix(out, "Rollcall is at "+address) || !strings.Contains(before, "\nReady after ") {
		t.Errorf("the address is not at the beginning and where it is ready:\n%s", out)
	}
}

// TestSyncsAgain: there is a full sync at the start and at every interval.
func TestSyncsAgain(t *testing.T) {
	r := start(t, Options{ChangeInterval: time.Hour, SyncInterval: 300 * time.Millisecond})
	eventually(t, patience, "it syncs again, and the past left nothing to repair", func() bool {
		return strings.Count(r.out.String(), "250 listed, 0 inserted, 0 updated, 0 removed, 250 unchanged, drift 0") > 2
	})
}

// TestOnTheEmulators runs local mode on the gcloud emulators.
func TestOnTheEmulators(t *testing.T) {
	pubsubHost, firestoreHost := emulator.PubSub(t).Host, emulator.Firestore(t).Host
	t.Setenv("PUBSUB_EMULATOR_HOST", pubsubHost)
	t.Setenv("FIRESTORE_EMULATOR_HOST", firestoreHost)
	c := config.Local{Project: "local-emulated", Database: "(default)", PubSubHost: pubsubHost, FirestoreHost: firestoreHost}
	for range 2 { // the second start finds topics and subscriptions, and has another port to push to
		r := start(t, Options{Config: c, ChangeInterval: 300 * time.Millisecond})
		address := r.address(t)
		eventually(t, patience, "250 people are on the pages", func() bool { return len(listed(t, address)) >= 250 })
		eventually(t, patience, "a change is printed", func() bool { return changeLine(address).MatchString(r.out.String()) })
		if err := r.stop(); err != nil {
			t.Errorf("ended by %v", err)
		}
	}
}

// TestSocketMode: with tokens, a workspace is loaded and its events arrive by Socket Mode.
func TestSocketMode(t *testing.T) {
	w := fakeslack.New(fakeslack.Options{TeamID: "T0REAL", People: 60, AckTimeout: time.Second, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(w.Disconnect)
	r := start(t, Options{Config: config.Local{
		BotTokens: []config.Secret{config.Secret(w.Options().BotToken)}, AppToken: config.Secret(w.Options().AppToken), APIURL: server.URL + "/api/",
	}})
	address := r.address(t)
	eventually(t, patience, "everybody is listed", func() bool { return len(listed(t, address)) == 60 })
	joined := w.Join()[0]
	eventually(t, patience, "Slack's event is acknowledged", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return w.SendSocket(ctx, joined) == nil
	})
	eventually(t, patience, "the joiner is listed", func() bool { return listed(t, address)[joined.UserID] })
	eventually(t, patience, "and printed", func() bool {
		return strings.Contains(r.out.String(), "joined  "+address+"/users/T0REAL/"+joined.UserID)
	})
	if strings.Contains(r.out.String(), w.Options().AppToken) || strings.Contains(r.out.String(), w.Options().BotToken) {
		t.Error("a token is printed")
	}
}

func TestWrongToken(t *testing.T) {
	w := fakeslack.New(fakeslack.Options{Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	err := Run(t.Context(), Options{Out: io.Discard, Config: config.Local{Project: "p", BotTokens: []config.Secret{"xoxb-wrong"}, APIURL: server.URL + "/api/"}})
	if err == nil || !strings.Contains(err.Error(), "invalid_auth") || strings.Contains(err.Error(), "xoxb") {
		t.Errorf("error %v", err)
	}
}
