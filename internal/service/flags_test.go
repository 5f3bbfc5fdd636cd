package service

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestParseFlags: a mistake is one line that names the flag, without the help, which comes only when asked for.
func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		args  string
		usage string // the error, if it is a mistake
		out   string // the beginning of what is printed
		done  bool
	}{
		{args: ""},
		{args: "-every 3s -open"},
		{args: "-bogus", usage: "thing: no such flag: -bogus; see -help"},
		{args: "--bogus=3", usage: "thing: no such flag: -bogus; see -help"},
		{args: "-every 3", usage: `thing: invalid value "3" for flag -every: must be a duration such as 30s or 5m; see -help`},
		{args: "-count x", usage: `thing: invalid value "x" for flag -count; see -help`},
		{args: "-every", usage: "thing: flag needs an argument: -every; see -help"},
		{args: "-open=maybe", usage: `thing: invalid boolean value "maybe" for -open; see -help`},
		{args: "-open file", usage: `thing: takes only flags, not "file"; see -help`},
		{args: "-help", out: "Does things.\n  -count int\n", done: true},
		{args: "-h", out: "Does things.\n  -count int\n", done: true},
		{args: "-version", out: Version() + "\n", done: true},
	} {
		flags := flag.NewFlagSet("thing", flag.ContinueOnError)
		flags.Duration("every", time.Second, "how often")
		flags.Int("count", 1, "how many")
		flags.Bool("open", false, "whether to open it")
		var out bytes.Buffer
		err := parseFlags(flags, "Does things.\n", strings.Fields(tt.args), &out)
		wrong, isWrong := errors.AsType[UsageError](err)
		if string(wrong) != tt.usage || isWrong != (tt.usage != "") || errors.Is(err, errDone) != tt.done {
			t.Errorf("%s: error %v", tt.args, err)
		}
		if !strings.HasPrefix(out.String(), tt.out) || tt.out == "" && out.Len() > 0 {
			t.Errorf("%s: printed %q", tt.args, &out)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"(devel)", nil, "rollcall (devel), go1.26.0"},
		{"v1.2.3", []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-28T19:00:00Z"}, {Key: "vcs.modified", Value: "false"}},
			"rollcall v1.2.3, commit abc of 2026-11-28T19:00:00Z, go1.26.0"},
		{"(devel)", []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}, "rollcall (devel), commit abc, with changes since, go1.26.0"},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Path: "rollcall", Version: tt.version}, Settings: tt.settings}
		if diff := cmp.Diff(tt.want, versionOf(info)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestWithoutFlags: a server that is started with a flag does not run.
func TestWithoutFlags(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	for args, want := range map[string]string{"": "", "-port=80": "thing: no such flag: -port; see -help", "80": `thing: takes only flags, not "80"; see -help`} {
		os.Args = append([]string{"thing"}, strings.Fields(args)...)
		ran := false
		err := WithoutFlags("thing", func(context.Context) error { ran = true; return nil })(t.Context())
		wrong, _ := errors.AsType[UsageError](err)
		if string(wrong) != want || ran != (want == "") {
			t.Errorf("%q: ran %v, %v", args, ran, err)
		}
	}
}

// TestHelpOfServices: the page that -help names is there.
func TestHelpOfServices(t *testing.T) {
	defer func(args []string, out *os.File) { os.Args, os.Stdout = args, out }(os.Args, os.Stdout)
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	os.Args, os.Stdout = []string{"thing", "-help"}, file
	if err := WithoutFlags("thing", nil)(t.Context()); !errors.Is(err, errDone) {
		t.Fatal(err)
	}
	printed, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	const page = "internal/config/README.md"
	if !strings.HasPrefix(string(printed), "usage: go run ./functions/thing\n\nEnvironment variables configure it: see "+page+".\n\n  -version\n") {
		t.Errorf("printed %q", printed)
	}
	if _, err := os.Stat("../../" + page); err != nil {
		t.Error(err)
	}
}

// TestExitStatus: 0 for the help, 1 for an error and 2 for a mistake in the command line, with at most one line of output.
func TestExitStatus(t *testing.T) {
	ends := map[string]error{"help": errDone, "done": nil, "error": errors.New("boom"), "usage": UsageError("no such flag")}
	if how := os.Getenv("ENDS_BY"); how != "" {
		Main(func(context.Context) error { return ends[how] })
		os.Exit(0)
	}
	for how, want := range map[string]string{"help": "0 ", "done": "0 ", "error": "1 boom\n", "usage": "2 no such flag\n"} {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExitStatus$")
		c.Env = append(os.Environ(), "ENDS_BY="+how)
		var out bytes.Buffer
		c.Stderr = &out
		if err := c.Run(); c.ProcessState == nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s", c.ProcessState.ExitCode(), &out); got != want {
			t.Errorf("%s: %q, want %q", how, got, want)
		}
	}
}
