package fullsync

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/syncs"
)

// all returns the outcomes and errors of all workspaces.
func (w *world) all(t *testing.T, o Options, tokens ...Slack) (outcomes []syncs.Sync, errs []error) {
	t.Helper()
	w.pass(5 * time.Minute)
	for s, err := range All(t.Context(), tokens, o) {
		outcomes, errs = append(outcomes, s), append(errs, err)
	}
	return outcomes, errs
}

// TestTwoTokensOfOneWorkspace: the second is refused, and the first one syncs.
func TestTwoTokensOfOneWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	outcomes, errs := w.all(t, w.options(), w.client, w.open(w.slack.Options().BotToken))
	if len(errs) != 2 || errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), w.slack.Options().Name) || len(w.published) != 60 {
		t.Errorf("%v, %+v", errs, outcomes)
	}
}

// TestOrganisationsToken: the error says what to do.
func TestOrganisationsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60, Enterprise: "E0MARLOW", OrgWide: true})
	if _, err := Run(t.Context(), w.options()); err == nil || !strings.Contains(err.Error(), "install the app in each workspace") {
		t.Errorf("error %v", err)
	}
	if all, err := w.store.Workspaces(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestWrongToken: the error says what to do.
func TestWrongToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{})
	_, err := Run(t.Context(), w.options(func(o *Options) { o.Slack = webapi.New(w.url(), "xoxb-wrong", o.Log) }))
	if err == nil || !strings.Contains(err.Error(), "invalid_auth") || !strings.Contains(err.Error(), "SLACK_BOT_TOKENS") {
		t.Errorf("error %v", err)
	}
}

// TestDisconnected: once Slack refuses the token the workspace is marked, each sync
// says so, other workspaces go on, and a new installation ends it.
func TestDisconnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	other := newWorld(t, fakeslack.Options{People: 60, TeamID: "T0OTHER"})
	other.store = w.store
	w.sync(t)
	w.pass(time.Hour)
	w.slack.Uninstall("")

	var lines bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	logged := w.options(func(o *Options) { o.Log, o.Progress = log, NewProgress(nil, false, log) })
	outcomes, errs := w.all(t, logged, w.client, other.client)
	if len(errs) != 2 || !errors.Is(errs[0], syncs.ErrDisconnected) || !strings.Contains(errs[0].Error(), "install it again") || errs[1] != nil {
		t.Fatalf("%v, %+v", errs, outcomes)
	}
	if !strings.Contains(lines.String(), `"outcome":"disconnected"`) {
		t.Errorf("no such line in the log:\n%s", &lines)
	}
	kept, err := w.store.Syncs(t.Context(), team, 10)
	if err != nil || kept[0].State != syncs.Disconnected || kept[0].Error == "" || kept[0].Ended.IsZero() {
		t.Errorf("%v, %+v", err, kept)
	}
	workspace := func() directory.Workspace {
		all, err := w.store.Workspaces(t.Context())
		i := slices.IndexFunc(all, func(w directory.Workspace) bool { return w.ID == team })
		if err != nil || i < 0 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[i]
	}
	since := workspace().DisconnectedAt
	if !workspace().Disconnected() || workspace().Name == "" {
		t.Errorf("%+v", workspace())
	}
	if _, errs := w.all(t, w.options(), w.client); !errors.Is(errs[0], syncs.ErrDisconnected) || workspace().DisconnectedAt != since {
		t.Errorf("the second time: %v, %+v", errs, workspace())
	}
	w.slack.Reinstall("xoxb-new")
	w.client = w.open("xoxb-new")
	if w.sync(t); workspace().Disconnected() {
		t.Errorf("%+v", workspace())
	}
}

// TestDisconnectedMeanwhile: Slack may revoke the token during the walk.
func TestDisconnectedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 110})
	s, err := Run(t.Context(), w.options(func(o *Options) {
		o.Slack = interrupted{w.client, 0, func() error { w.pass(time.Minute); w.slack.Uninstall("token_revoked"); return nil }}
	}))
	all, storeErr := w.store.Workspaces(t.Context())
	if !errors.Is(err, syncs.ErrDisconnected) || s.State != syncs.Disconnected || storeErr != nil || !all[0].Disconnected() {
		t.Errorf("%v, %+v, %v, %+v", err, s, storeErr, all)
	}
}

// TestNetworkTrouble: a network fault does not disconnect a workspace.
func TestNetworkTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, w.options()); err == nil || errors.Is(err, syncs.ErrDisconnected) {
		t.Errorf("error %v", err)
	}
}

// TestFailsAtOnce: a sync that fails before the first page is recorded as failed.
func TestFailsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{})
	if _, err := Run(t.Context(), w.options(func(o *Options) {
		o.Slack = interrupted{w.client, 0, func() error { return errors.New("missing_scope") }}
	})); err == nil {
		t.Error("no error")
	}
	kept, err := w.store.Syncs(t.Context(), team, 1)
	if err != nil || kept[0].State != syncs.Failed || !strings.Contains(kept[0].Error, "missing_scope") {
		t.Errorf("%v, %+v", err, kept)
	}
}

func (w *world) url() string { return w.slack.Options().BaseURL + "/api/" }
