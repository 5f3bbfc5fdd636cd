package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

func TestHealth(t *testing.T) {
	at := func(hours float64) time.Time { return noon.Add(-time.Duration(hours * float64(time.Hour))) }
	ended := func(hours float64, state syncs.State, change ...func(*syncs.Sync)) syncs.Sync {
		s := syncs.Sync{State: state, Started: at(hours), Ended: at(hours).Add(time.Minute)}
		for _, c := range change {
			c(&s)
		}
		return s
	}
	fine := ended(0.5, syncs.Done)
	drifted := func(s *syncs.Sync) { s.Drift = 4 }
	tests := map[string]struct {
		evidence evidence
		want     health
	}{
		"healthy":                {evidence{syncs: []syncs.Sync{fine}}, health{Class: "ok", Word: "healthy", At: fine.Ended}},
		"healthy and quiet":      {evidence{syncs: []syncs.Sync{fine, ended(1.5, syncs.Done)}, lastEvent: at(500)}, health{Class: "ok", Word: "healthy", At: fine.Ended}},
		"never synced":           {evidence{}, health{Class: "warn", Word: "never synced"}},
		"starting":               {evidence{starting: true, syncs: []syncs.Sync{fine}}, health{Class: "busy", Word: "syncing"}},
		"running":                {evidence{syncs: []syncs.Sync{{State: syncs.Running, Started: noon}, fine}}, health{Class: "busy", Word: "syncing", At: noon}},
		"failed":                 {evidence{syncs: []syncs.Sync{ended(0, syncs.Failed, func(s *syncs.Sync) { s.Error = "x" }), fine}, deadLetters: 1}, health{Class: "bad", Word: "failed", At: fine.Ended, Error: "x"}},
		"failed from the start":  {evidence{syncs: []syncs.Sync{ended(0, syncs.Failed)}}, health{Class: "bad", Word: "failed"}},
		"refused":                {evidence{syncs: []syncs.Sync{ended(0, syncs.Disconnected), fine}}, health{Class: "bad", Word: "disconnected", At: fine.Ended}},
		"disconnected":           {evidence{workspace: directory.Workspace{DisconnectedAt: directory.VersionOf(at(3))}, starting: true}, health{Class: "bad", Word: "disconnected", At: at(3)}},
		"reconnected":            {evidence{workspace: directory.Workspace{DisconnectedAt: 1, ConnectedAt: 2}, syncs: []syncs.Sync{fine}}, health{Class: "ok", Word: "healthy", At: fine.Ended}},
		"interrupted":            {evidence{syncs: []syncs.Sync{ended(0, syncs.Interrupted), fine}}, health{Class: "warn", Word: "interrupted", At: fine.Ended}},
		"one start missed":       {evidence{schedule: hourly{}, syncs: []syncs.Sync{ended(1.88, syncs.Done)}}, health{Class: "ok", Word: "healthy", At: ended(1.88, syncs.Done).Ended}},
		"two starts missed":      {evidence{schedule: hourly{}, syncs: []syncs.Sync{ended(2.88, syncs.Done)}}, health{Class: "warn", Word: "late", At: ended(2.88, syncs.Done).Ended}},
		"the second may be busy": {evidence{schedule: hourly{}, syncs: []syncs.Sync{ended(2.88, syncs.Done)}, now: noon.Add(-40 * time.Minute)}, health{Class: "ok", Word: "healthy", At: ended(2.88, syncs.Done).Ended}},
		"no schedule":            {evidence{syncs: []syncs.Sync{ended(200, syncs.Done)}}, health{Class: "ok", Word: "healthy", At: ended(200, syncs.Done).Ended}},
		"dead letters":           {evidence{syncs: []syncs.Sync{fine}, deadLetters: 2}, health{Class: "warn", Word: "incomplete", At: fine.Ended}},
		"people skipped":         {evidence{syncs: []syncs.Sync{ended(0.5, syncs.Done, func(s *syncs.Sync) { s.Failed = 1 })}}, health{Class: "warn", Word: "incomplete", At: fine.Ended}},
		"no event, and drift":    {evidence{syncs: []syncs.Sync{ended(0.5, syncs.Done, drifted), ended(1.5, syncs.Done)}, lastEvent: at(2)}, health{Class: "warn", Word: "no events", At: fine.Ended}},
		"some events, and drift": {evidence{syncs: []syncs.Sync{ended(0.5, syncs.Done, drifted), ended(1.5, syncs.Done)}, lastEvent: at(1)}, health{Class: "ok", Word: "healthy", At: fine.Ended}},
	}
	for name, tt := range tests {
		if tt.evidence.now.IsZero() {
			tt.evidence.now = noon
		}
		got := healthOf(tt.evidence)
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(health{}, "Sentence", "Detail")); diff != "" || got.Sentence == "" {
			t.Errorf("%s: %q (-want +got):\n%s", name, got.Sentence, diff)
		}
	}
}

