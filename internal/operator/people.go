package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/deadletters"
)

// PeopleStore is where people are looked up. Nothing is written to it.
type PeopleStore interface {
	// User returns a user, who may be removed, and the stored revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// Workspace returns a stored workspace, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
}

// Publisher sends messages to the worker.
type Publisher interface {
	Publish(context.Context, directory.Change) error
}

// verb is something an operator can do to people.
type verb struct {
	operation   directory.Operation
	name, usage string
	description string
	done        string // printed after a number
	// isApplied reports whether the message with that version is applied to the stored user, or not needed.
	isApplied func(u directory.User, v directory.Version) bool
	// refuses returns the reason why nothing can be done about a stored user (nil: nobody is stored), or "".
	refuses func(u *directory.User) string
}

var (
	forget = verb{
		operation: directory.Insert, name: "forget", done: "forgotten",
		usage: "erase everything personal about people, now and in future",
		description: "It deletes what is stored about them and their dead letters, and what arrives later is not kept\n" +
			"until an operator lifts it. Backups keep their copies until they expire.",
		isApplied: func(u directory.User, _ directory.Version) bool { return u.Kind == directory.Forgotten },
		refuses:   func(*directory.User) string { return "" }, // events about somebody unknown may be on the way
	}
	lift = verb{
		operation: directory.Lift, name: "lift", done: "lifted; the next full sync loads them again",
		usage:     "undo forget for people who were forgotten by mistake",
		isApplied: func(u directory.User, v directory.Version) bool { return u.Parts.Lifted >= v },
		refuses: func(u *directory.User) string {
			if u == nil || u.Kind != directory.Forgotten {
				return "is not forgotten"
			}
			return ""
		},
	}
	reset = verb{
		operation: directory.Reset, name: "reset", done: "reset; the next full sync loads them again",
		usage:     "drop all that is known about people, so that the next full sync loads them again",
		isApplied: func(u directory.User, v directory.Version) bool { return u.Parts.Reset >= v },
		refuses: func(u *directory.User) string {
			if u == nil {
				return "is not in the directory"
			}
			return ""
		},
	}
)

func (p Program) people() *cli.Command {
	return &cli.Command{
		Name:  "people",
		Usage: "erase people, or load them again",
		Commands: []*cli.Command{
			p.verb(forget), p.verb(lift), p.verb(reset),
			{
				Name: "forgotten", Usage: "print the ids of all forgotten people, one per line",
				Description:  "Save them before a restore, and forget these people again after it:\n\n   rollcallctl people forget --team T… --yes - <ids",
				ArgValidator: noArguments, Flags: []cli.Flag{teamFlag()},
				Action: func(ctx context.Context, c *cli.Command) error {
					return p.with(ctx, func(open *clients) error {
						for id, err := range open.store.Forgotten(ctx, c.String("team")) {
							if err != nil {
								return err
							}
							fmt.Fprintln(p.Out, id)
						}
						return nil
					})
				},
			},
		},
	}
}

func (p Program) verb(v verb) *cli.Command {
	flags := []cli.Flag{
		teamFlag(),
		&cli.StringSliceFlag{Name: "user", Usage: "a `user`, U…; can be given several times"},
		yesFlag(),
		&cli.DurationFlag{Name: "within", Value: 30 * time.Second, Usage: "how long to wait for the worker", Validator: positive},
	}
	if v.name == forget.name {
		flags = append(flags, idleFlag())
	}
	return &cli.Command{
		Name: v.name, Usage: v.usage, Description: v.description, Flags: flags,
		ArgsUsage: "[U… …, or - for ids from standard input]",
		Action: func(ctx context.Context, c *cli.Command) error {
			users, err := p.users(c)
			if err != nil {
				return err
			}
			return p.with(ctx, func(open *clients) error {
				publisher := pubsub.NewPublisher(open.pubsub, open.config.Topic)
				defer publisher.Stop()
				s := speaker{p, open.store, publisher, c.Duration("within")}
				if err := s.say(ctx, v, c.String("team"), users, c.Bool("yes")); err != nil || v.name != forget.name {
					return err
				}
				l := p.letters(open, c.Duration("idle"), true)
				return l.discard(ctx, deadletters.Filter{TeamID: c.String("team"), UserIDs: users})
			})
		},
	}
}

