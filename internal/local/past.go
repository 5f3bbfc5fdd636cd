package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/slack"
	"rollcall/internal/terminal"
)

const (
	// pastWeeks is how far the invented history goes back.
	pastWeeks = 6
	// maxConcurrentLoads is how many people are written at once: the store writes waiting ones in one transaction.
	maxConcurrentLoads = 64
)

// introduce stores the workspace and the labels of its custom fields, so that the page shows people as they are loaded.
func introduce(ctx context.Context, client fullsync.Slack, store Store) error {
	w, err := client.Workspace(ctx)
	if err != nil {
		return err
	}
	fields, err := client.TeamProfile(ctx)
	if err != nil {
		return err
	}
	return errors.Join(store.PutWorkspace(ctx, w), store.PutTeamProfile(ctx, w.ID, fields))
}

// invent fills an empty directory with the workspace's people as they were at the start of its past, and then with all
// that happened since, as if Rollcall had been there: each record of history has the time of its change.
func invent(ctx context.Context, out *progress, w *fakeslack.Workspace, store directory.Store, start time.Time) error {
	fmt.Fprintf(out, "Inventing %d accounts and the changes of %d weeks\n", w.Options().People, pastWeeks)
	began := time.Now()
	past := pastStore{store}
	if err := loadFounders(ctx, out, w, past, directory.VersionOf(start)); err != nil {
		return err
	}
	changes := 0
	for e := range w.Past() {
		r, err := slack.DecodeRequest(e.Envelope)
		if err != nil {
			return err
		}
		if _, err := directory.ApplyTo(ctx, past, *r.Change, historyTTL); err != nil {
			return fmt.Errorf("%s: %w", e.Summary, err)
		}
		changes++
		out.count(changes, "changes")
	}
	out.end()
	fmt.Fprintf(out, "Invented in %v: %d accounts, which changed %d times since %s\n",
		time.Since(began).Round(time.Millisecond), w.Options().People, changes, start.Format("2 January"))
	return nil
}

// progress shows how far a slow step has got: on a terminal in a line of its own that changes, elsewhere in a new
// line now and then. Make one with newProgress.
type progress struct {
	io.Writer
	isTerminal bool

	mu   sync.Mutex
	told time.Time // when the last line was written
}

func newProgress(out io.Writer, isTerminal bool) *progress {
	return &progress{Writer: out, isTerminal: isTerminal, told: time.Now()}
}

const (
	// progressStep is how many are done between two updates of a terminal's line.
	progressStep = 50
	// progressInterval is the time between two lines elsewhere.
	progressInterval = 10 * time.Second
)

func (p *progress) count(done int, what string) {
	if p.isTerminal {
		if done%progressStep == 0 {
			fmt.Fprintf(p, "%s%d %s", terminal.ClearLine, done, what)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.told) >= progressInterval {
		p.told = time.Now()
		fmt.Fprintf(p, "  %d %s so far\n", done, what)
	}
}

func (p *progress) end() {
	if p.isTerminal {
		fmt.Fprint(p, terminal.ClearLine)
	}
}

// loadFounders stores everybody as a first full sync does, with the custom fields that later ones ask for.
func loadFounders(ctx context.Context, out *progress, w *fakeslack.Workspace, store directory.Store, v directory.Version) error {
	var done atomic.Int64
	loads, ctx := errgroup.WithContext(ctx)
	loads.SetLimit(maxConcurrentLoads)
	for _, p := range w.People() {
		loads.Go(func() error {
			u, err := founder(p, v)
			if err != nil {
				return err
			}
			if err := store.PutUser(ctx, u, 0, nil); err != nil {
				return err
			}
			out.count(int(done.Add(1)), "people")
			return nil
		})
	}
	return loads.Wait()
}

func founder(p fakeslack.Person, v directory.Version) (directory.User, error) {
	listed, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: inventedTeam, User: p.ListObject(false),
		Version: v, Source: directory.FromSync, InList: true, FirstLoad: true})
	if err != nil {
		return directory.User{}, err
	}
	u, _, err := directory.Apply(nil, listed, time.Now())
	if err != nil || u.ProfileOrder != directory.NeverAsked {
		return u, err // full syncs ask for nothing
	}
	object, err := json.Marshal(map[string]any{"id": u.ID, "profile": p.ProfileObject(false)})
	if err != nil {
		return u, err
	}
	profile, err := directory.NewChange(directory.Change{Operation: directory.Update, TeamID: inventedTeam, User: object, Version: v, Source: directory.FromProfile})
	if err != nil {
		return u, err
	}
	u, _, err = directory.Apply(&u, profile, time.Now())
	return u, err
}

// pastStore writes records as if Rollcall had written them at the time of their change.
type pastStore struct{ directory.Store }

func (s pastStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if record != nil {
		record.WrittenAt, record.ExpireAt = record.At, record.At.Add(historyTTL)
	}
	return s.Store.PutUser(ctx, u, expected, record)
}
