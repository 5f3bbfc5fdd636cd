package ui

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

const (
	// lateTimeout is how long the page waits after the second missed start before it says that full syncs are
	// late. The alert FullSyncMissing waits as long.
	lateTimeout = 15 * time.Minute
	// driftDays is how many days of drift are added up.
	driftDays = 7
	// maxDriftSyncs bounds how many records are read for that.
	maxDriftSyncs = 500
)

// Schedule knows when full syncs start.
type Schedule interface {
	// Next returns the first start after a time, zero if it is unknown.
	Next(time.Time) time.Time
}

// health says how far the copy can be trusted.
type health struct {
	Class    string // of the badge
	Word     string // "healthy"
	Sentence string
	Detail   string    // continues with At
	At       time.Time // zero: Detail is all
	Error    string
}

// evidence is what health is judged by.
type evidence struct {
	workspace   directory.Workspace
	starting    bool
	syncs       []syncs.Sync // the newest first
	schedule    Schedule     // nil: unknown
	deadLetters int
	lastEvent   time.Time
	now         time.Time
}

// healthOf names the worst problem. A quiet workspace is healthy: a lack of events is a fault only if a full
// sync found changes that events should have delivered.
func healthOf(e evidence) health {
	if e.workspace.Disconnected() {
		return health{Class: "bad", Word: "disconnected", Sentence: "Slack disconnected this workspace", Detail: "That was", At: e.workspace.DisconnectedAt.Time()}
	}
	if e.starting {
		return health{Class: "busy", Word: "syncing", Sentence: "A full sync is starting"}
	}
	if len(e.syncs) == 0 {
		return health{Class: "warn", Word: "never synced", Sentence: "There has been no full sync yet", Detail: "Until one has finished, people may be missing."}
	}
	latest, last := e.syncs[0], lastDone(e.syncs)
	if latest.State == syncs.Running {
		return health{Class: "busy", Word: "syncing", Sentence: "A full sync is running", Detail: "Started", At: latest.Started}
	}
	h := health{Detail: "No full sync has finished lately."}
	if last != nil {
		h.Detail, h.At = "Last compared with Slack", last.Ended
	}
	switch {
	case latest.State == syncs.Failed || latest.State == syncs.Disconnected:
		h.Class, h.Word, h.Sentence, h.Error = "bad", string(latest.State), "The last full sync failed", latest.Error
	case late(e.schedule, last, e.now):
		h.Class, h.Word, h.Sentence = "warn", "late", "Two full syncs are overdue"
	case latest.State != syncs.Done:
		h.Class, h.Word, h.Sentence = "warn", "interrupted", "The last full sync stopped early; the next one resumes it"
	case e.deadLetters > 0:
		h.Class, h.Word, h.Sentence = "warn", "incomplete", plural(e.deadLetters, "message")+" could not be applied"
	case last.Failed > 0:
		h.Class, h.Word, h.Sentence = "warn", "incomplete", plural(last.Failed, "person")+" could not be read"
	case eventsMissing(e):
		h.Class, h.Word, h.Sentence = "warn", "no events", "Slack's events are not arriving"
	default:
		h.Class, h.Word, h.Sentence = "ok", "healthy", "The copy is complete"
	}
	return h
}

// late reports whether two starts have passed since the last sync that finished began.
func late(schedule Schedule, last *syncs.Sync, now time.Time) bool {
	if schedule == nil || last == nil {
		return false
	}
	due := schedule.Next(last.Started)
	if due.IsZero() {
		return false
	}
	return now.After(schedule.Next(due).Add(lateTimeout))
}

// eventsMissing reports whether the last finished sync found changes without events, and no event has come
// since the one before it began.
func eventsMissing(e evidence) bool {
	var finished []syncs.Sync
	for _, s := range e.syncs {
		if s.State == syncs.Done {
			finished = append(finished, s)
		}
	}
	return len(finished) > 1 && finished[0].Drift > 0 && e.lastEvent.Before(finished[1].Started)
}

// drift adds up what the full syncs of the last days repaired. It reads their records once after each sync.
func (h *handler) drift(ctx context.Context, teamID string, latest []syncs.Sync) (string, error) {
	last := lastDone(latest)
	if last == nil {
		return "", nil
	}
	return h.caches.drift.get(teamID+" "+last.ID, func() (string, error) {
		records, err := h.Store.Syncs(ctx, teamID, maxDriftSyncs)
		if err != nil {
			return "", fmt.Errorf("drift: %w", err)
		}
		since := h.Now().AddDate(0, 0, -driftDays)
		total, whole := 0, len(records) < maxDriftSyncs
		for _, s := range records {
			if s.Started.Before(since) {
				whole = true
				break
			}
			if s.State == syncs.Done { // its counts include those of runs that it resumed
				total += s.Drift
			}
		}
		if !whole {
			return "at least " + number(total), nil
		}
		return number(total), nil
	})
}
