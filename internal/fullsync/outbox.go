package fullsync

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// maxConcurrentMessages bounds the messages that wait for Pub/Sub to accept them.
const maxConcurrentMessages = 100

// outbox publishes a sync's messages. A dry run prints them instead.
type outbox struct {
	publisher Publisher
	plan      io.Writer // what a dry run prints to
	record    *record
}

// batch is what one step publishes, several messages at a time.
type batch struct {
	outbox
	teamID string
	group  *errgroup.Group
	ctx    context.Context //nolint:containedctx // ends with the first message that is refused
}

func (o outbox) open(ctx context.Context) *batch {
	b := &batch{outbox: o, teamID: o.record.value().TeamID}
	b.group, b.ctx = errgroup.WithContext(ctx)
	b.group.SetLimit(maxConcurrentMessages)
	return b
}

// send publishes c, and counts it once Pub/Sub has accepted it.
func (b *batch) send(c directory.Change, count func(*syncs.Sync)) error {
	if b.record.dryRun {
		b.record.update(count)
		_, err := fmt.Fprintf(b.plan, "%s\t%s\n", c.Operation, c.UserID)
		return err
	}
	b.group.Go(func() error {
		err := b.publisher.Publish(b.ctx, c)
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
func (b *batch) wait() error { return b.group.Wait() }

// finish is wait after err, which may only be the cancellation that a failed message caused.
func (b *batch) finish(err error) error {
	if refused := b.wait(); refused != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return refused
	}
	return err
}
