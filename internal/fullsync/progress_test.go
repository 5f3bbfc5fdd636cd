package fullsync

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
	"rollcall/internal/terminal"
)

// TestProgress: a terminal gets a status line, a file only the outcome, and
// without either there are log lines now and then.
func TestProgress(t *testing.T) {
	outcome := syncs.Sync{ID: "S", TeamID: "T1", Listed: 200, Inserted: 1, Updated: 2, Removed: 3, Unchanged: 197, Drift: 2, Calls: 9, Waits: 1, Waited: time.Second, Reads: 5, Writes: 6}
	const summary = "Acme: synced in 21s: 200 listed, 1 inserted, 2 updated, 3 removed, 197 unchanged, drift 2\n" +
		"  9 Slack calls, waited 1s for Slack's rate limit; about 5 reads and 6 writes billed\n"
	tests := []struct {
		name          string
		out, terminal bool
		err           error
		want          string
	}{
		{"terminal", true, true, nil, terminal.ClearLine + "Acme: listing 50 of 200, 1 page, about 30s left" +
			terminal.ClearLine + "Acme: listing 100 of 200, 2 pages, 1 wait, about 20s left" +
			terminal.ClearLine + "Acme: repairs 7 of 9, 2 pages, 1 wait" + terminal.ClearLine + summary},
		{"file", true, false, nil, summary},
		{"log", false, false, nil, `level=INFO msg="full sync started" team_id=T1
level=INFO msg="full sync" team_id=T1 sync_id=S phase=listing done=50 total=200 pages=1 waits=0 remaining=30s
level=INFO msg="full sync" team_id=T1 sync_id=S phase=listing done=100 total=200 pages=2 waits=1 remaining=20s
level=INFO msg="full sync done" team_id=T1 sync_id=S listed=200 inserted=1 updated=2 removed=3 unchanged=197 drift=2 slack_calls=9 waits=1 waited=1s reads=5 writes=6 stale=0 failed=0 forgotten=0 future=0 profiles=0 never_asked=0 took=21s outcome=done
`},
		{"failed", true, false, errors.New("x"), strings.Replace(summary, "synced", "not synced", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b strings.Builder
				log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				}}))
				p := NewProgress(nil, tt.terminal, log)
				if tt.out {
					p = NewProgress(&b, tt.terminal, slog.New(slog.DiscardHandler))
				}
				p.start(directory.Workspace{ID: "T1", Name: "Acme"})
				previous := &syncs.Sync{Listed: 200}
				time.Sleep(10 * time.Second)
				p.walked(syncs.Sync{ID: "S", TeamID: "T1", Listed: 50, Pages: 1}, previous)
				time.Sleep(10 * time.Second)
				p.walked(syncs.Sync{ID: "S", TeamID: "T1", Listed: 100, Pages: 2, Waits: 1}, previous)
				time.Sleep(time.Second)
				p.repairing(syncs.Sync{ID: "S", TeamID: "T1", Pages: 2, Waits: 1}, "repairs", 7, 9)
				p.end(outcome, tt.err)
				if diff := gocmp.Diff(tt.want, b.String()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
	var none *Progress // silent
	none.start(directory.Workspace{})
	none.resumed(1)
	none.walked(syncs.Sync{}, nil)
	none.repairing(syncs.Sync{}, "", 0, 0)
	none.end(syncs.Sync{}, nil)
}

// TestOutcome: the outcome has no plural of 1, no waits if there were none, and no bill where nothing is billed.
func TestOutcome(t *testing.T) {
	for _, tt := range []struct {
		name string
		free bool
		sync syncs.Sync
		want string
	}{
		{"ones", false, syncs.Sync{Calls: 1, Reads: 1, Writes: 1, Profiles: syncs.Profiles{Asked: 1}},
			"  1 Slack call; about 1 read and 1 write billed\n  asked for the custom fields of 1 person; those of 0 are still unknown\n"},
		{"many", false, syncs.Sync{Calls: 9, Waits: 2, Waited: 3 * time.Second, Reads: 5, Writes: 6, Profiles: syncs.Profiles{Asked: 2, NeverAsked: 1}},
			"  9 Slack calls, waited 3s for Slack's rate limit; about 5 reads and 6 writes billed\n  asked for the custom fields of 2 people; those of 1 are still unknown\n"},
		{"free", true, syncs.Sync{Calls: 3, Reads: 257, Writes: 8}, "  3 Slack calls\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := NewProgress(&b, false, slog.New(slog.DiscardHandler))
			p.Free = tt.free
			p.start(directory.Workspace{Name: "Acme"})
			p.end(tt.sync, nil)
			_, costs, _ := strings.Cut(b.String(), "drift 0\n")
			if diff := gocmp.Diff(tt.want, costs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRemaining: people listed by an interrupted run do not count for the time that remains.
func TestRemaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p, previous := NewProgress(&b, true, slog.New(slog.DiscardHandler)), &syncs.Sync{Listed: 200}
		p.start(directory.Workspace{Name: "Acme"})
		p.resumed(100)
		time.Sleep(10 * time.Second)
		p.walked(syncs.Sync{Listed: 150, Pages: 3}, previous)
		p.walked(syncs.Sync{Listed: 50, Pages: 1}, previous) // anew
		const want = terminal.ClearLine + "Acme: listing 150 of 200, 3 pages, about 10s left" +
			terminal.ClearLine + "Acme: listing 50 of 200, 1 page, about 30s left"
		if diff := gocmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestProgressNames: a workspace's name cannot add a line of its own.
func TestProgressNames(t *testing.T) {
	var b strings.Builder
	p := NewProgress(&b, false, slog.New(slog.DiscardHandler))
	p.start(directory.Workspace{ID: "T1", Name: "Acme: synced\nOther\x1b[2K"})
	p.end(syncs.Sync{ID: "S", TeamID: "T1"}, errors.New("x"))
	if first, _, _ := strings.Cut(b.String(), "\n"); !strings.HasPrefix(first, `Acme: synced\u000aOther\u001b[2K: not synced`) {
		t.Errorf("the first line is %q", first)
	}
}
