package firestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

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

// TestContract: the horizon is a second, and some writers commit late, up to half a
// second after their record's time.
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
	s.maxWatched = 10                                              // the next listener takes over after so many writes
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // the client waits a minute where the emulator is busy
	defer cancel()
	const people = 300
	seen, ready := map[string]bool{}, make(chan struct{})
	done := make(chan error, 1)
	watch := func(open func()) (err error) {
		for users, err := range s.Watch(ctx, "T1") {
			if err != nil {
				return err
			}
			open()
			for _, u := range users {
				seen[u.ID] = true
			}
			if len(seen) == people+2*s.maxWatched {
				break
			}
		}
		return nil
	}
	// Where many listeners come and go the emulator ends some with an error. It also fails a
	// write whose news it cannot tell to a listener that has just ended, and forgets the news.
	go func() {
		err, open := errors.New("not begun"), sync.OnceFunc(func() { close(ready) })
		for err != nil && ctx.Err() == nil {
			err = watch(open)
		}
		done <- err
	}()
	<-ready
	put := func(i int) {
		u := directory.User{ID: fmt.Sprintf("U%d", i), TeamID: "T1", Version: 1, Source: directory.FromEvent}
		err := s.PutUser(ctx, u, 0, nil)
		for ctx.Err() == nil && slices.Contains([]codes.Code{codes.Unknown, codes.Canceled}, status.Code(err)) {
			err = s.PutUser(ctx, u, 0, nil)
		}
		if err != nil && !errors.Is(err, directory.ErrConflict) {
			t.Error(err)
		}
	}
	var writers sync.WaitGroup
	for w := range 10 {
		writers.Go(func() {
			for i := w; i < people; i += 10 {
				put(i)
			}
		})
	}
	writers.Wait()
	for i := range 2 * s.maxWatched { // one more listener looks back at what the emulator forgot
		put(people + i)
	}
	if err := <-done; err != nil || len(seen) != people+2*s.maxWatched {
		t.Errorf("told of %d of %d writes, error %v", len(seen), people+2*s.maxWatched, err)
	}
}

// TestWatchPlace: the next listener begins by the field that the query uses, and early enough.
func TestWatchPlace(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	put := func(id string) {
		if err := s.PutUser(ctx, directory.User{ID: id, TeamID: "T1", Version: 1, Source: directory.FromEvent}, 0, nil); err != nil {
			t.Error(err)
		}
	}
	put("U1")
	var newest time.Time
	writtenAt := func(d *firestore.DocumentSnapshot) (time.Time, error) { return d.Data()["written_at"].(time.Time), nil }
	next, more := listen(ctx, s.users("T1"), time.Now().Add(-time.Minute), 1, writtenAt, func(all []time.Time, err error) bool {
		if len(all) == 0 || err != nil {
			t.Fatal(all, err)
		}
		if newest.IsZero() {
			put("U2")
		}
		newest = slices.MaxFunc(append(all, newest), time.Time.Compare)
		return true
	})
	if want := newest.Add(-watchMargin); !more || !next.Equal(want) {
		t.Errorf("the next begins at %s, want %s; more: %v", next, want, more)
	}
}

// TestWatchAfterABurst: more writes within the margin than a listener takes do not make
// listeners take over from each other for ever, each of which bills them all again.
func TestWatchAfterABurst(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	s.maxWatched = 10
	for i := range 3 * s.maxWatched {
		if err := s.PutUser(t.Context(), directory.User{ID: fmt.Sprintf("U%d", i), TeamID: "T1", Version: 1, Source: directory.FromEvent}, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	told := 0
	for users, err := range s.Watch(ctx, "T1") {
		if err != nil {
			t.Fatal(err)
		}
		told += len(users)
	}
	if told > 3*s.maxWatched {
		t.Errorf("told %d times of %d writes", told, 3*s.maxWatched)
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
