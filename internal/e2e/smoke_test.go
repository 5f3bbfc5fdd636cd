package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
)

// TestSmoke: the smoke test passes on local mode, and fails when
// it should.
func TestSmoke(t *testing.T) {
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	dir := system.Build(t, "local", "rollcallctl")
	project := fmt.Sprintf("GOOGLE_CLOUD_PROJECT=e2e-smoke-%d", os.Getpid())
	local := system.Run(t, filepath.Join(dir, "local"), project)
	test := func(secret string, args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), filepath.Join(dir, "rollcallctl"), append([]string{"smoke", "--webhook", local.Address + "/slack/events", "--api", local.Address + "/api/"}, args...)...)
		c.Env = append(os.Environ(), project, "SLACK_SIGNING_SECRET="+secret)
		out, err := c.CombinedOutput()
		return string(out), err
	}

	out, err := test("invented-signing-secret")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `^unsigned request refused\nunknown token refused\n` + strings.Repeat(`\w+ +accepted after \d+.*s, visible after \d+.*s\n`, 4) + `ok +\d+.*s in all\n$`
	if !regexp.MustCompile(want).MatchString(out) {
		t.Errorf("it says:\n%s", out)
	}
	t.Log("\n" + out)

	if out, err := test("another"); err == nil || !strings.Contains(out, "joined: deliver: HTTP status 401") {
		t.Errorf("with the wrong secret: %v\n%s", err, out)
	}
	if out, err := test("invented-signing-secret", "--within", "1ms"); err == nil || !strings.Contains(out, "joined: not visible within 1ms") {
		t.Errorf("with a short timeout: %v\n%s", err, out)
	}
	if out, err := test("invented-signing-secret", "--webhook", "nowhere"); err == nil || !strings.Contains(out, "give the address") {
		t.Errorf("without an address: %v\n%s", err, out)
	}
	if out, err := test("invented-signing-secret", "--webhook", local.Address+"/health"); err == nil || !strings.Contains(out, "unsigned request: answered") {
		t.Errorf("where anybody may post: %v\n%s", err, out)
	}
	if out, err := test("invented-signing-secret", "--api", local.Address+"/slack/events"); err == nil || !strings.Contains(out, "unknown token: answered") {
		t.Errorf("where no API is: %v\n%s", err, out)
	}
	local.Stop(t)
}
