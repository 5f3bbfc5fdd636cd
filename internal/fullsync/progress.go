package fullsync

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
	"rollcall/internal/terminal"
)

// logInterval is how often progress is logged where there is no terminal.
const logInterval = 10 * time.Second

// Progress reports on a running sync, to a terminal or a log. A nil Progress is silent.
type Progress struct {
	Free bool // the store bills nothing: the outcome on out leaves out reads and writes

	out  io.Writer // nil to log instead
	live bool      // out is a terminal, where a line can change
	log  *slog.Logger

	mu        sync.Mutex
	workspace string
	started   time.Time
	from      int // people already listed by an interrupted run
	told      time.Time
}

// NewProgress writes the outcome to out. On a terminal it also shows a status line that
// it keeps up to date. If out is nil it logs instead.
func NewProgress(out io.Writer, terminal bool, log *slog.Logger) *Progress {
	return &Progress{out: out, live: terminal, log: log}
}

func (p *Progress) start(w directory.Workspace) {
	if p == nil {
		return
	}
	p.workspace, p.started, p.from, p.told = terminal.Printable(w.Name), time.Now(), 0, time.Now()
	if p.out == nil {
		p.log.Info("full sync started", "team_id", w.ID)
	}
}

// resumed notes how many people an interrupted run has already listed.
func (p *Progress) resumed(listed int) {
	if p != nil {
		p.from = listed
	}
}

// walked reports on the walk. The previous sync says how many people to expect.
func (p *Progress) walked(s syncs.Sync, previous *syncs.Sync) {
	if p == nil {
		return
	}
	total, remaining := 0, time.Duration(0)
	if s.Listed < p.from {
		p.from = 0 // the walk has started over
	}
	if previous != nil && s.Listed > p.from {
		total = max(previous.Listed, s.Listed)
		remaining = time.Duration(float64(time.Since(p.started)) * float64(total-s.Listed) / float64(s.Listed-p.from)).Round(time.Second)
	}
	p.tell(s, "listing", s.Listed, total, remaining)
}

// repairing reports on what comes after the walk.
func (p *Progress) repairing(s syncs.Sync, what string, done, total int) {
	if p != nil {
		p.tell(s, what, done, total, 0)
	}
}

func (p *Progress) tell(s syncs.Sync, what string, done, total int, remaining time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		if time.Since(p.told) >= logInterval {
			p.told = time.Now()
			p.log.Info("full sync", "team_id", s.TeamID, "sync_id", s.ID, "phase", what, "done", done, "total", total,
				"pages", s.Pages, "waits", s.Waits, "remaining", remaining)
		}
		return
	}
	if !p.live {
		return
	}
	line := fmt.Sprintf("%s: %s %d", p.workspace, what, done)
	if total > 0 {
		line += fmt.Sprintf(" of %d", total)
	}
	line += ", " + count(s.Pages, "page", "pages")
	if s.Waits > 0 {
		line += ", " + count(s.Waits, "wait", "waits")
	}
	if remaining > 0 {
		line += fmt.Sprintf(", about %v left", remaining)
	}
	fmt.Fprint(p.out, terminal.ClearLine, line)
}

// end reports the outcome.
func (p *Progress) end(s syncs.Sync, err error) {
	if p == nil {
		return
	}
	took := time.Since(p.started).Round(time.Millisecond)
	if p.out == nil {
		attrs := []any{"team_id", s.TeamID, "sync_id", s.ID, "listed", s.Listed, "inserted", s.Inserted, "updated", s.Updated,
			"removed", s.Removed, "unchanged", s.Unchanged, "drift", s.Drift, "slack_calls", s.Calls, "waits", s.Waits,
			"waited", s.Waited, "reads", s.Reads, "writes", s.Writes, "stale", s.Stale, "failed", s.Failed,
			"forgotten", s.Forgotten, "future", s.Future, "profiles", s.Profiles.Asked, "never_asked", s.Profiles.NeverAsked, "took", took}
		if len(s.Differed) > 0 {
			attrs = append(attrs, "differed", s.Differed)
		}
		switch { // the caller reports the error itself
		case err == nil:
			p.log.Info("full sync done", append(attrs, "outcome", "done")...)
		case errors.Is(err, syncs.ErrDisconnected):
			p.log.Warn("full sync ended early", append(attrs, "outcome", "disconnected")...)
		default:
			p.log.Warn("full sync ended early", append(attrs, "outcome", "failed")...)
		}
		return
	}
	how := "synced"
	if err != nil {
		how = "not synced"
	}
	if p.live {
		fmt.Fprint(p.out, terminal.ClearLine)
	}
	fmt.Fprintf(p.out, "%s: %s in %v: %d listed, %d inserted, %d updated, %d removed, %d unchanged, drift %d\n  %s\n",
		p.workspace, how, took, s.Listed, s.Inserted, s.Updated, s.Removed, s.Unchanged, s.Drift, p.costs(s))
	if s.Profiles.Asked > 0 {
		fmt.Fprintf(p.out, "  asked for the custom fields of %s; those of %d are still unknown\n", count(s.Profiles.Asked, "person", "people"), s.Profiles.NeverAsked)
	}
	for _, left := range []struct {
		n   int
		why string
	}{
		{s.Failed, "could not be read or stored"},
		{s.Stale, "left alone: what is stored is newer than the listing"},
		{s.Forgotten, "stored as forgotten and active in Slack: lift them"},
		{s.Future, "stored with a version in the future, and sent again"},
	} {
		if left.n > 0 {
			fmt.Fprintf(p.out, "  %d %s\n", left.n, left.why)
		}
	}
}

// costs says what a sync took of Slack and Firestore.
func (p *Progress) costs(s syncs.Sync) string {
	text := count(s.Calls, "Slack call", "Slack calls")
	if s.Waits > 0 {
		text += fmt.Sprintf(", waited %v for Slack's rate limit", s.Waited)
	}
	if !p.Free {
		text += fmt.Sprintf("; about %s and %s billed", count(s.Reads, "read", "reads"), count(s.Writes, "write", "writes"))
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
