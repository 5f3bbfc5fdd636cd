package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/service"
)

// TestMistakes: a wrong flag is named in one line that says what is wrong with it.
func TestMistakes(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	for args, want := range map[string]string{
		"-change-every 0":                `local: invalid value "0s" for flag -change-every: must be positive; see -help`,
		"-change-every -2s":              `local: invalid value "-2s" for flag -change-every: must be positive; see -help`,
		"-change-every 1s -sync-every 0": `local: invalid value "0s" for flag -sync-every: must be positive; see -help`,
		"-sync-every 1":                  `local: invalid value "1" for flag -sync-every: must be a duration such as 30s or 5m; see -help`,
		"-people 9":                      `local: invalid value "9" for flag -people: must be a number from 10 to 20000; see -help`,
	} {
		os.Args = append([]string{"local"}, strings.Fields(args)...)
		err := run(t.Context())
		wrong, _ := errors.AsType[service.UsageError](err)
		if diff := cmp.Diff(want, string(wrong)); diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", args, err, diff)
		}
	}
}

// TestHelp: the help has what a number may be, and the intervals' defaults.
func TestHelp(t *testing.T) {
	defer func(args []string, out *os.File) { os.Args, os.Stdout = args, out }(os.Args, os.Stdout)
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	os.Args, os.Stdout = []string{"local", "-help"}, file
	if err := run(t.Context()); err == nil {
		t.Error("it ran")
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  -people number\n", "from 10 to 20000", "(default 2s)", "(default 1h0m0s)"} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("not %q in %s", want, printed)
		}
	}
}
