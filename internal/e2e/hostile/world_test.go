package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/api"
	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/embedded"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
	"rollcall/internal/service/function"
	"rollcall/internal/slack"
	"rollcall/internal/store/firestore"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/tokens"
	"rollcall/internal/ui"
	"rollcall/internal/ui/iaptest"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

const (
	team     = "T0HOSTILE"
	secret   = "5ec2e7-0f-the-hostile-catalogue"
	audience = "/projects/1/locations/europe-west1/services/ui"
	viewer   = "admin@operator.example"
	// profile is a person whose words occur nowhere else.
	profile = `{"id":"U0WILHELMINA","team_id":"T0HOSTILE","name":"wilhelmina","tz":"Europe/Amsterdam","profile":{"real_name":"Wilhelmina Drucker",` +
		`"email":"wilhelmina@profile.example","phone":"+31 20 555 0100","status_text":"On sabbatical"}}`
)

// profileWords must not be in the log, nor in answers of webhook and worker.
var profileWords = []string{"wilhelmina@", "Drucker", "555 0100", "sabbatical"}

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// world has the services, each on its own port as in production, with
// in-process Pub/Sub and stores.
type world struct {
	addresses map[string]string
	log       *lines
	proxy     *iaptest.Proxy
	// published, applied and synced count the effects of requests.
	published, applied, synced atomic.Int64
	handlers                   map[string]http.Handler
	programToken               string // of a program that uses the API
	framework                  bool   // the worker is served by the Functions Framework itself
}

// services are the names of all services.
var services = []string{"webhook", "worker", "ui", "api"}

// count returns the number of effects of a service's requests.
func (w *world) count(name string) int64 {
	switch name {
	case "webhook":
		return w.published.Load()
	case "worker":
		return w.applied.Load()
	case "api":
		return 0 // it changes nothing
	}
	return w.synced.Load()
}

// registered numbers the functions, because the framework accepts each name only once.
var registered atomic.Int32

// store is the store of all services.
type store interface {
	worker.Store
	ui.Store
	api.PeopleStore
	api.WorkspaceStore
	api.HistoryStore
	api.TokenStore
	PutToken(context.Context, tokens.Token) error
	PutWorkspace(context.Context, directory.Workspace) error
	PutTeamProfile(context.Context, string, json.RawMessage) error
	Close() error
}

// newWorld makes a world on real backends.
func newWorld(t *testing.T, open func(*testing.T) store) *world {
	t.Helper()
	server, err := embedded.Start(t.Context(), "hostile")
	if err != nil {
		t.Fatal(err)
	}
	topology := pubsub.Production()
	if err := topology.Ensure(t.Context(), server.Client); err != nil {
		t.Fatal(err)
	}
	publisher := pubsub.NewPublisher(server.Client, topology.Topic)
	t.Cleanup(func() {
		publisher.Stop()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorldWith(t, publisher, open)
	w.framework = true
	return w
}

// newWorldWith makes a world with a publisher. The worker has its own store; ui and api share another, with one person.
func newWorldWith(t *testing.T, publisher webhook.Publisher, open func(*testing.T) store) *world {
	t.Helper()
	w := &world{log: &lines{}, proxy: iaptest.New(t), addresses: map[string]string{}}
	users, shown := open(t), open(t)
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: []byte(profile), Version: 10, Source: directory.FromEvent})
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := directory.Apply(nil, c, time.Now())
	err = errors.Join(err, users.PutWorkspace(t.Context(), directory.Workspace{ID: team, Name: "Hostile"}), shown.PutWorkspace(t.Context(), directory.Workspace{ID: team, Name: "Hostile"}), shown.PutUser(t.Context(), u, 0, nil),
		shown.PutTeamProfile(t.Context(), team, json.RawMessage(`{"fields":[{"id":"XfBOSS","label":"Manager","type":"user"}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	text, token, err := tokens.New("hostile", []string{team}, tokens.Scopes, time.Now(), time.Time{})
	if err == nil {
		err = shown.PutToken(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.programToken = text
	log := service.NewLogger(w.log, slog.LevelDebug, "hostile")
	w.handlers = map[string]http.Handler{
		"webhook": webhook.New(slack.NewVerifier(secret), countingPublisher{publisher, &w.published}, "", log),
		"worker":  worker.New(countingStore{users, &w.applied}, worker.History{}, push.WorkTimeout(push.AckDeadline), log),
		"ui": ui.New(t.Context(), ui.Options{Store: shown, Syncer: syncer{&w.synced}, Log: log,
			Authenticate: ui.RequireIAP(w.proxy.Validator(t), audience, log)}),
		"api": api.New(api.Options{People: shown, Workspaces: shown, History: shown, Tokens: shown, Rate: 1000, Log: log}),
	}
	return w
}

func openSQLite(t *testing.T) store {
	t.Helper()
	s, err := sqlite.OpenTemporary()
	return opened(t, s, err)
}

// projects numbers the projects, each of which is its own database on the emulator.
var projects atomic.Int32

func openFirestore(t *testing.T) store {
	t.Helper()
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	s, err := firestore.Open(t.Context(), fmt.Sprintf("hostile-%d", projects.Add(1)), "(default)")
	return opened(t, s, err)
}

func opened(t *testing.T, s store, err error) store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve serves each handler as the functions do, until the test ends.
func (w *world) serve(t *testing.T, listen func() net.Listener) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	for _, name := range services {
		listener := listen()
		w.addresses[name] = listener.Addr().String()
		serving.Go(func() {
			serve := service.ServeListener
			if name == "worker" {
				serve = w.serveWorker
			}
			if err := serve(ctx, listener, w.handlers[name], service.NewLogger(w.log, slog.LevelDebug, "hostile")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	t.Cleanup(func() { stop(); serving.Wait() })
}

// serveWorker uses the Functions Framework, which opens its own listener. For a test's listener it
// uses a server like the framework's, which has no timeouts.
func (w *world) serveWorker(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	if w.framework {
		if err := listener.Close(); err != nil {
			return err
		}
		return function.Serve(ctx, fmt.Sprintf("hostile-%d", registered.Add(1)), "127.0.0.1", listener.Addr().(*net.TCPAddr).Port, h, log)
	}
	server := http.Server{Handler: service.Handler(ctx, h)}
	context.AfterFunc(ctx, func() { service.Drain(ctx, &server, log) }) //nolint:errcheck // the test ends
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (w *world) dial(t *testing.T, name string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) { // the framework may not listen yet
		conn, err := net.DialTimeout("tcp", w.addresses[name], time.Second)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

type countingPublisher struct {
	webhook.Publisher
	n *atomic.Int64
}

func (p countingPublisher) Publish(ctx context.Context, c directory.Change) error {
	err := p.Publisher.Publish(ctx, c)
	if err == nil {
		p.n.Add(1)
	}
	return err
}

type countingStore struct {
	worker.Store
	n *atomic.Int64
}

func (s countingStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	err := s.Store.PutUser(ctx, u, expected, record)
	if err == nil {
		s.n.Add(1)
	}
	return err
}

type syncer struct{ n *atomic.Int64 }

func (s syncer) StartSync(context.Context) error { s.n.Add(1); return nil }

// lines keeps the log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
