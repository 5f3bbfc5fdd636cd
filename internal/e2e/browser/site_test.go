// Package browser tests the pages in a real browser, with all of Rollcall behind them.
package browser

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
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
	failing   atomic.Value // prefix of the paths that are answered 503; "=/" is that path alone
	before    atomic.Value // a func(*http.Request) that is called before each answer
	asked     atomic.Value // the same for the answers of Slack
	inPieces  atomic.Bool  // pages arrive bit by bit, as over a slow network

	syncing  sync.Mutex
	underWay sync.WaitGroup
}

func newSite(t *testing.T, o fakeslack.Options, with ...func(*ui.Options)) *site {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o.Log = log
	s := &site{slack: fakeslack.New(o)}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked, ok := s.asked.Load().(func(*http.Request)); ok {
			asked(r)
		}
		s.slack.Handler().ServeHTTP(w, r)
	}))
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
	options := ui.Options{Store: enlarging{s.store}, Syncer: s, DeadLetters: server, Log: log, ImageSources: []string{api.URL}}
	for _, set := range with {
		set(&options)
	}
	pages := ui.New(ctx, options)
	s.pages = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix, ok := s.failing.Load().(string); ok && prefix != "" && (strings.HasPrefix(r.URL.Path, prefix) || "="+r.URL.Path == prefix) {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		if before, ok := s.before.Load().(func(*http.Request)); ok {
			before(r)
		}
		if s.inPieces.Load() && strings.Contains(r.Header.Get("Accept"), "text/html") {
			r.Header.Del("Accept-Encoding")
			w = pieces{w}
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

// pieces sends a page in several parts, so that the browser shows the first ones before it has the others.
type pieces struct{ http.ResponseWriter }

func (p pieces) Write(page []byte) (int, error) {
	for piece := range slices.Chunk(page, 2000) {
		if _, err := p.ResponseWriter.Write(piece); err != nil {
			return 0, err
		}
		if err := http.NewResponseController(p.ResponseWriter).Flush(); err != nil {
			return 0, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return len(page), nil
}

// filled returns a site that a full sync has filled.
func filled(t *testing.T, o fakeslack.Options, with ...func(*ui.Options)) *site {
	t.Helper()
	s := newSite(t, o, with...)
	if err := s.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.settle(t, s.slack.Options().People)
	return s
}

// settle waits until the worker has written everybody.
func (s *site) settle(t *testing.T, people int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
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

// recorded is longer than a full sync waits before it saves its record again.
const recorded = 2500 * time.Millisecond

// hold keeps Slack from answering for the third page of the listing until the returned function is called. The second
// one is late, so that the sync's record has two pages by then.
func (s *site) hold(t *testing.T) (release func()) {
	t.Helper()
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	var pages atomic.Int32
	s.asked.Store(func(r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/users.list") {
			return
		}
		switch pages.Add(1) {
		case 2:
			time.Sleep(recorded)
		case 3:
			<-held
		}
	})
	return release
}

// StartSync implements ui.Syncer.
func (s *site) StartSync(ctx context.Context) error {
	s.underWay.Go(func() { s.sync(context.WithoutCancel(ctx)) }) //nolint:errcheck // the sync's record has the error
	return nil
}

// deliver posts events as Slack does.
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
	team := s.slack.Options().TeamID
	if err := s.store.PutWorkspace(t.Context(), directory.Workspace{ID: team, Name: "Marlow & Finch"}); err != nil {
		t.Fatal(err)
	}
	s.putIn(t, team, object)
}

func (s *site) putIn(t *testing.T, team, object string) {
	t.Helper()
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: []byte(object),
		Version: directory.VersionOf(time.Now()), Source: directory.FromEvent})
	if err != nil {
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