// users returns the ids from the flags, the arguments and, if an argument is -, standard input.
func (p Program) users(c *cli.Command) ([]string, error) {
	given := append(c.StringSlice("user"), c.Args().Slice()...)
	if i := slices.Index(given, "-"); i >= 0 {
		if !c.Bool("yes") {
			return nil, usagef("ids from standard input need --yes, because nobody can be asked")
		}
		given = slices.Delete(given, i, i+1)
		lines := bufio.NewScanner(p.In)
		for lines.Scan() {
			given = append(given, strings.Fields(lines.Text())...)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read ids: %w", err)
		}
		if len(given) == 0 {
			return nil, nil // nobody was forgotten when the ids were saved
		}
	}
	if len(given) == 0 {
		return nil, usagef("%s: which people? Give --user U…", c.FullName())
	}
	return ids(given)
}

// speaker publishes messages about people and waits until the worker has applied them.
type speaker struct {
	Program
	store     PeopleStore
	publisher Publisher
	timeout   time.Duration
}

// say publishes one message for each user, or none if it cannot be done for one of them.
func (s speaker) say(ctx context.Context, v verb, teamID string, users []string, yes bool) error {
	w, err := s.store.Workspace(ctx, teamID)
	if errors.Is(err, directory.ErrNotFound) {
		return fmt.Errorf("no workspace %s: see rollcallctl workspaces list", teamID)
	} else if err != nil {
		return err
	}
	var changes []directory.Change
	for _, id := range users {
		c, isDone, err := s.change(ctx, v, teamID, id)
		if err != nil {
			return err
		}
		if !isDone {
			changes = append(changes, c)
		}
	}
	if len(users) == 0 {
		fmt.Fprintln(s.Out, "nobody")
		return nil
	}
	if err := s.confirm(yes, fmt.Sprintf("%s of %s (%s): %s?", strings.Join(users, ", "), teamID, w.Name, v.name)); err != nil {
		return err
	}
	for _, c := range changes {
		if err := s.publisher.Publish(ctx, c); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf(
		"published, but not all applied within %v: check that the worker runs; running this again does no harm", s.timeout))
	defer cancel()
	for _, c := range changes {
		if err := s.wait(ctx, v, c); err != nil {
			return fmt.Errorf("%s: %w", c.UserID, err)
		}
	}
	fmt.Fprintf(s.Out, "%d %s\n", len(users), v.done)
	return nil
}

// change returns the message. If isDone, it is not needed.
func (s speaker) change(ctx context.Context, v verb, teamID, id string) (_ directory.Change, isDone bool, err error) {
	var stored *directory.User
	u, _, err := s.store.User(ctx, teamID, id)
	if err == nil {
		stored = &u
	} else if !errors.Is(err, directory.ErrNotFound) {
		return directory.Change{}, false, err
	}
	if why := v.refuses(stored); why != "" {
		return directory.Change{}, false, fmt.Errorf("%s %s; nothing was done", id, why)
	}
	// Slack's clock may be ahead of ours, and the message must be newer than what is stored.
	version := max(directory.VersionOf(time.Now()), u.Version+1)
	if v.isApplied(u, version) {
		return directory.Change{}, true, nil
	}
	user := map[string]any{"id": id}
	if v.name == forget.name {
		user["is_forgotten"] = true
		if u.Kind == directory.External { // without the other workspace's id, full syncs would expect them in users.list
			user["team_id"] = homeOf(u)
		}
	}
	text, err := json.Marshal(user)
	if err != nil {
		return directory.Change{}, false, err
	}
	c, err := directory.NewChange(directory.Change{
		Operation: v.operation, TeamID: teamID, User: text, Version: version, Source: directory.FromOperator,
	})
	return c, false, err
}

// homeOf returns the id of a user's own workspace.
func homeOf(u directory.User) string {
	var slack struct {
		TeamID string `json:"team_id"`
	}
	if err := json.Unmarshal(u.Slack, &slack); err != nil {
		return ""
	}
	return slack.TeamID
}

// pollInterval is how often the store is asked.
const pollInterval = 200 * time.Millisecond

func (s speaker) wait(ctx context.Context, v verb, c directory.Change) error {
	for {
		u, _, err := s.store.User(ctx, c.TeamID, c.UserID)
		switch {
		case err == nil && v.isApplied(u, c.Version):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, directory.ErrNotFound):
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}
