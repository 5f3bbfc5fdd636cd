package local

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
	"rollcall/internal/slack/webapi"
)

// publishAtOnce bounds the messages that wait for Pub/Sub's acceptance.
const publishAtOnce = 100

// load publishes everybody of every workspace as an insert. What the directory
// already knows better it keeps, by the versions.
func load(ctx context.Context, clients []*webapi.Client, store Store, publisher *pubsub.Publisher, out io.Writer) error {
	for _, client := range clients {
		start := time.Now()
		workspace, err := client.Workspace(ctx)
		if err != nil {
			return err
		}
		if err := store.PutWorkspace(ctx, workspace); err != nil {
			return err
		}
		listed := 0
		publishing, pctx := errgroup.WithContext(ctx)
		publishing.SetLimit(publishAtOnce)
		for page, err := range client.Users(ctx, workspace.ID) {
			if err != nil {
				return err
			}
			for _, user := range page.Users {
				listed++
				publishing.Go(func() error {
					return publisher.Publish(pctx, directory.Change{
						Operation: directory.Insert, TeamID: workspace.ID, User: user,
						Version: page.Version, Source: directory.FromSync,
					})
				})
			}
			if pctx.Err() != nil {
				break
			}
		}
		if err := publishing.Wait(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d people listed in %.1f s\n", workspace.Name, listed, time.Since(start).Seconds())
	}
	return nil
}
