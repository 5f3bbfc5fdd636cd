package infra_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"rollcall/internal/emulator"
)

// TestRehearsal runs the manual's steps on the emulators.
func TestRehearsal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needs(t, "bash")
	c := exec.CommandContext(t.Context(), "bash", "rehearse.sh")
	c.Env = append(os.Environ(), "PUBSUB_EMULATOR_HOST="+emulator.PubSub(t).Host, "FIRESTORE_EMULATOR_HOST="+emulator.Firestore(t).Host)
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "# All steps done.\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestManualIsRehearsed: the rehearsal runs every rollcallctl command of the manual.
func TestManualIsRehearsed(t *testing.T) {
	script := read(t, "rehearse.sh")
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, "OPERATING.md"), -1) {
		for line := range strings.Lines(block[1]) {
			command, _, _ := strings.Cut(line, "  #")
			if command = strings.TrimSpace(command); !strings.HasPrefix(command, "rollcallctl ") {
				continue
			}
			commands++
			if !regexp.MustCompile(regexp.QuoteMeta(command) + `( --yes)?(\)|;|$| \|)`).MatchString(strings.ReplaceAll(script, "\n", ";")) {
				t.Errorf("infra/rehearse.sh does not run: %s", command)
			}
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands are in the manual", commands)
	}
}
