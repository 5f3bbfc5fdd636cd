package fullsync

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// maxConcurrentMessages bounds the messages that wait for Pub/Sub to accept them.
const maxConcurrentMessages = 100

// outbox publishes messages, several at a time. A dry run prints them instead.
type outbox struct {
	Options
	record *record
	teamID string
	group  *errgroup.Group
	ctx    context.Context //nolint:containedctx // ends with the first message that is refused
}

func newOutbox(ctx context.Context, o Options, r *record) *outbox {
	b := &outbox{Options: o, record: r, teamID: r.value().TeamID}
	b.group, b.ctx = errgroup.WithContext(ctx)
	b.group.SetLimit(maxConcurrentMessages)
	return b
}

// send publishes c, and counts it once Pub/Sub has accepted it.
func (b *outbox) send(c directory.Change, count func(*syncs.Sync)) error {
	if b.DryRun {
		b.record.update(count)
		_, err := fmt.Fprintf(b.Plan, "%s\t%s\n", c.Operation, c.UserID)
		return err
	}
	b.group.Go(func() error {
		err := b.Publisher.Publish(b.ctx, c)
		if err == nil {
			b.record.update(count)
		}
		return err
	})
	if err := b.ctx.Err(); err != nil {
		return err
	}
	return b.record.saveNowAndThen(b.ctx)
}

// wait returns once everything is accepted, or the first error.
func (b *outbox) wait() error { return b.group.Wait() }

// finish is wait after err, which may only be the cancellation that a failed message caused.
func (b *outbox) finish(err error) error {
	if refused := b.wait(); refused != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return refused
	}
	return err
}
