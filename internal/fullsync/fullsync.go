package fullsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// Slack reads a workspace. Errors that wrap [syncs.ErrDisconnected] say that Slack no
// longer accepts the token.
type Slack interface {
	// Workspace returns the workspace that the token opens, connected as of now. If Slack
	// refuses the token, only the Token of the workspace is set.
	Workspace(ctx context.Context) (directory.Workspace, error)
	// Users lists everybody, page by page, starting at cursor.
	Users(ctx context.Context, teamID, cursor string) iter.Seq2[syncs.ListingPage, error]
	// User returns one user and a time on Slack's clock no later than the answer. Errors
	// about this user only wrap [directory.ErrNotFound] or [syncs.ErrUnreadable].
	User(ctx context.Context, userID string) (json.RawMessage, directory.Version, error)
	// Emoji returns nil if the token may not list them.
	Emoji(ctx context.Context) (map[string]string, error)
	// TeamProfile returns the definitions of the custom fields, nil if the token may not read them.
	TeamProfile(ctx context.Context) (json.RawMessage, error)
	// Profile returns a user's custom fields, with a version and errors as User has them.
	Profile(ctx context.Context, userID string) (json.RawMessage, directory.Version, error)
	Usage() syncs.Usage
}

// Store is everything that a sync reads and writes. Each step uses one of its parts.
type Store interface {
	workspaceStore
	leaseStore
	recordStore
	checkpointStore
	emojiStore
	profileStore
	compare.Sums
	peopleStore
}

// workspaceStore keeps the workspaces that Rollcall knows.
type workspaceStore interface {
	// PutWorkspace merges: fields that are empty in w keep their stored values, and times only grow.
	PutWorkspace(ctx context.Context, w directory.Workspace) error
	Workspaces(ctx context.Context) ([]directory.Workspace, error)
}

// Publisher publishes messages. Publish returns once Pub/Sub has accepted the message.
type Publisher interface {
	Publish(ctx context.Context, c directory.Change) error
}

// Options are what a sync works with, and how.
type Options struct {
	Slack     Slack // not used by [All]
	Store     Store
	Publisher Publisher
	Log       *slog.Logger
	Progress  *Progress // nil for none

	// DryRun publishes and writes nothing. Each message it would publish is a line in Plan.
	DryRun bool
	Plan   io.Writer
	// AllowMassDelete lifts the limit of a tenth of the directory, and also removes people
	// whom an event has just announced.
	AllowMassDelete bool
	// Profiles is how many people a sync asks users.profile.get about; 0 for none.
	Profiles int
	// LeaseTimeout is how long the lease of a dead sync keeps others out; 0 means 30 seconds.
	LeaseTimeout time.Duration
}

