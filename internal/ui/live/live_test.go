package live

import (
	"context"
	"errors"
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

func render(_ context.Context, users []directory.User) (rows []Row, err error) {
	for _, u := range users {
		if u.ID == "UBROKEN" {
			return nil, errors.New("cannot be rendered")
		}
		rows = append(rows, Row{ID: u.ID, UserID: u.ID, HTML: "<" + u.ID + ">"})
	}
	return rows, nil
}

func everybody(directory.User) bool { return true }

// TestOneWatch: viewers share a watch, which outlives the last of them by a while. A quiet
// stream has a heartbeat. A watch that fails is started again.
func TestOneWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{users: make(chan []directory.User), err: make(chan error)}
		ctx, stop := context.WithCancel(t.Context())
		h := New(ctx, w.Watch, render, slog.New(slog.DiscardHandler))
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
			if strings.Count(body, "event: row") != 1 || strings.Count(body, "event: beat") != 1 || strings.Count(body, "event: stale") != 2 {
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
		h := New(ctx, w.Watch, render, slog.New(slog.DiscardHandler))
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
	f := &feed[int]{epoch: "E", wake: make(chan struct{})}
	for i := range maxChanges + 10 {
		f.append([]change[int]{{written: i}})
	}
	for position, want := range map[string]int{"E-1010": 0, "E-1009": 1, "E-10": 1000, "E-9": -1, "E-0": -1, "E-1011": -1, "E--5": -1, "F-1010": -1} {
		changes, now, _, stale := f.after(position)
		if stale != (want < 0) || !stale && len(changes) != want || now != "E-1010" {
			t.Errorf("after %s: %d changes, stale: %v, now %s", position, len(changes), stale, now)
		}
		if len(changes) > 0 && changes[len(changes)-1].written != 1009 {
			t.Errorf("after %s: the last is %d", position, changes[len(changes)-1].written)
		}
	}
}

// TestErasedIsNotReplayed: a viewer who reconnects does not receive what a person was before
// they were forgotten or removed, only what they are since.
func TestErasedIsNotReplayed(t *testing.T) {
	type of = change[struct{}]
	row := func(id string, erases bool, html string) of {
		return of{row: Row{ID: id + html, UserID: id, Erases: erases, HTML: html}}
	}
	forgotten, gone := row("U1", true, "(forgotten)"), row("U2", true, "")
	bob, back := row("U3", false, "Bob"), row("U2", false, "Grace is back")
	f := &feed[struct{}]{epoch: "E", wake: make(chan struct{})}
	f.append([]of{row("U1", false, "Ada"), bob, row("U2", false, "Grace")})
	before, _, _, _ := f.after("E-0")
	f.append([]of{row("U1", false, "Ada King"), forgotten, gone, back})

	got, now, _, stale := f.after("E-0")
	want := []of{forgotten, bob, gone, forgotten, forgotten, gone, back}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(of{})); diff != "" || stale || now != "E-7" {
		t.Errorf("at %s, stale: %v (-want +got):\n%s", now, stale, diff)
	}
	if before[0].row.HTML != "Ada" {
		t.Error("a change that a stream is reading has been changed")
	}
}

// TestRows: a list loses what it does not show. An erasure also removes everything else about that person.
func TestRows(t *testing.T) {
	written := func(n int, r Row) change[int] { return change[int]{n, r} }
	got := rowsOf([]change[int]{
		written(1, Row{ID: "R1", UserID: "U1", HTML: "one"}), written(2, Row{ID: "R2", UserID: "U1", HTML: "two"}),
		written(1, Row{ID: "R3", UserID: "U1", HTML: "three", Erases: true}), written(2, Row{ID: "R4", UserID: "U2", HTML: "four", Erases: true}),
		written(2, Row{ID: "U3", UserID: "U3", Erases: true}),
	}, func(n int) bool { return n == 1 })
	want := []row{{ID: "R1", HTML: "one", User: "U1"}, {ID: "R2", Gone: true}, {ID: "R3", HTML: "three", User: "U1", Erased: "U1"},
		{ID: "R4", Gone: true, Erased: "U2"}, {ID: "U3", Gone: true, Erased: "U3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
