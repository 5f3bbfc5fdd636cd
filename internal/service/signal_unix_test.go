//go:build unix

package service

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal: a second Ctrl-C ends the program at once.
func TestSecondSignal(t *testing.T) {
	if os.Getenv("STUBBORN") != "" {
		Main(func(ctx context.Context) error {
			fmt.Println("running")
			<-ctx.Done()
			fmt.Println("stopping")
			time.Sleep(time.Minute)
			return nil
		})
		return
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondSignal$")
	c.Env = append(os.Environ(), "STUBBORN=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch strings.TrimSpace(lines.Text()) {
		case "running", "stopping":
			time.Sleep(100 * time.Millisecond) // for AfterFunc, which runs concurrently
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || time.Since(start) > 30*time.Second {
		t.Errorf("ended by %v after %v", err, time.Since(start))
	}
}
