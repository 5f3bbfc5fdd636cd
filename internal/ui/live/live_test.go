package live

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

// watched is a store with a watch that the test controls.
type watched struct {
	watches, open atomic.Int32
	users         chan []directory.User
	err           chan error
}

func (w *watched) Watch(ctx context.Context, _ string) iter.Seq2[[]directory.User, error] {
	return func(yield func([]directory.User, error) bool) {
		w.watches.Add(1)
		w.open.Add(1)
		defer w.open.Add(-1)
		if !yield(nil, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case users := <-w.users:
				if !yield(users, nil) {
					return
				}
			case err := <-w.err:
				yield(nil, err)
				return
			}
		}
	}
}

func render(_ context.Context, u directory.User) (string, error) {
	if u.ID == "UBROKEN" {
		return "", errors.New("cannot be rendered")
	}
	return "<" + u.ID + ">", nil
}

func everybody(directory.User) bool { return true }

// TestOneWatch: viewers share a watch, which outlives the last of them by a while. A quiet
// stream has a heartbeat. A watch that fails is started again.
func TestOneWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User), err: make(chan error)}
		ctx, stop := context.WithCancel(t.Context())
		h := New(ctx, w, render, slog.New(slog.DiscardHandler))
		var bodies []*httptest.ResponseRecorder
		viewing, leave := context.WithCancel(t.Context())
		for range 100 {
			body := httptest.NewRecorder()
			bodies = append(bodies, body)
			go h.Stream(viewing, body, "T1", "", everybody)
		}
		synctest.Wait()
		w.users <- []directory.User{{ID: "U1", TeamID: "T1"}}
		time.Sleep(heartbeatInterval + time.Second)
		w.err <- errors.New("connection lost")
		time.Sleep(rewatchInterval + time.Second)
		leave()
		synctest.Wait()
		for _, b := range bodies {
			body := b.Body.String()
			if strings.Count(body, "event: row") != 1 || strings.Count(body, ": still here") != 1 || strings.Count(body, "event: stale") != 2 {
				t.Fatalf("a viewer received\n%s", body)
			}
		}
		if n := w.watches.Load(); n != 2 {
			t.Errorf("%d watches for all viewers, want 2: the first, and one after it failed", n)
		}
		time.Sleep(lingerTimeout / 2)
		if w.open.Load() != 1 {
			t.Error("the watch has ended before viewers could return")
		}
		time.Sleep(lingerTimeout)
		if w.open.Load() != 0 {
			t.Error("the watch goes on without viewers")
		}
		stop()
		synctest.Wait()
	})
}

// TestRowNotRendered: if a change cannot be rendered, viewers read their lists again.
func TestRowNotRendered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User)}
		ctx, stop := context.WithCancel(t.Context())
		h := New(ctx, w, render, slog.New(slog.DiscardHandler))
		body, position := httptest.NewRecorder(), h.Position("T1")
		go h.Stream(ctx, body, "T1", position, everybody)
		synctest.Wait()
		w.users <- []directory.User{{ID: "U1"}, {ID: "UBROKEN"}}
		synctest.Wait()
		w.users <- []directory.User{{ID: "U2"}}
		stop()
		synctest.Wait()
		if got := body.Body.String(); strings.Count(got, "event: stale") != 1 || strings.Contains(got, "U1") {
			t.Errorf("the viewer received\n%s", got)
		}
	})
}

// TestManyChanges: a viewer who missed more changes than are kept reads the list again.
func TestManyChanges(t *testing.T) {
	f := &feed{epoch: "E", wake: make(chan struct{})}
	for i := range maxChanges + 10 {
		f.append([]change{{user: directory.User{ID: fmt.Sprint(i)}}})
	}
	for position, want := range map[string]int{"E-1010": 0, "E-1009": 1, "E-10": 1000, "E-9": -1, "E-0": -1, "E-1011": -1, "E--5": -1, "F-1010": -1} {
		changes, now, _, stale := f.after(position)
		if stale != (want < 0) || !stale && len(changes) != want || now != "E-1010" {
			t.Errorf("after %s: %d changes, stale: %v, now %s", position, len(changes), stale, now)
		}
		if len(changes) > 0 && changes[len(changes)-1].user.ID != "1009" {
			t.Errorf("after %s: the last is %s", position, changes[len(changes)-1].user.ID)
		}
	}
}

// TestErasedIsNotReplayed: a viewer who reconnects does not receive what a person was before
// they were forgotten or removed, only what they are since.
func TestErasedIsNotReplayed(t *testing.T) {
	row := func(id string, kind directory.Kind, removed bool, html string) change {
		return change{directory.User{ID: id, Kind: kind, Removed: removed}, html}
	}
	forgotten, gone := row("U1", directory.Forgotten, false, "(forgotten)"), row("U2", "", true, "")
	bob, back := row("U3", directory.Member, false, "Bob"), row("U2", directory.Member, false, "Grace is back")
	f := &feed{epoch: "E", wake: make(chan struct{})}
	f.append([]change{row("U1", directory.Member, false, "Ada"), bob, row("U2", directory.Member, false, "Grace")})
	before, _, _, _ := f.after("E-0")
	f.append([]change{row("U1", directory.Member, false, "Ada King"), forgotten, gone, back})

	got, now, _, stale := f.after("E-0")
	want := []change{forgotten, bob, gone, forgotten, forgotten, gone, back}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(change{})); diff != "" || stale || now != "E-7" {
		t.Errorf("at %s, stale: %v (-want +got):\n%s", now, stale, diff)
	}
	if before[0].html != "Ada" {
		t.Error("a change that a stream is reading has been changed")
	}
}
