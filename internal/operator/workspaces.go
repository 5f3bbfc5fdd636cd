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

// WorkspaceStore keeps workspaces and everything below them.
type WorkspaceStore interface {
	// Workspace returns a stored workspace, or [directory.ErrNotFound].
	Workspace(ctx context.Context, teamID string) (directory.Workspace, error)
	// Workspaces returns all stored workspaces, by id.
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
	// PurgeWorkspace deletes a workspace and every document below it, in bounded batches, the workspace
	// last, and returns the number of documents. After an interruption, call it again to continue. It calls
	// progress after each batch.
	PurgeWorkspace(ctx context.Context, teamID string, progress func(deleted int)) (deleted int, err error)
}

func (p Program) workspaces() *cli.Command {
	return &cli.Command{
		Name:  "workspaces",
		Usage: "list the stored workspaces, or delete one",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "print a line for each", ArgValidator: noArguments,
				Action: func(ctx context.Context, _ *cli.Command) error {
					return p.with(ctx, func(open *clients) error { return p.listWorkspaces(ctx, open.store) })
				},
			},
			{
				Name: "purge", Usage: "delete a workspace: its people, their history, its syncs, its emoji and its dead letters",
				Description: "It is refused while the workspace is connected, because the next event or full sync would bring\n" +
					"people back. Run it again after an interruption. Backups keep their copies until they expire.",
				ArgValidator: noArguments,
				Flags: []cli.Flag{
					teamFlag(), yesFlag(), idleFlag(),
					&cli.BoolFlag{Name: "force", Usage: "even if the workspace is connected"},
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

// stateOf returns a workspace's state, and since when it has been in it.
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
	case errors.Is(err, directory.ErrNotFound): // after an interrupted purge, or if messages came later
		w.Name = "already deleted"
	case err != nil:
		return err
	case !w.Disconnected() && !w.Hidden && !force:
		return fmt.Errorf("%s is connected and would come back: remove the app from it in Slack, and its token from slack-bot-tokens, or give --force", teamID)
	}
	if err := p.confirm(yes, fmt.Sprintf("Delete %s (%s) and everything below it for good?", teamID, terminal.Printable(w.Name))); err != nil {
		return err
	}
	deleted, err := store.PurgeWorkspace(ctx, teamID, p.progress(0))
	p.endProgress()
	fmt.Fprintf(p.Out, "%d documents deleted\n", deleted)
	if err != nil {
		return fmt.Errorf("%s is not fully deleted; run it again: %w", teamID, err)
	}
	return nil
}
