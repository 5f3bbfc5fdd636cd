// Package browser tests the pages in a real browser, with all of Rollcall behind them.
package browser

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/embedded"
	"rollcall/internal/slack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/ui"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

// historyTTL is how long the tests' records are kept.
const historyTTL = time.Hour

// site is an invented workspace and a whole Rollcall: webhook, Pub/Sub, worker, store and pages.
type site struct {
	URL       string
	pages     *httptest.Server
	slack     *fakeslack.Workspace
	store     *sqlite.Store
	publisher *pubsub.Publisher
	client    *webapi.Client
	deliverer fakeslack.Deliverer
	failing   atomic.Value // prefix of the paths that are answered 503

	syncing  sync.Mutex
	underWay sync.WaitGroup
}

func newSite(t *testing.T, o fakeslack.Options) *site {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o.Log = log
	s := &site{slack: fakeslack.New(o)}
	api := httptest.NewServer(s.slack.Handler())
	t.Cleanup(api.Close)
	s.slack.SetBaseURL(api.URL)
	s.client = webapi.New(api.URL+"/api/", s.slack.Options().BotToken, log)
	var err error
	if s.store, err = sqlite.OpenTemporary(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := embedded.Start(ctx, "p")
	if err != nil {
		t.Fatal(err)
	}
	topology := pubsub.Production()
	work := httptest.NewServer(worker.New(s.store, worker.History{TTL: historyTTL}, topology.WorkTimeout(), log))
	topology.PushEndpoint = work.URL + "/"
	topology.MinimumBackoff, topology.MaximumBackoff = 50*time.Millisecond, 100*time.Millisecond
	if err := topology.Ensure(ctx, server.Client); err != nil {
		t.Fatal(err)
	}
	s.publisher = pubsub.NewPublisher(server.Client, topology.Topic)
	hook := httptest.NewServer(webhook.New(slack.NewVerifier(s.slack.Options().SigningSecret), s.publisher, "", log))
	s.deliverer = fakeslack.Deliverer{URL: hook.URL + "/slack/events", Secret: s.slack.Options().SigningSecret}
	pages := ui.New(ctx, ui.Options{Store: s.store, Syncer: s, DeadLetters: server, Log: log, ImageSources: []string{api.URL}})
	s.pages = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix, ok := s.failing.Load().(string); ok && prefix != "" && strings.HasPrefix(r.URL.Path, prefix) {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	s.URL = s.pages.URL
	var pushing sync.WaitGroup
	pushing.Go(func() { server.Push(ctx, topology, log) })
	t.Cleanup(func() {
		s.underWay.Wait()
		cancel()
		pushing.Wait()
		hook.Close()
		work.Close()
		s.publisher.Stop()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		s.pages.CloseClientConnections()
		s.pages.Close()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// filled returns a site that a full sync has filled.
func filled(t *testing.T, o fakeslack.Options) *site {
	t.Helper()
	s := newSite(t, o)
	if err := s.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.settle(t, s.slack.Options().People)
	return s
}

// settle waits until the worker has written everybody.
func (s *site) settle(t *testing.T, people int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n, _, err := s.store.Count(t.Context(), s.slack.Options().TeamID, directory.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if n >= people {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d people", n, people)
		}
	}
}

func (s *site) sync(ctx context.Context) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	_, err := fullsync.Run(ctx, fullsync.Options{Slack: s.client, Store: s.store, Publisher: s.publisher, Log: slog.New(slog.DiscardHandler)})
	return err
}

// StartSync implements ui.Syncer.
func (s *site) StartSync(ctx context.Context) error {
	s.underWay.Go(func() { s.sync(context.WithoutCancel(ctx)) }) //nolint:errcheck // the sync's record has the error
	return nil
}

// deliver posts events like Slack.
func (s *site) deliver(t *testing.T, events []fakeslack.Event, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := s.deliverer.Deliver(t.Context(), e.Envelope); err != nil {
			t.Fatal(err)
		}
	}
}

// put stores a user from Slack's object, as the worker would.
func (s *site) put(t *testing.T, object string) {
	t.Helper()
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: s.slack.Options().TeamID, User: []byte(object),
		Version: directory.VersionOf(time.Now()), Source: directory.FromEvent})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.PutWorkspace(t.Context(), directory.Workspace{ID: c.TeamID, Name: "Marlow & Finch"}); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.ApplyTo(t.Context(), s.store, c, historyTTL); err != nil {
		t.Fatal(err)
	}
}

// people returns the active members of the workspace.
func (s *site) people(t *testing.T) []directory.User {
	t.Helper()
	page, err := s.store.Users(t.Context(), s.slack.Options().TeamID, directory.PageRequest{Limit: 1000,
		Filter: directory.Filter{AccountStatus: directory.Active, Group: directory.GroupMembers}})
	if err != nil {
		t.Fatal(err)
	}
	return page.Users
}
