package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"rollcall/internal/pubsub/deadletters"
	"rollcall/internal/terminal"
)

// progressStep is the number of letters or documents between two lines of progress, if Out is not a terminal.
const progressStep = 100

func (p Program) deadLetters() *cli.Command {
	action := func(name, usage string, do func(letters, context.Context, deadletters.Filter) error, extra ...cli.Flag) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgValidator: noArguments, Flags: append(letterFlags(), extra...),
			Action: func(ctx context.Context, c *cli.Command) error {
				return p.with(ctx, func(open *clients) error {
					l := p.letters(open, c.Duration("idle"), c.Bool("yes"))
					return do(l, ctx, deadletters.Filter{
						IDs: c.StringSlice("id"), TeamID: c.String("team"), UserIDs: c.StringSlice("user"), Operation: c.String("operation"),
					})
				})
			}}
	}
	return &cli.Command{
		Name:  "deadletters",
		Usage: "messages that Pub/Sub has parked after five failed deliveries",
		Commands: []*cli.Command{
			action("list", "print a line for each, and how many there are of each operation", letters.list),
			action("show", "print all of them as JSON lines, with people's profiles", letters.show),
			action("redrive", "publish them again; those that the worker still refuses come back", letters.redrive, yesFlag()),
			action("discard", "drop them for good", letters.discard, yesFlag()),
		},
	}
}

func letterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "id", Usage: "only the `message` with this id; can be given several times"},
		&cli.StringFlag{Name: "team", Usage: "only those about this `workspace`"},
		&cli.StringSliceFlag{Name: "user", Usage: "only those about this `user`; can be given several times"},
		&cli.StringFlag{Name: "operation", Usage: "only this `operation`: insert, update, delete, lift, reset or disconnect"},
		idleFlag(),
	}
}

// idleFlag is for commands that look through all dead letters.
func idleFlag() cli.Flag {
	return &cli.DurationFlag{Name: "idle", Value: 5 * time.Second, Usage: "how long to wait for another dead letter before assuming that there are no more",
		Validator: positive}
}

func positive(d time.Duration) error {
	if d <= 0 {
		return errors.New("must be positive")
	}
	return nil
}

// letters are the commands on dead letters.
type letters struct {
	Program
	parking deadletters.Parking
	topic   string // to which letters are published again
	yes     bool
}

func (p Program) letters(open *clients, idle time.Duration, yes bool) letters {
	p.Out = terminal.NewWriter(p.Out) // anybody who can publish chooses the attributes
	open.parking.IdleTimeout = idle
	return letters{p, open.parking, open.config.Topic, yes}
}

func (l letters) list(ctx context.Context, filter deadletters.Filter) error {
	all, err := l.parking.List(ctx, filter)
	if err != nil {
		return err
	}
	by := map[string]int{}
	w := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	for i, letter := range all {
		if i == 0 {
			fmt.Fprintln(w, "MESSAGE\tPARKED\tATTEMPTS\tOPERATION\tTEAM\tUSER\tSOURCE")
		}
		by[cmp.Or(letter.Operation, deadletters.Unknown)]++
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", letter.ID, letter.Parked.UTC().Format(time.RFC3339), letter.Attempts,
			terminal.Printable(letter.Operation), terminal.Printable(letter.TeamID), terminal.Printable(letter.UserID), terminal.Printable(letter.Source))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(l.Out, counts(by))
	return nil
}

func (l letters) show(ctx context.Context, filter deadletters.Filter) error {
	all, err := l.parking.List(ctx, filter)
	if err != nil {
		return err
	}
	e := json.NewEncoder(l.Out)
	for _, letter := range all {
		if err := e.Encode(letter); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many letters match. Unless there are none, it asks whether to continue.
func (l letters) count(ctx context.Context, filter deadletters.Filter, question string) (total int, err error) {
	by, err := l.parking.Count(ctx, filter)
	if err != nil {
		return 0, err
	}
	if len(by) == 0 {
		fmt.Fprintln(l.Out, counts(by))
		return 0, nil
	}
	return sum(by), l.confirm(l.yes, counts(by)+"\n"+question)
}

func (l letters) redrive(ctx context.Context, filter deadletters.Filter) error {
	total, err := l.count(ctx, filter, "Publish them to "+l.topic+" again?")
	if err != nil || total == 0 {
		return err
	}
	redriven, err := l.parking.Redrive(ctx, filter, l.topic, l.progress(total))
	l.endProgress()
	fmt.Fprintf(l.Out, "%d published again\n", redriven)
	if err != nil {
		return fmt.Errorf("%d of %d may still be parked, and none is lost; run it again: %w", total-redriven, total, err)
	}
	return missed(redriven, total)
}

func (l letters) discard(ctx context.Context, filter deadletters.Filter) error {
	total, err := l.count(ctx, filter, "Drop them for good?")
	if err != nil || total == 0 {
		return err
	}
	discarded, err := l.parking.Discard(ctx, filter)
	fmt.Fprintf(l.Out, "%d dropped\n", discarded)
	if err != nil {
		return err
	}
	return missed(discarded, total)
}

// progress returns a function that shows how many of total are done. total is 0 if unknown.
func (p Program) progress(total int) func(done int) {
	of := ""
	if total > 0 {
		of = fmt.Sprintf(" of %d", total)
	}
	return func(done int) {
		switch {
		case p.Live:
			io.WriteString(p.Out, fmt.Sprintf("\r%d%s", done, of)) //nolint:errcheck // only progress
		case done%progressStep == 0:
			fmt.Fprintf(p.Out, "%d%s\n", done, of)
		}
	}
}

func (p Program) endProgress() {
	if p.Live {
		fmt.Fprintln(p.Out)
	}
}

// errMissed means that Pub/Sub did not deliver all that had been counted: another run
// has leased them, or an answer arrived too late.
var errMissed = errors.New("the others are leased elsewhere and still parked; run it again in a minute")

// missed returns an error if fewer letters were handled than counted.
func missed(done, total int) error {
	if done >= total {
		return nil
	}
	return fmt.Errorf("%d of %d: %w", done, total, errMissed)
}

// counts returns, for example, "3 dead letters: 2 update, 1 unknown".
func counts(by map[string]int) string {
	var parts []string
	for _, operation := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[operation], terminal.Printable(operation)))
	}
	switch n := sum(by); n {
	case 0:
		return "no dead letters"
	case 1:
		return "1 dead letter: " + parts[0]
	default:
		return fmt.Sprintf("%d dead letters: %s", n, strings.Join(parts, ", "))
	}
}

func sum(by map[string]int) (n int) {
	for _, of := range by {
		n += of
	}
	return n
}
