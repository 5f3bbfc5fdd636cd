package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// UsageError is a mistake in the command line. [Main] exits with status 2 after it.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// errDone ends a program that was only asked for its help or version.
var errDone = errors.New("nothing else to do")

// ParseFlags parses the arguments of a command that takes nothing but flags, and adds -version to them. Return its error from [Main]'s
// function: it is a [UsageError] of one line, or says that the help or the version is printed.
func ParseFlags(flags *flag.FlagSet, usage string, args []string) error {
	return parseFlags(flags, usage, args, os.Stdout)
}

func parseFlags(flags *flag.FlagSet, usage string, args []string, out io.Writer) error {
	version := flags.Bool("version", false, "print the version")
	flags.Usage = func() {}
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return errDone
	case err != nil:
		what := strings.Replace(err.Error(), "flag provided but not defined: ", "no such flag: ", 1)
		what = strings.TrimSuffix(what, ": parse error") // says nothing
		flags.VisitAll(func(f *flag.Flag) {
			if value, ok := f.Value.(flag.Getter); ok && strings.HasSuffix(what, " for flag -"+f.Name) {
				if _, ok := value.Get().(time.Duration); ok { // mostly one without a unit
					what += ": must be a duration such as 30s or 5m"
				}
			}
		})
		return UsageError(fmt.Sprintf("%s: %s; see -help", flags.Name(), what))
	case flags.NArg() > 0:
		return UsageError(fmt.Sprintf("%s: takes only flags, not %q; see -help", flags.Name(), flags.Arg(0)))
	case *version:
		fmt.Fprintln(out, Version())
		return errDone
	}
	return nil
}

// WithoutFlags is run for a program that takes only -help and -version, because environment variables configure it.
func WithoutFlags(name string, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		flags := flag.NewFlagSet(name, flag.ContinueOnError)
		if err := ParseFlags(flags, fmt.Sprintf("usage: go run ./functions/%s\n\nEnvironment variables configure it: see internal/config/README.md.\n\n", name), os.Args[1:]); err != nil {
			return err
		}
		return run(ctx)
	}
}

// Version returns the module's version and the commit that it was built from, as far as the build recorded them.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "rollcall, of an unknown version"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := strings.TrimSpace(info.Main.Path + " " + info.Main.Version)
	if revision := settings["vcs.revision"]; revision != "" {
		text += ", commit " + revision
		if at := settings["vcs.time"]; at != "" {
			text += " of " + at
		}
		if settings["vcs.modified"] == "true" {
			text += ", with changes since"
		}
	}
	return text + ", " + info.GoVersion
}
