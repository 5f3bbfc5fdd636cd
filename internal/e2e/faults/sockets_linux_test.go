package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/e2e/system"
)

// sockets returns the number of the program's open sockets.
func (p *program) sockets(t *testing.T) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.Command.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// expectSockets expects no more sockets than before.
func (p *program) expectSockets(t *testing.T, before int) {
	t.Helper()
	system.Eventually(t, 10*time.Second, fmt.Sprintf("%s has %d sockets", p.name, before), func() bool { return p.sockets(t) <= before })
}
