package sdks

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"rollcall/internal/config"
	"rollcall/internal/local"
)

var blocks = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// block returns the README's block in a language that reads the API.
func block(t *testing.T, language string) string {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range blocks.FindAllStringSubmatch(string(readme), -1) {
		if found[1] == language && strings.Contains(found[2], "ROLLCALL_URL") {
			if n := strings.Count(found[2], "\n"); n > 6 {
				t.Errorf("%s has %d lines", language, n)
			}
			return found[2]
		}
	}
	t.Fatalf("the README has no %s that uses ROLLCALL_URL", language)
	return ""
}

// Example's body is the README's Go, see [TestREADME].
func Example() {
	ctx := context.Background()
	client := slack.New(os.Getenv("ROLLCALL_TOKEN"), slack.OptionAPIURL(os.Getenv("ROLLCALL_URL")))
	users, err := client.GetUsersContext(ctx, slack.GetUsersOptionLimit(1000))
	for _, u := range users {
		fmt.Println(u.ID, u.RealName)
	}
	if err != nil {
		fmt.Println(err)
	}
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var printed = regexp.MustCompile(`is at (http://\S+/api/) with the token (rct_\w+)`)

// TestREADME: the README's programs read local mode, with the address and token that it prints.
func TestREADME(t *testing.T) {
	install(t)
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(block(t, "go")) {
		if !strings.Contains(string(source), "\t"+line) {
			t.Errorf("the README's Go has a line that Example has not: %s", line)
		}
	}
	out := &output{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- local.Run(ctx, local.Options{Config: config.Local{Project: "rollcall-local", LogLevel: slog.LevelWarn},
			ChangeInterval: time.Hour, SyncInterval: time.Hour, Out: out})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var found []string
	for deadline := time.Now().Add(30 * time.Second); found == nil; time.Sleep(20 * time.Millisecond) {
		if found = printed.FindStringSubmatch(out.String()); found == nil && time.Now().After(deadline) {
			t.Fatalf("no address was printed: %s", out)
		}
	}
	t.Setenv("ROLLCALL_URL", found[1])
	t.Setenv("ROLLCALL_TOKEN", found[2])
	client := slack.New(found[2], slack.OptionAPIURL(found[1]))
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if users, err := client.GetUsersContext(t.Context()); err == nil && len(users) == 250 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d people, error %v", len(users), err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "readme.mjs"), []byte(block(t, "js")), 0o600); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(string(node(t, nil, "readme.mjs"))), "\n"); len(lines) != 250 {
		t.Errorf("JavaScript prints %d people: %.300q", len(lines), lines)
	}
	answer, err := exec.CommandContext(t.Context(), "sh", "-c", block(t, "sh")).CombinedOutput()
	if n := bytes.Count(answer, []byte(`"real_name_normalized"`)); err != nil || n < 150 || !bytes.HasPrefix(answer, []byte(`{"ok":true`)) {
		t.Errorf("curl prints %d people, error %v: %.300s", n, err, answer)
	}
	python(t)
}

// python runs the README's Python if slack_sdk is installed. If only Python is, it checks the syntax.
func python(t *testing.T) {
	t.Helper()
	program := block(t, "python")
	if exec.CommandContext(t.Context(), "python3", "--version").Run() != nil {
		return
	}
	args := []string{"-c", program}
	if exec.CommandContext(t.Context(), "python3", "-c", "import slack_sdk").Run() != nil {
		args = []string{"-c", "import ast, sys; ast.parse(sys.argv[1])", program}
	}
	if out, err := exec.CommandContext(t.Context(), "python3", args...).CombinedOutput(); err != nil {
		t.Errorf("Python: %v: %s", err, out)
	} else if lines := slices.Collect(strings.Lines(string(out))); len(args) == 2 && len(lines) != 250 {
		t.Errorf("Python prints %d people", len(lines))
	}
}
