package system

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/emulator"
)

// programs is the folder for what [Build] builds. All tests of a package share it, because Go does not
// rebuild a program that is up to date.
var programs = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "rollcall") })

// Main is [emulator.Main] for packages that build programs, which it removes at the end.
func Main(m *testing.M) int {
	code := emulator.Main(m)
	if dir, err := programs(); err == nil {
		os.RemoveAll(dir) //nolint:errcheck // it is in the folder for temporary files
	}
	return code
}

// Build builds functions and returns the folder with the programs.
func Build(t testing.TB, names ...string) (dir string) {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// Without debug information, as in the images: that links faster.
	args := []string{"build", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "rollcall/functions/"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// Process is a running server.
type Process struct {
	Address string // base URL
	Port    int
	Command *exec.Cmd
	Output  *bytes.Buffer // read it after the process has ended
}

// Run starts the program at a path, see [Start].
func Run(t *testing.T, path string, environ ...string) *Process {
	t.Helper()
	return Start(t, exec.CommandContext(context.WithoutCancel(t.Context()), path), 0, environ...)
}

// Start starts a server on a port (0: a free one) and waits until it is healthy. It ends with the test.
func Start(t *testing.T, command *exec.Cmd, port int, environ ...string) *Process {
	t.Helper()
	p := &Process{Port: cmp.Or(port, emulator.FreePort(t)), Command: command, Output: new(bytes.Buffer)}
	p.Address = fmt.Sprintf("http://127.0.0.1:%d", p.Port)
	p.Command.Env = append(os.Environ(), append(environ, fmt.Sprintf("PORT=%d", p.Port))...)
	p.Command.Stdout, p.Command.Stderr = p.Output, p.Output
	if err := p.Command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	Eventually(t, 10*time.Second, filepath.Base(command.Path)+" is healthy", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Address+"/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return p
}

// Stop sends SIGTERM and expects exit code 0.
func (p *Process) Stop(t *testing.T) {
	t.Helper()
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Command.Wait(); err != nil {
		t.Errorf("%s ended by %v:\n%s", p.Command.Path, err, p.Output)
	}
}

// Kill sends SIGKILL and waits for the end of the process, which may have ended already.
func (p *Process) Kill() {
	p.Command.Process.Kill() //nolint:errcheck // it may have ended
	p.Command.Wait()         //nolint:errcheck // it was killed
}
