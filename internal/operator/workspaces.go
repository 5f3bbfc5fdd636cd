package operator

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub/deadletters"
	"rollcall/internal/terminal"
)

// WorkspaceStore is where workspaces are kept, with all that is below them.
type WorkspaceStore interface {
	// Workspace returns a workspace that was put, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
	// Workspaces returns all workspaces that were put, by id.
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
	// PurgeWorkspace deletes a workspace and every document below it, in bounded batches, and
	// returns how many there were. Broken off it has deleted some of them, and the workspace
	// last: calling it again goes on. progress is told after each batch.
	PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error)
}

func (p Program) workspaces() *cli.Command {
	return &cli.Command{
		Name:  "workspaces",
		Usage: "see which workspaces are stored, or delete one whole",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "a line for each", ArgValidator: noArguments,
				Action: func(ctx context.Context, _ *cli.Command) error {
					return p.with(ctx, func(open *clients) error { return p.listWorkspaces(ctx, open.store) })
				},
			},
			{
				Name: "purge", Usage: "delete a workspace: its people, their history, its syncs, its emoji and its dead letters",
				Description: "It is refused while the workspace is connected: the next event or full sync would bring people\n" +
					"back. Broken off, it goes on when it is run again. Backups keep what they hold until they expire.",
				ArgValidator: noArguments,
				Flags: []cli.Flag{
					teamFlag(), yesFlag(), idleFlag(),
					&cli.BoolFlag{Name: "force", Usage: "also if the workspace is connected"},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					return p.with(ctx, func(open *clients) error {
						team := c.String("team")
						if err := p.purge(ctx, open.store, team, c.Bool("force"), c.Bool("yes")); err != nil {
							return err
						}
						return p.letters(open, c.Duration("idle"), true).discard(ctx, deadletters.Filter{TeamID: team})
					})
				},
			},
		},
	}
}

func (p Program) listWorkspaces(ctx context.Context, store WorkspaceStore) error {
	all, err := store.Workspaces(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(p.Out, "no workspaces")
		return nil
	}
	w := tabwriter.NewWriter(terminal.NewWriter(p.Out), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TEAM\tSTATE\tSINCE\tNAME")
	for _, one := range all {
		state, since := stateOf(one)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.ID, state, since, terminal.Printable(one.Name))
	}
	return w.Flush()
}

// stateOf says how a workspace stands, and since when.
func stateOf(w directory.Workspace) (state, since string) {
	switch at := w.ConnectedAt; {
	case w.Hidden:
		return "not Slack's", "-"
	case w.Disconnected():
		return "disconnected", w.DisconnectedAt.Time().Format(time.RFC3339)
	case at > 0:
		return "connected", at.Time().Format(time.RFC3339) // when Slack last answered
	}
	return "connected", "-"
}

func (p Program) purge(ctx context.Context, store WorkspaceStore, teamID string, force, yes bool) error {
	w, err := store.Workspace(ctx, teamID)
	switch {
	case errors.Is(err, directory.ErrNotFound): // a purge that was broken off, or a message that came later
		w.Name = "not known any more"
	case err != nil:
		return err
	case !w.Disconnected() && !w.Hidden && !force:
		return fmt.Errorf("%s is connected, and would come back: remove the app from it in Slack, and its token from slack-bot-tokens, or give --force", teamID)
	}
	if err := p.confirm(yes, fmt.Sprintf("Delete %s (%s) and everything below it for good?", teamID, terminal.Printable(w.Name))); err != nil {
		return err
	}
	deleted, err := store.PurgeWorkspace(ctx, teamID, p.progress(0))
	p.endProgress()
	fmt.Fprintf(p.Out, "%d documents deleted\n", deleted)
	if err != nil {
		return fmt.Errorf("not all of %s is deleted; run it again: %w", teamID, err)
	}
	return nil
}
