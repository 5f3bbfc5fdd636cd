package firestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
	"rollcall/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// projects keeps tests apart: to the emulator each project is a database of its own.
var projects atomic.Int32

// owner is how Google's client tells the emulator that it may do everything.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }

func open(t testing.TB, r *recorder) *Store {
	t.Helper()
	conn, err := grpc.NewClient(emulator.Firestore(t).Host, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(owner{}), grpc.WithStreamInterceptor(r.stream))
	if err != nil {
		t.Fatal(err)
	}
	client, err := firestore.NewClient(t.Context(), fmt.Sprintf("contract-%d", projects.Add(1)), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	s := New(client)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestContract: the horizon is a second, and of the writers some commit late, up to
// half of that after the time that their record has.
func TestContract(t *testing.T) {
	emulator.Firestore(t)
	r := &recorder{seen: map[string]query{}}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := open(t, r)
		s.horizon = time.Second
		s.now = func() any {
			if rand.IntN(3) > 0 {
				return firestore.ServerTimestamp
			}
			began := time.Now()
			time.Sleep(rand.N(s.horizon / 2))
			return began
		}
		return s
	})
	r.check(t)
}

// TestWatchTakeover: a listener that takes over from another misses nothing.
func TestWatchTakeover(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	s.maxWatched = 50 // more often the emulator refuses new listeners for a minute
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const people = 300
	seen, ready := map[string]bool{}, make(chan struct{})
	done := make(chan error, 1)
	go func() {
		open := false
		for users, err := range s.Watch(ctx, "T1") {
			if err != nil {
				done <- err
				return
			}
			if !open {
				open = true
				close(ready)
			}
			for _, u := range users {
				seen[u.ID] = true
			}
			if len(seen) == people {
				break
			}
		}
		done <- nil
	}()
	<-ready
	var writers sync.WaitGroup
	for w := range 10 {
		writers.Go(func() {
			for i := w; i < people; i += 10 {
				u := directory.User{ID: fmt.Sprintf("U%d", i), TeamID: "T1", Version: 1, Source: directory.FromEvent}
				// Where a listener was cancelled, the emulator fails writes at times.
				err := s.PutUser(ctx, u, 0, nil)
				for err != nil && !errors.Is(err, directory.ErrConflict) && ctx.Err() == nil {
					err = s.PutUser(ctx, u, 0, nil)
				}
			}
		})
	}
	writers.Wait()
	if err := <-done; err != nil || len(seen) != people {
		t.Errorf("told of %d of %d writes, error %v", len(seen), people, err)
	}
}

// TestTooLarge: a user whom no document can hold is refused for good, when new
// and when stored already, whether it is one field that is too large or all of them.
func TestTooLarge(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	for i, size := range []int{9 << 20, 1<<20 - 10} {
		id := fmt.Sprintf("U%d", i)
		small := directory.User{ID: id, TeamID: "T1", Version: 1, Slack: []byte(`{}`)}
		large := small
		large.Slack, large.Title = []byte(`"`+strings.Repeat("x", size)+`"`), strings.Repeat("x", 1000)
		if err := s.PutUser(t.Context(), large, 0, nil); !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("new: %v", err)
		}
		if err := s.PutUser(t.Context(), small, 0, nil); err != nil {
			t.Fatal(err)
		}
		_, revision, err := s.User(t.Context(), "T1", id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutUser(t.Context(), large, revision, nil); !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("stored: %v", err)
		}
	}
}