// counting counts how often the syncs of a week are read.
type counting struct {
	Store
	weeks int
}

func (c *counting) Syncs(ctx context.Context, teamID string, limit int) ([]syncs.Sync, error) {
	if limit == maxDriftSyncs {
		c.weeks++
	}
	return c.Store.Syncs(ctx, teamID, limit)
}

// TestDrift: a week's drift counts each repair once, and is read again only when another sync has finished.
func TestDrift(t *testing.T) {
	f := people(t)
	interrupted := done(noon.Add(-3 * time.Hour))
	interrupted.State = syncs.Interrupted // the next one resumes it, and counts its repairs again
	f.syncs = []syncs.Sync{done(noon.Add(-time.Hour)), interrupted, done(noon.AddDate(0, 0, -6)), done(noon.AddDate(0, 0, -8))}
	o := testOptions(t, f)
	store := &counting{Store: o.Store}
	o.Store = store
	h := New(t.Context(), o)
	for range 3 {
		if page := get(t, h, "/status").Body.String(); !strings.Contains(page, `<dd id="drift">8</dd>`) {
			t.Error(page)
		}
	}
	if store.weeks != 1 {
		t.Errorf("read %d times", store.weeks)
	}
	var many []syncs.Sync
	for i := range maxDriftSyncs {
		many = append(many, done(noon.Add(-time.Duration(i)*time.Minute)))
	}
	f.syncs = many
	if page := get(t, serving(t, f), "/status").Body.String(); !strings.Contains(page, `<dd id="drift">at least 2,000</dd>`) {
		t.Error("more syncs than are read, and the page does not say so")
	}
}

// TestStatusRefreshes: without JavaScript the page reloads itself, but only while a sync starts or runs.
func TestStatusRefreshes(t *testing.T) {
	running := syncs.Sync{ID: "2", TeamID: team, State: syncs.Running, Started: noon}
	for name, tt := range map[string]struct {
		syncs   []syncs.Sync
		path    string
		refresh string
	}{
		"idle":     {[]syncs.Sync{done(noon.Add(-time.Hour))}, "/status", ""},
		"starting": {[]syncs.Sync{done(noon.Add(-time.Hour))}, "/status?started=1648641600", "5; url=/status?started=1648641600&amp;team=" + team},
		"running":  {[]syncs.Sync{running}, "/status?started=1648641600", "5; url=/status?team=" + team},
		"over":     {[]syncs.Sync{done(noon)}, "/status?started=1648641600", ""},
	} {
		f := people(t)
		f.syncs = tt.syncs
		o := testOptions(t, f)
		store := o.Store.(interface {
			Lease(ctx context.Context, teamID, holder string, until time.Time) error
		})
		if err := store.Lease(t.Context(), team, "a", noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		page := get(t, New(t.Context(), o), tt.path).Body.String()
		want := `<noscript><meta http-equiv="refresh" content="` + tt.refresh + `"></noscript>`
		if strings.Contains(page, want) != (tt.refresh != "") || strings.Contains(page, "http-equiv") != (tt.refresh != "") {
			t.Errorf("%s: %s", name, page[:min(len(page), 1200)])
		}
	}
}

// TestSyncNowKeepsTheFocus: the button can be focused while a sync runs, and has the focus after it was pressed
// without JavaScript. htmx keeps the focus where it is.
func TestSyncNowKeepsTheFocus(t *testing.T) {
	f := people(t)
	f.syncs = []syncs.Sync{done(noon.Add(-time.Hour))}
	o := testOptions(t, f)
	o.Syncer = &syncer{}
	h := New(t.Context(), o)
	const pressed = "/status?started=1648641600"
	for name, tt := range map[string]struct{ path, header, want string }{
		"before":         {"/status", "", `<button id="sync-now" class="button main" type="submit">`},
		"pressed":        {pressed, "", `<button id="sync-now" class="button main" type="button" aria-disabled="true" autofocus>`},
		"pressed (htmx)": {pressed, "true", `<button id="sync-now" class="button main" type="button" aria-disabled="true">`},
	} {
		w := getWith(h, tt.path, "HX-Request", tt.header)
		if !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: no %s in %s", name, tt.want, w.Body)
		}
	}
}
