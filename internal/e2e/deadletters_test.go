package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/pubsub"
)

// TestRedrive: updates that arrive long before their inserts are parked. The
// command publishes them again, is killed halfway and run again, and then
// all are applied.
func TestRedrive(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	people := min(*eventsFlag*2/3, 1000)
	s := system.NewPumped(t, system.Impatient)
	publisher := pubsub.NewPublisher(s.PubSub, s.Topology.Topic)
	defer publisher.Stop()
	publish := func(operation directory.Operation, version directory.Version) {
		t.Helper()
		var all errgroup.Group
		all.SetLimit(100)
		for i := range people {
			all.Go(func() error {
				return publisher.Publish(t.Context(), directory.Change{
					Operation: operation, TeamID: system.Team, Version: version, Source: directory.FromEvent,
					User: json.RawMessage(fmt.Sprintf(`{"id":"U%04d","name":"v%d"}`, i, version)),
				})
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	// at returns how many people are stored at a version.
	at := func(version directory.Version) int {
		var n atomic.Int32
		var all errgroup.Group
		all.SetLimit(50)
		for i := range people {
			all.Go(func() error {
				if u, ok := stored(t, s, fmt.Sprintf("U%04d", i)); ok && u.Version == version && u.Name == fmt.Sprintf("v%d", version) {
					n.Add(1)
				}
				return nil
			})
		}
		all.Wait() //nolint:errcheck // no function returns one
		return int(n.Load())
	}
	dir := system.Build(t, "rollcallctl")
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), filepath.Join(dir, "rollcallctl"), append([]string{"deadletters"}, args...)...)
		c.Env = append(c.Environ(), "GOOGLE_CLOUD_PROJECT="+s.Project)
		return c
	}

	publish(directory.Update, 2)
	system.Eventually(t, 2*time.Minute, "all updates are parked", func() bool {
		out, err := command("list", "--idle", "3s").CombinedOutput()
		return err == nil && strings.HasSuffix(string(out), fmt.Sprintf("%d dead letters: %d update\n", people, people))
	})
	publish(directory.Insert, 1)
	system.Eventually(t, time.Minute, "all inserts are stored", func() bool { return at(1) == people })

	first := command("redrive", "--yes")
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "200 of ") {
			if err := first.Process.Kill(); err != nil { // -9
				t.Fatal(err)
			}
		}
	}
	if err := first.Wait(); err == nil {
		t.Fatal("the first run was not killed")
	}
	if n := at(2); n == people {
		t.Fatal("the first run had done everything: the test proves nothing")
	}
	// The killed run's leases expire within seconds.
	second := command("redrive", "--yes", "--idle", "15s")
	if out, err := second.CombinedOutput(); err != nil {
		t.Fatalf("the second run: %v\n%s", err, out)
	} else {
		t.Logf("the second run:\n%s", out)
	}
	system.Eventually(t, time.Minute, "every update is applied", func() bool { return at(2) == people })
	if parked := s.Parked(t, 1, 12*time.Second); len(parked) != 0 {
		t.Errorf("%d dead letters are left, for example %s", len(parked), parked[0].GetData())
	}
}
