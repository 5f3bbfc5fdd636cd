// Package embedded runs Pub/Sub in this process: Google's own fake server behind the
// real client, and the push delivery that the fake lacks.
package embedded

import (
	"context"
	"sync/atomic"

	gcpubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rollcall/internal/pubsub"
)

// Server holds topics, subscriptions and messages in memory.
type Server struct {
	Client *gcpubsub.Client
	fake   *pstest.Server
	parked atomic.Int64
}

// Waiting returns the number of dead letters. Nothing in this process removes any.
func (s *Server) Waiting(context.Context) (int, error) { return int(s.parked.Load()), nil }

// Start starts a server. Options are the fake's, such as injected errors.
func Start(ctx context.Context, project string, options ...pstest.ServerReactorOption) (*Server, error) {
	fake := pstest.NewServer(options...) // on a loopback port
	client, err := pubsub.Open(ctx, project, false,
		option.WithEndpoint(fake.Addr),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		fake.Close() //nolint:errcheck // the first error is the one to return
		return nil, err
	}
	return &Server{Client: client, fake: fake}, nil
}

// Close ends client and server. Undelivered messages are lost.
func (s *Server) Close() error {
	err := s.Client.Close()
	if ferr := s.fake.Close(); err == nil {
		err = ferr
	}
	return err
}

// Forget drops all messages, delivered or not: the fake keeps every message it has seen.
func (s *Server) Forget() { s.fake.ClearMessages() }

// release drops a delivered message's content.
func (s *Server) release(messageID string) {
	if m := s.fake.Message(messageID); m != nil {
		m.Data, m.Attributes = nil, nil
	}
}
