package deadletters

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rollcall/internal/service"
)

const usage = `Looks at the messages that Pub/Sub has parked after five failed deliveries,
sends them on their way again, or drops them.

usage: go run ./functions/deadletters list | show | redrive | discard [flags]

  list     a line for each, and how many of which kind
  show     whole, as JSON lines; they hold people's profiles
  redrive  publish them again; what the worker still refuses comes back
  discard  drop them for good

`

// tellEvery is after how many letters progress is told where there is no terminal.
const tellEvery = 100

// ErrUsage says that the arguments are wrong; why has been written out.
var ErrUsage = errors.New("wrong arguments")

// Command is the operator's tool around a [Parking].
type Command struct {
	Parking Parking
	Topic   string    // where redriven letters go
	In      io.Reader // answers to questions
	Out     io.Writer
	Live    bool // Out is a terminal, where a line can change
}

// Request is what an operator asked for.
type Request struct {
	action string
	filter Filter
	idle   time.Duration
	yes    bool
}

// Parse reads a command's arguments. It fails with [flag.ErrHelp] or with
// [ErrUsage], after it has written to out what there is to say.
func Parse(args []string, out io.Writer) (Request, error) {
	var r Request
	flags := flag.NewFlagSet("deadletters", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Func("id", "only the `message` of that id; can be given several times", func(id string) error {
		r.filter.IDs = append(r.filter.IDs, id)
		return nil
	})
	flags.StringVar(&r.filter.TeamID, "team", "", "only those about that `workspace`")
	flags.StringVar(&r.filter.UserID, "user", "", "only those about that `user`")
	flags.StringVar(&r.filter.Operation, "operation", "", "only that `operation`: insert, update or delete")
	flags.DurationVar(&r.idle, "idle", 5*time.Second, "how long to wait for a further message before all have been seen")
	flags.BoolVar(&r.yes, "yes", false, "do not ask")
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		r.action, args = args[0], args[1:]
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return r, err
	case err != nil:
		return r, ErrUsage // the flag package has said why
	case !slices.Contains([]string{"list", "show", "redrive", "discard"}, r.action) || flags.NArg() > 0 || r.idle <= 0:
		flags.Usage()
		return r, ErrUsage
	}
	return r, nil
}

// Run does what was asked for. Unless told not to, it asks before it changes anything.
func (c Command) Run(ctx context.Context, r Request) error {
	c.Out = service.Terminal(c.Out) // attributes are whatever somebody has published
	c.Parking.Idle = r.idle
	if r.yes {
		c.In = strings.NewReader("y\n")
	}
	switch r.action {
	case "list", "show":
		letters, err := c.Parking.List(ctx, r.filter)
		if err != nil {
			return err
		}
		if r.action == "show" {
			return c.show(letters)
		}
		return c.list(letters)
	}
	by, err := c.Parking.Count(ctx, r.filter)
	if err != nil {
		return err
	}
	if len(by) == 0 {
		fmt.Fprintln(c.Out, counts(by))
		return nil
	}
	if r.action == "redrive" {
		return c.redrive(ctx, r.filter, by)
	}
	return c.discard(ctx, r.filter, by)
}

func (c Command) list(letters []Letter) error {
	if len(letters) == 0 {
		fmt.Fprintln(c.Out, counts(nil))
		return nil
	}
	by := map[string]int{}
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tPARKED\tATTEMPTS\tOPERATION\tTEAM\tUSER\tSOURCE")
	for _, l := range letters {
		by[cmp.Or(l.Operation, unknown)]++
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", l.ID, l.Parked.UTC().Format(time.RFC3339), l.Attempts,
			service.Printable(l.Operation), service.Printable(l.TeamID), service.Printable(l.UserID), service.Printable(l.Source))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, counts(by))
	return nil
}

func (c Command) show(letters []Letter) error {
	e := json.NewEncoder(c.Out)
	for _, l := range letters {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func (c Command) redrive(ctx context.Context, filter Filter, by map[string]int) error {
	total := sum(by)
	if err := c.confirm(fmt.Sprintf("%s\nPublish them to %s again?", counts(by), c.Topic)); err != nil {
		return err
	}
	redriven, err := c.Parking.Redrive(ctx, filter, c.Topic, func(n int) {
		switch {
		case c.Live:
			fmt.Fprintf(c.Out, "\r%d of %d", n, total)
		case n%tellEvery == 0:
			fmt.Fprintf(c.Out, "%d of %d\n", n, total)
		}
	})
	if c.Live {
		fmt.Fprintln(c.Out)
	}
	fmt.Fprintf(c.Out, "%d published again\n", redriven)
	if err != nil {
		return fmt.Errorf("%d of %d may still be parked, none is lost; run it again: %w", total-redriven, total, err)
	}
	return missed(redriven, total)
}

func (c Command) discard(ctx context.Context, filter Filter, by map[string]int) error {
	if err := c.confirm(counts(by) + "\nDrop them for good?"); err != nil {
		return err
	}
	discarded, err := c.Parking.Discard(ctx, filter)
	fmt.Fprintf(c.Out, "%d dropped\n", discarded)
	if err != nil {
		return err
	}
	return missed(discarded, sum(by))
}

// errMissed says that Pub/Sub did not give out all that had been counted: others
// hold them, or an answer of its own that came too late does.
var errMissed = errors.New("the others are on lease elsewhere and still parked; run it again in a minute")

// missed tells of letters that were counted and did not come again.
func missed(done, total int) error {
	if done >= total {
		return nil
	}
	return fmt.Errorf("%d of %d: %w", done, total, errMissed)
}

var errNotConfirmed = errors.New("nothing was done: answer y, or give -yes")

func (c Command) confirm(question string) error {
	fmt.Fprintf(c.Out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	fmt.Fprintln(c.Out)
	if answer := strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errNotConfirmed
	}
	return nil
}

// unknown stands for the operation of a message that names none.
const unknown = "unknown"

// counts is "3 dead letters: 2 update, 1 unknown".
func counts(by map[string]int) string {
	var parts []string
	for _, operation := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[operation], service.Printable(operation)))
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
