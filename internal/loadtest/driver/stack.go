package driver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
	"rollcall/internal/pubsub/embedded"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

// The parts that can be loaded, from the baselines to the whole chain.
const (
	Signature = "signature"
	Publishes = "publishes"
	Webhook   = "webhook"
	Chain     = "chain"
)

// Parts are the names of all parts.
var Parts = []string{Signature, Publishes, Webhook, Chain}

const (
	project = "loadtest"
	secret  = "loadtest-signing-secret"
	// unheard is a topic without subscriptions.
	unheard = "unheard"
)

// stack is Rollcall and the baselines in this process, on loopback. Every part has the
// HTTP server of production.
type stack struct {
	pubsub   *embedded.Server
	urls     map[string]string // by part
	chain    *chain
	closers  []func() error
	stopping context.CancelFunc
	serving  errgroup.Group
}

func newStack(ctx context.Context) (s *stack, err error) {
	// The servers outlive an interrupt, so that requests in flight are answered.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s = &stack{urls: map[string]string{}, stopping: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.pubsub, err = embedded.Start(ctx, project); err != nil {
		return s, err
	}
	s.closers = append(s.closers, s.pubsub.Close)
	client := s.pubsub.Client
	if _, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: "projects/" + project + "/topics/" + unheard}); err != nil {
		return s, err
	}
	// As in production, log lines are written. Nobody reads them.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return s, err
	}
	s.closers = append(s.closers, null.Close)
	log := service.NewLogger(null, slog.LevelInfo, project)

	if s.chain, err = newChain(s, ctx, log); err != nil {
		return s, err
	}
	plain := plainPublisher(client, unheard)
	own, chained := pubsub.NewPublisher(client, unheard), pubsub.NewPublisher(client, s.chain.topology.Topic)
	for _, p := range []interface{ Stop() }{plain, own, chained} {
		s.closers = append(s.closers, func() error { p.Stop(); return nil })
	}
	verifier := slack.NewVerifier(secret)
	for part, h := range map[string]http.Handler{
		Signature: baseline(secret, nil),
		Publishes: baseline(secret, plain),
		Webhook:   webhook.New(verifier, own, "", log),
		Chain:     webhook.New(verifier, chained, "", log),
	} {
		address, err := s.serve(ctx, h, log)
		if err != nil {
			return s, err
		}
		s.urls[part] = address + "slack/events"
	}
	return s, nil
}

// serve listens on a free loopback port until the stack is closed.
func (s *stack) serve(ctx context.Context, h http.Handler, log *slog.Logger) (string, error) {
	listener, err := service.Listen("127.0.0.1", 0)
	if err != nil {
		return "", err
	}
	s.serving.Go(func() error { return service.ServeListener(ctx, listener, h, log) })
	return "http://" + listener.Addr().String() + "/", nil
}

func (s *stack) close() error {
	s.stopping()
	err := s.serving.Wait()
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	return err
}

// chain is what follows the webhook: topic, push, worker and store.
type chain struct {
	pubsub   *embedded.Server
	topology pubsub.Topology
	store    *watchedStore
	acked    atomic.Int64 // messages acknowledged by the worker
	log      *slog.Logger
}

func newChain(s *stack, ctx context.Context, log *slog.Logger) (*chain, error) {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, store.Close)
	c := &chain{pubsub: s.pubsub, topology: pubsub.Production(), store: &watchedStore{Store: store, newest: map[string]directory.Version{}}, log: log}
	told := pubsub.NewRecordPublisher(s.pubsub.Client, c.topology.ChangesTopic, false)
	s.closers = append(s.closers, func() error { told.Stop(); return nil })
	work := worker.New(c.store, worker.History{TTL: 90 * 24 * time.Hour, Publisher: told}, c.topology.WorkTimeout(), log)
	c.topology.PushEndpoint, err = s.serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{ResponseWriter: w, code: http.StatusOK}
		work.ServeHTTP(answer, r)
		if answer.code == http.StatusOK {
			c.acked.Add(1)
		}
	}), log)
	if err != nil {
		return nil, err
	}
	return c, c.topology.Ensure(ctx, s.pubsub.Client)
}

// status remembers the status of an answer.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// backlogTimeout bounds the wait for the worker to apply the backlog.
const backlogTimeout = 5 * time.Minute

// during pushes to the worker while post runs, and until the worker has applied all accepted events.
func (c *chain) during(ctx context.Context, into *tally, post func() error) error {
	pushingCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var pushing sync.WaitGroup
	pushing.Go(func() { c.pubsub.Push(pushingCtx, c.topology, c.log) })
	defer pushing.Wait()
	defer cancel()
	c.store.measure(&into.documents)
	before, accepted, began := c.acked.Load(), into.accepted, time.Now()
	if err := post(); err != nil {
		return err
	}
	done := func() int { return int(c.acked.Load() - before) }
	for deadline := time.Now().Add(backlogTimeout); done() < into.accepted-accepted && time.Now().Before(deadline) && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	into.applied += done()
	into.through += time.Since(began)
	return nil
}

// watchedStore measures the time from each event's post to its write.
type watchedStore struct {
	worker.Store
	mu        sync.Mutex
	newest    map[string]directory.Version
	documents *vegeta.LatencyMetrics
}

// Workspace implements [worker.Store]. All workspaces are known.
func (s *watchedStore) Workspace(_ context.Context, teamID string) (directory.Workspace, error) {
	return directory.Workspace{ID: teamID}, nil
}

// PutUser implements [worker.Store]. An event's version is the time of its post.
func (s *watchedStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if err := s.Store.PutUser(ctx, u, expected, record); err != nil {
		return err
	}
	since, key := time.Since(u.Version.Time()), u.TeamID+"/"+u.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Version > s.newest[key] { // otherwise an older event arrived late
		s.newest[key] = u.Version
		s.documents.Add(since)
	}
	return nil
}

func (s *watchedStore) measure(into *vegeta.LatencyMetrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.documents = into
}
