// Package fullsync tests full syncs as a whole, on the real emulators.
package fullsync

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/syncs"
)

func TestMain(m *testing.M) { os.Exit(system.Main(m)) }

// invented is a workspace whose events go to a system's webhook.
type invented struct {
	*system.Workspace
	sent sync.WaitGroup

	mu      sync.Mutex
	changed map[string]bool // people with events
}

func invent(t *testing.T, s *system.System, o fakeslack.Options) *invented {
	t.Helper()
	w := &invented{changed: map[string]bool{}}
	o.OnEvent = func(e fakeslack.Event) {
		w.mu.Lock()
		w.changed[e.UserID] = true
		w.mu.Unlock()
		w.sent.Go(func() { w.send(t, s, e) })
	}
	w.Workspace = system.Invent(t, o)
	return w
}

func (w *invented) send(t *testing.T, s *system.System, e fakeslack.Event) {
	if status, err := s.Post(t.Context(), string(e.Envelope)); err != nil || status != http.StatusOK {
		t.Errorf("event: status %d, error %v", status, err)
	}
}

// sync returns the outcome and how often the listing started over.
func (w *invented) sync(t *testing.T, s *system.System) (outcome syncs.Sync, anew int) {
	t.Helper()
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
	publisher := pubsub.NewPublisher(s.PubSub, s.Topology.Topic)
	defer publisher.Stop()
	start := time.Now()
	outcome, err := fullsync.Run(t.Context(), fullsync.Options{
		Slack: webapi.New(w.URL, w.Options().BotToken, log), Store: s.Store, Publisher: publisher, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	anew = bytes.Count(lines.Bytes(), []byte("listing starts over"))
	t.Logf("synced in %v, started over %d times: %+v", time.Since(start).Round(time.Second), anew, outcome)
	return outcome, anew
}

// writes returns when each document was written.
func writes(t *testing.T, s *system.System) map[string]time.Time {
	t.Helper()
	at := map[string]time.Time{}
	for _, r := range []directory.FingerprintRange{directory.Listed, directory.Externals} {
		all, err := s.Store.Fingerprints(t.Context(), system.Team, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range all {
			at[u.ID] = u.Written
		}
	}
	return at
}

var peopleFlag = flag.Int("people", 1200, "how many people TestFullSync has")

// TestFullSync: in a workspace with every fault of Slack's, one event in
// twenty is lost, and people come and go during the walk. One sync repairs everything, and
// the next one has nothing to do.
func TestFullSync(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes minutes")
	}
	s := system.NewPumped(t, system.Impatient)
	worst := fakeslack.Faults{RateLimitEvery: 17, RatelimitedIn200Every: 13, RetryAfter: 1, ErrorEvery: 11, ShortPages: true}
	size := *peopleFlag
	worst.MaxLimit = max(200, size/20) // pages of a hundred people are the smallest that a sync asks for
	w := invent(t, s, fakeslack.Options{People: size, PageSize: size / 20, Faults: worst})
	if first, _ := w.sync(t, s); first.Inserted != size {
		t.Errorf("%d inserted at first", first.Inserted)
	}
	w.Converges(t, s)

	rng := rand.New(rand.NewPCG(1, 2))
	lost, events, told := 0, 0, map[string]bool{}
	for range size * 3 / 20 {
		for _, e := range w.Step(rng) {
			told[e.UserID] = true
			if events++; events%20 == 0 {
				lost++
				continue
			}
			w.send(t, s, e)
		}
	}
	people := w.Users()
	removed := 0
	remove := func(user json.RawMessage) {
		id := system.AsStored(t, user).ID
		if told[id] { // a listing may be older than a recent event: the next syncs look again
			return
		}
		removed++
		if err := w.Remove(id); err != nil {
			t.Error(err)
		}
	}
	for i := range size / 100 {
		remove(people[size/20+60*i])
	}
	t.Logf("%d events of %d lost", lost, events)
	time.Sleep(3 * time.Second) // messages in flight arrive; a page's version has whole seconds

	worst.Churn = 3
	w.SetFaults(worst)
	calls := 0
	w.OnList = func() {
		switch calls++; calls {
		case 20: // this one's cursor has expired: the listing starts over
			expired := worst
			expired.ExpireCursorEvery = 1
			w.SetFaults(expired)
		case 21:
			w.SetFaults(worst)
		case 30: // more people leave before the walk reaches them
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, user := range people[len(people)-size/8 : len(people)-size/20] { // after them come joiners, some without events
				if !w.changed[system.AsStored(t, user).ID] { // people who changed during the walk are left to the next sync
					remove(user)
				}
			}
		}
	}
	repaired, anew := w.sync(t, s)
	w.OnList = nil
	w.sent.Wait()
	w.Converges(t, s)
	if removed < size/20 || repaired.Removed < removed || repaired.Drift == 0 && repaired.Updated < lost/4 || anew != 1 {
		t.Errorf("started over %d times, %+v", anew, repaired)
	}

	worst.Churn = 0
	w.SetFaults(worst)
	before := writes(t, s)
	again, _ := w.sync(t, s)
	if again.Inserted+again.Updated+again.Removed > 0 || again.Unchanged != again.Listed {
		t.Errorf("a second time: %+v", again)
	}
	time.Sleep(2 * time.Second)
	if diff := cmp.Diff(before, writes(t, s)); diff != "" {
		t.Errorf("written needlessly (-before +after):\n%.2000s", diff)
	}
}

// job starts the program.
func job(t *testing.T, s *system.System, w *invented, tokens string, args ...string) (command *exec.Cmd, out, log *bytes.Buffer) {
	t.Helper()
	out, log = new(bytes.Buffer), new(bytes.Buffer)
	command = exec.CommandContext(t.Context(), filepath.Join(system.Build(t, "fullsync"), "fullsync"), args...)
	command.Env = append(command.Environ(), "GOOGLE_CLOUD_PROJECT="+s.Project, "SLACK_BOT_TOKENS="+tokens, "SLACK_API_URL="+w.URL)
	command.Stdout, command.Stderr = out, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, out, log
}

// TestStoppedJob: after a kill or a stop in the middle of the walk, the job continues at its
// next start and ends as if nothing had happened.
func TestStoppedJob(t *testing.T) {
	for name, tt := range map[string]struct {
		signal syscall.Signal
		state  syncs.State
	}{
		"killed":  {syscall.SIGKILL, syncs.Running},
		"SIGTERM": {syscall.SIGTERM, syncs.Interrupted},
	} {
		t.Run(name, func(t *testing.T) {
			s := system.New(t, nil)
			w := invent(t, s, fakeslack.Options{People: 900, PageSize: 75, Faults: fakeslack.Faults{MaxLimit: 250, RateLimitEvery: 8, RetryAfter: 2}})
			checkpoints := func() (syncs.Sync, int) {
				records, err := s.Store.Syncs(t.Context(), system.Team, 1)
				if err != nil || len(records) == 0 {
					return syncs.Sync{}, 0
				}
				pages, err := s.Store.SyncPages(t.Context(), system.Team, records[0].ID)
				if err != nil {
					t.Fatal(err)
				}
				return records[0], len(pages)
			}
			stopped, _, _ := job(t, s, w, w.Options().BotToken)
			system.Eventually(t, 30*time.Second, "some pages are walked", func() bool { _, pages := checkpoints(); return pages >= 3 })
			signalled := time.Now()
			if err := stopped.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			if err := stopped.Wait(); err == nil || time.Since(signalled) > 5*time.Second {
				t.Errorf("it ended after %v by %v", time.Since(signalled), err)
			}
			before, pages := checkpoints()
			if before.State != tt.state {
				t.Fatalf("it left %+v", before)
			}
			again, _, log := job(t, s, w, w.Options().BotToken)
			if err := again.Wait(); err != nil {
				t.Fatalf("%v:\n%s", err, log)
			}
			after, left := checkpoints()
			if after.ID != before.ID || after.State != syncs.Done || after.Listed != 900 || left != 0 {
				t.Errorf("after %+v comes %+v, with %d checkpoints left", before, after, left)
			}
			if !bytes.Contains(log.Bytes(), fmt.Appendf(nil, `"pages":%d`, pages)) {
				t.Errorf("it does not say that it resumes after %d pages:\n%s", pages, log)
			}
			w.Converges(t, s)
			if bytes.Contains(log.Bytes(), []byte(w.Options().BotToken)) {
				t.Error("the token is in the log")
			}
		})
	}
}

// TestJob: a dry run prints and changes nothing. One workspace's failure does
// not stop the others, and sets the exit code.
func TestJob(t *testing.T) {
	s := system.New(t, nil)
	w := invent(t, s, fakeslack.Options{People: 60})
	before, err := s.Store.Workspaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dry, out, log := job(t, s, w, w.Options().BotToken, "-dry-run")
	if err := dry.Wait(); err != nil || bytes.Count(out.Bytes(), []byte("insert\tU")) != 60 || !bytes.Contains(log.Bytes(), []byte("60 inserted")) {
		t.Errorf("a dry run ended by %v:\n%s%s", err, out, log)
	}
	records, err := s.Store.Syncs(t.Context(), system.Team, 1)
	after, err2 := s.Store.Workspaces(t.Context())
	if diff := cmp.Diff(before, after); len(records) > 0 || diff != "" || err != nil || err2 != nil {
		t.Errorf("a dry run left %v, %v, %v, workspaces (-before +after):\n%s", records, err, err2, diff)
	}
	failed, _, log := job(t, s, w, "xoxb-wrong,"+w.Options().BotToken)
	if err := failed.Wait(); err == nil || failed.ProcessState.ExitCode() != 1 || !bytes.Contains(log.Bytes(), []byte("workspace 1 of 2")) || !bytes.Contains(log.Bytes(), []byte("invalid_auth")) {
		t.Errorf("with one wrong token it ended by %v:\n%s", err, log)
	}
	w.Converges(t, s)
}
