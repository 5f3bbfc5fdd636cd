package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
	"rollcall/internal/store/firestore"
)

// TestTheProgramsThemselves: the deployed programs, configured by environment, take a change
// from Slack to the page, and end cleanly on SIGTERM while they work.
func TestTheProgramsThemselves(t *testing.T) {
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	t.Setenv("K_SERVICE", "")
	dir := system.Build(t, "webhook", "worker", "ui")
	s := &system.System{Project: fmt.Sprintf("e2e-programs-%d", os.Getpid()), Topology: pubsub.Production()}
	project := "GOOGLE_CLOUD_PROJECT=" + s.Project
	hook := system.Run(t, filepath.Join(dir, "webhook"), project, "SLACK_SIGNING_SECRET="+system.Secret)
	work := system.Run(t, filepath.Join(dir, "worker"), project)
	page := system.Run(t, filepath.Join(dir, "ui"), project, "AUTH=none", "LOG_LEVEL=ERROR")
	s.Webhook, s.UI, s.Topology.PushEndpoint = hook.Address, page.Address, work.Address+"/"

	ctx := context.WithoutCancel(t.Context())
	var err error
	if s.PubSub, err = pubsub.Open(ctx, s.Project, false); err != nil {
		t.Fatal(err)
	}
	defer s.PubSub.Close()
	if s.Store, err = firestore.Open(ctx, s.Project, "(default)"); err != nil {
		t.Fatal(err)
	}
	defer s.Store.Close()
	if err := s.Store.PutWorkspace(t.Context(), directory.Workspace{ID: system.Team, Name: "End to end"}); err != nil {
		t.Fatal(err)
	}
	if status, err := s.Post(ctx, events.Callback("team_join", `{"id":"U1"}`, 1, "Ev1")); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("without a topic: status %d, error %v", status, err)
	}
	if err := s.Topology.Ensure(ctx, s.PubSub); err != nil {
		t.Fatal(err)
	}
	s.MustPost(t, events.Callback("team_join", `{"id":"U1","name":"sesame","profile":{"real_name":"Open Sesame"}}`, 1648596712000001, "Ev2"))
	system.Eventually(t, 20*time.Second, "the person is on the page", func() bool {
		_, html := pageOf(t, s, "/users/"+system.Team+"/U1")
		return strings.Contains(html, "Open Sesame")
	})

	// SIGTERM during a burst: every event answered 200 is stored.
	var mu sync.Mutex
	accepted := map[string]bool{}
	var burst sync.WaitGroup
	for i := range 200 {
		burst.Go(func() {
			id := fmt.Sprintf("UB%03d", i)
			status, err := s.Post(ctx, events.Callback("team_join", `{"id":"`+id+`"}`, 1648596712000001, "Ev"+id))
			mu.Lock()
			defer mu.Unlock()
			accepted[id] = err == nil && status == http.StatusOK
		})
		if i == 100 {
			hook.Stop(t)
		}
	}
	burst.Wait()
	system.Eventually(t, 30*time.Second, "every accepted event is stored", func() bool {
		for id, ok := range accepted {
			if _, stored := stored(t, s, id); ok && !stored {
				return false
			}
		}
		return true
	})
	work.Stop(t)
	page.Stop(t)
	if !strings.Contains(page.Output.String(), `"audit":true`) {
		t.Errorf("with LOG_LEVEL=ERROR nothing says who looked at whom:\n%s", page.Output)
	}
	for _, p := range []*system.Process{hook, work, page} {
		if strings.Contains(p.Output.String(), "esame") || strings.Contains(p.Output.String(), system.Secret) {
			t.Errorf("%s logs a profile or the signing secret:\n%s", p.Command.Path, p.Output)
		}
	}
}

// TestMisconfigured: a program without required settings names all of them and exits with 1.
func TestMisconfigured(t *testing.T) {
	dir := system.Build(t, "webhook")
	command := exec.CommandContext(t.Context(), filepath.Join(dir, "webhook"))
	command.Env = []string{"PORT=x"}
	out, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 1 {
		t.Errorf("ended by %v", err)
	}
	for _, want := range []string{"GOOGLE_CLOUD_PROJECT", "SLACK_SIGNING_SECRET", "PORT"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%s is not named:\n%s", want, out)
		}
	}
}