// All syncs the workspaces of all tokens, one after the other, and yields the outcome
// of each. A workspace that fails does not stop the others.
func All(ctx context.Context, tokens []Slack, o Options) iter.Seq2[syncs.Sync, error] {
	return func(yield func(syncs.Sync, error) bool) {
		opened := map[string]int{} // workspace to the number of its token
		for i, token := range tokens {
			o.Slack = token
			outcome, err := run(ctx, o, func(w directory.Workspace) error {
				if first := opened[w.ID]; first > 0 {
					// Tokens with different scopes list different fields. Their syncs would undo each other.
					return fmt.Errorf("token %d opens the same workspace as token %d, %q: remove one of the two from SLACK_BOT_TOKENS", i+1, first, w.Name)
				}
				opened[w.ID] = i + 1
				return nil
			})
			if err != nil {
				err = fmt.Errorf("workspace %d of %d (%s): %w", i+1, len(tokens), outcome.TeamID, err)
			}
			if !yield(outcome, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// Run syncs the workspace that o.Slack opens. Even with an error it returns the outcome, as
// far as the sync got.
func Run(ctx context.Context, o Options) (syncs.Sync, error) {
	return run(ctx, o, func(directory.Workspace) error { return nil })
}

// run syncs the workspace that o.Slack opens, if admit accepts it.
func run(ctx context.Context, o Options, admit func(directory.Workspace) error) (syncs.Sync, error) {
	r := newRecord(&o)
	w, err := o.Slack.Workspace(ctx)
	r.update(func(s *syncs.Sync) { s.TeamID = w.ID })
	if err == nil {
		err = admit(w)
	}
	if errors.Is(err, syncs.ErrDisconnected) {
		return refused(ctx, o.Store, r, w.Token, err)
	} else if err != nil {
		return r.value(), err
	}

	o.Progress.start(w)
	if o.DryRun {
		err = repair(ctx, o, r)
	} else if err = o.Store.PutWorkspace(ctx, w); err == nil {
		err = hold(ctx, o.Store, o.LeaseTimeout, r, func(ctx context.Context) error { return repair(ctx, o, r) })
	}
	if errors.Is(err, syncs.ErrDisconnected) && !o.DryRun {
		err = errors.Join(err, disconnect(ctx, o.Store, w, err))
	}
	outcome := r.value()
	o.Progress.end(outcome, err)
	return outcome, err
}

// repair does the work of a sync. Each step passes its result to the next.
func repair(ctx context.Context, o Options, r *record) error {
	out := outbox{publisher: o.Publisher, plan: o.Plan, record: r}
	before, err := recall(ctx, o.Store, r)
	if err != nil {
		return err
	}
	listing, err := walk(ctx, o.Slack, out, before)
	if err != nil {
		return err
	}
	copyEmoji(ctx, o.Slack, o.Store, r)
	if r.value().Filling {
		r.update(func(s *syncs.Sync) { s.Thorough = time.Now().UTC() })
		return nil
	}
	difference, err := compareAll(ctx, o.Store, r, listing, before.done)
	if err != nil {
		return err
	}
	future, err := inFuture(ctx, o.Store, r.value().TeamID)
	if err != nil {
		return err
	}
	plan := planRepairs(difference, listing, future, r.value().Started, time.Now(), o.AllowMassDelete)
	plan.report(ctx, r)
	p := &repairer{asker: asker{slack: o.Slack, record: r}, store: o.Store, isFirst: before.done == nil}
	if err := p.publishRepairs(ctx, out, plan.repairs, len(listing.versions)); err != nil {
		return err
	}
	// People of other workspaces are judged on their own, so a refusal does not concern them.
	refusal := remove(ctx, out, plan.gone, listed)
	if refusal != nil && !errors.Is(refusal, ErrMassDelete) {
		return refusal
	}
	gone, err := p.askExternals(ctx, o.Store, out, listing, future)
	if err == nil {
		err = remove(ctx, out, gone, external)
	}
	if err == nil {
		err = askProfiles(ctx, o.Slack, o.Store, out, o.Profiles)
	}
	return errors.Join(refusal, err)
}

// thoroughInterval is a little less than a day, so that a daily sync is always thorough.
const thoroughInterval = 23 * time.Hour

func compareAll(ctx context.Context, sums compare.Sums, r *record, l *listing, previous *syncs.Sync) (compare.Difference, error) {
	now, last := time.Now().UTC(), time.Time{}
	if previous != nil {
		last = previous.Thorough
	}
	thorough := now.Sub(last) > thoroughInterval
	difference, err := compare.Run(ctx, sums, r.value().TeamID, l.people, thorough)
	if err != nil {
		return difference, fmt.Errorf("compare: %w", err)
	}
	if thorough {
		last = now
	}
	r.compared(func(s *syncs.Sync) { s.Stored, s.Thorough = max(s.Stored, difference.Stored), last })
	return difference, nil
}

// refused ends a sync whose token Slack does not accept. The workspace is known if the
// token has opened it before.
func refused(ctx context.Context, store workspaceStore, r *record, token string, err error) (syncs.Sync, error) {
	r.update(func(s *syncs.Sync) {
		s.State, s.Error, s.Ended = syncs.Disconnected, err.Error(), time.Now().UTC()
	})
	all, storeErr := store.Workspaces(ctx)
	for _, w := range all {
		if w.Token != token {
			continue
		}
		r.update(func(s *syncs.Sync) { s.TeamID = w.ID })
		r.progress.start(w)
		if !r.dryRun {
			storeErr = errors.Join(disconnect(ctx, store, w, err), r.save(ctx))
		}
		break
	}
	outcome := r.value()
	r.progress.end(outcome, err)
	return outcome, errors.Join(err, storeErr)
}

// disconnect records when Slack first refused the workspace's token.
func disconnect(ctx context.Context, store workspaceStore, w directory.Workspace, err error) error {
	refusal, ok := errors.AsType[*syncs.DisconnectedError](err)
	if !ok || w.Disconnected() {
		return nil
	}
	return store.PutWorkspace(context.WithoutCancel(ctx), directory.Workspace{ID: w.ID, DisconnectedAt: refusal.At})
}
