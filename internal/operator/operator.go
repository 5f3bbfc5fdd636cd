// Package operator is the operator's command, rollcallctl: what an operator does
// by hand about parked messages, people, workspaces, tokens and a new deployment.
//
// It changes people by messages to the worker, which is the only writer of users. Only
// the purge of a workspace deletes documents directly.
package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	gcpubsub "cloud.google.com/go/pubsub/v2"
	"github.com/urfave/cli/v3"

	"rollcall/internal/config"
	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/deadletters"
	"rollcall/internal/service"
	"rollcall/internal/store/firestore"
	"rollcall/internal/terminal"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the environment is wrong; nothing was done
)

// Program is one run of the command, with its input and output.
type Program struct {
	In       io.Reader // of answers to questions, and of ids
	Out, Err io.Writer
	Environ  []string
	Live     bool // Out is a terminal, which can overwrite a line
}

// Run runs the command in args, after the program's name, and returns the exit code.
func (p Program) Run(ctx context.Context, args []string) int {
	err := p.command().Run(ctx, args)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(terminal.NewWriter(p.Err), "rollcallctl:", err) // the error may quote what strangers have published
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	if _, usage := errors.AsType[cli.ExitCoder](err); usage { // "help" for an unknown command
		return exitUsage
	}
	return exitFailed
}

// usageError is an error in the command line or the environment.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (p Program) command() *cli.Command {
	root := &cli.Command{
		Name:  "rollcallctl",
		Usage: "operate Rollcall by hand",
		Description: "GOOGLE_CLOUD_PROJECT names the project, and FIRESTORE_DATABASE the database (by default\n" +
			"\"(default)\"). PUBSUB_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST name emulators to use instead.\n\n" +
			"Exit code: 0 done, 1 failed, 2 wrong usage.\n" +
			"Completion: source <(rollcallctl completion bash), or zsh, fish, pwsh.",
		Commands:              []*cli.Command{p.deadLetters(), p.people(), p.workspaces(), p.tokens(), p.smoke()},
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden = false
			c.Usage = "print a script that completes commands and flags in your shell"
		},
		Suggest: true,
		Version: version(),
		Reader:  p.In, Writer: p.Out, ErrWriter: p.Err,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // Run has the one exit
	}
	prepare(root)
	return root
}

// version leaves out the program's name, which the answer to --version begins with.
func version() string { return strings.TrimPrefix(service.Version(), "rollcall ") }

// prepare makes c and all commands below it report wrong usage as an error.
func prepare(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return usagef("%s: %w (see %s --help)", c.Name, err, c.FullName())
	}
	if c.Action == nil {
		c.Action = func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return usagef("no command %q (%s --help lists them)", name, c.FullName())
			}
			if err := cli.ShowSubcommandHelp(c); err != nil {
				return err
			}
			return usagef("%s: which command?", c.FullName())
		}
	}
	for _, sub := range c.Commands {
		prepare(sub)
	}
}

// noArguments refuses arguments other than flags.
func noArguments(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments, but was given %q", c.FullName(), c.Args().First())
	}
	return nil
}

// clients are those of the commands.
type clients struct {
	config  config.Operator
	pubsub  *gcpubsub.Client
	store   *firestore.Store
	parking deadletters.Parking
}

// open opens the clients, which connect at their first use.
func (p Program) open(ctx context.Context) (*clients, error) {
	c, err := config.Load[config.Operator](p.Environ)
	if err != nil {
		return nil, usageError{err}
	}
	client, err := pubsub.Open(ctx, c.Project, false)
	if err != nil {
		return nil, err
	}
	store, err := firestore.Open(ctx, c.Project, c.Database)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &clients{c, client, store, deadletters.Parking{Client: client, Subscription: c.Parking}}, nil
}

func (c *clients) close() error { return errors.Join(c.pubsub.Close(), c.store.Close()) }

// with runs do with open clients.
func (p Program) with(ctx context.Context, do func(*clients) error) error {
	c, err := p.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.close())
}

var errNotConfirmed = errors.New("nothing was done: answer y, or pass --yes")

// confirm asks the question unless yes is set.
func (p Program) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(p.Out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	fmt.Fprintln(p.Out)
	if answer := strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errNotConfirmed
	}
	return nil
}

// Flags of several commands.
func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}
}

func teamFlag() cli.Flag {
	return &cli.StringFlag{Name: "team", Usage: "the `workspace`, T…", Required: true, Validator: func(id string) error {
		return directory.ValidateID("team", id)
	}}
}

// ids returns distinct user ids in the given order.
func ids(given []string) ([]string, error) {
	var all []string
	for _, id := range given {
		if err := directory.ValidateID("user", id); err != nil {
			return nil, usagef("%q: %w", id, err)
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all, nil
}
