package faults

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/firestore"
	"rollcall/internal/syncs"
)

// living is a workspace whose events go to the rig's webhook until they are accepted. Its clock, which
// is Slack's, may differ from ours.
type living struct {
	*system.Workspace
	rig     *rig
	list    *line // from the full sync to Slack
	off     time.Duration
	sent    sync.WaitGroup
	dropped atomic.Int32
	repairs int // maximum of all syncs, even failed ones
}

func (r *rig) invent(t *testing.T, off time.Duration, o fakeslack.Options) *living {
	t.Helper()
	w := &living{rig: r, off: off}
	o.Clock = func() time.Time { return time.Now().Add(off) }
	o.OnEvent = func(e fakeslack.Event) { w.sent.Go(func() { w.send(t, e) }) }
	w.Workspace = system.Invent(t, o)
	t.Cleanup(w.sent.Wait)
	w.list = newLine(t, "list", strings.TrimSuffix(strings.TrimPrefix(w.URL, "http://"), "/api/"))
	return w
}

func (w *living) send(t *testing.T, e fakeslack.Event) {
	for t.Context().Err() == nil {
		switch a := w.rig.try(t.Context(), string(e.Envelope), time.Now().Add(w.off)); a.status {
		case http.StatusOK:
			return
		case 0, http.StatusServiceUnavailable:
			time.Sleep(100 * time.Millisecond)
		default:
			t.Errorf("answer %d", a.status)
			return
		}
	}
}

// change changes people. One in loseEvery events is lost.
func (w *living) change(t *testing.T, steps, loseEvery int) {
	n := 0
	for range steps {
		for _, e := range w.Step(w.rig.rng) {
			if n++; n%loseEvery == 0 {
				w.dropped.Add(1)
				continue
			}
			w.send(t, e)
		}
	}
}

// syncOnce runs the job through all faults.
func (w *living) syncOnce(t *testing.T) (s syncs.Sync, err error) {
	log := slog.New(slog.DiscardHandler)
	store, err := firestore.Open(t.Context(), w.rig.Project, "(default)")
	if err != nil {
		return s, err
	}
	client, err := gcpubsub.NewClient(t.Context(), w.rig.Project)
	if err != nil {
		return s, errors.Join(err, store.Close())
	}
	publisher := pubsub.NewPublisher(client, w.rig.Topology.Topic)
	s, err = fullsync.Run(t.Context(), fullsync.Options{
		Slack: webapi.New("http://"+w.list.listen+"/api/", w.Options().BotToken, log),
		Store: store, Publisher: publisher, Log: log, LeaseTimeout: 5 * time.Second,
	})
	publisher.Stop()
	return s, errors.Join(err, client.Close(), store.Close())
}

// maxRuns is more than Cloud Run would try, because faults are more frequent here.
const maxRuns = 20

// sync runs the job until it succeeds, as Cloud Run and Cloud Scheduler do.
func (w *living) sync(t *testing.T) (s syncs.Sync, runs int) {
	for runs = 1; runs <= maxRuns; runs++ {
		var err error
		s, err = w.syncOnce(t)
		w.repairs = max(w.repairs, s.Inserted+s.Updated)
		if err == nil {
			return s, runs
		}
		t.Logf("run %d failed, after %d pages and %d repairs: %v", runs, s.Pages, s.Inserted+s.Updated, err)
	}
	t.Errorf("no sync succeeded in %d runs", maxRuns)
	return s, runs
}

// TestFullSync: full syncs with all faults at random, lost events and people who change
// meanwhile end with the same directory as Slack's.
func TestFullSync(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes a minute")
	}
	r := newRig(t, hurried)
	w := r.invent(t, 0, fakeslack.Options{People: 2000, Faults: fakeslack.Faults{MaxLimit: 250, ShortPages: true, ErrorEvery: 7, RateLimitEvery: 9, RetryAfter: 1, Churn: 2}})
	lanes := func() []*lane {
		return []*lane{r.publishingLane(), r.writingLane(), r.deliveryLane(), r.slackLane(), w.listLane()}
	}
	var first, repaired syncs.Sync
	var firstRuns, runs int
	r.disturb(t, func() { first, firstRuns = w.sync(t) }, w.progress, lanes()...)
	t.Logf("the first load took %d runs and inserted %d", firstRuns, first.Inserted)
	r.disturb(t, func() { w.change(t, 400, 10) }, w.progress, lanes()...)
	w.repairs = 0
	r.disturb(t, func() { repaired, runs = w.sync(t) }, w.progress, lanes()...)
	t.Logf("the repair took %d runs; %d inserted, %d updated, %d events had been lost", runs, repaired.Inserted, repaired.Updated, w.dropped.Load())
	w.sent.Wait()
	r.heal()

	w.Converges(t, r.System)
	if w.repairs == 0 || w.dropped.Load() == 0 {
		t.Error("nothing was repaired: the test proves nothing")
	}
	w.SetFaults(fakeslack.Faults{})
	again, _ := w.sync(t)
	if again.Inserted+again.Updated+again.Removed > 0 || again.Unchanged != again.Listed {
		t.Errorf("another sync, undisturbed: %+v", again)
	}
	r.writes.inOrder(t)
}

func (w *living) progress() string {
	acked, pending := w.rig.deliveries.progress()
	return fmt.Sprintf("%d deliveries acknowledged, %d messages in flight", acked, pending)
}

func (w *living) listLane() *lane {
	on := func(name string, put func()) fault { return fault{"Slack's list " + name, put, w.list.heal} }
	return &lane{minOn: 100 * time.Millisecond, maxOn: time.Second, minOff: time.Second, maxOff: 4 * time.Second, faults: []fault{
		on("slow", func() { w.list.slow(200 * time.Millisecond) }),
		on("refusing", w.list.refuse),
		on("cut during an answer", func() { w.list.cutBack(100_000) }),
	}}
}

// TestClocks: Slack's clock and ours may differ by five minutes. Slack's clock alone orders events.
func TestClocks(t *testing.T) {
	for off, want := range map[time.Duration]int{
		-310 * time.Second: http.StatusUnauthorized,
		-290 * time.Second: http.StatusOK,
		290 * time.Second:  http.StatusOK,
		310 * time.Second:  http.StatusUnauthorized,
	} {
		t.Run(fmt.Sprintf("Slack's is %v off", off), func(t *testing.T) {
			r := newRig(t, hurried)
			w := r.invent(t, off, fakeslack.Options{People: 100})
			if want != http.StatusOK {
				a := r.try(t.Context(), string(w.Join()[0].Envelope), time.Now().Add(off))
				if a.status != want || r.writes.count() > 0 {
					t.Errorf("answer %d, want %d; %d writes", a.status, want, r.writes.count())
				}
				return
			}
			first, _ := w.sync(t)
			w.change(t, 50, 5)
			w.SetFaults(fakeslack.Faults{Churn: 20}) // events during the listing
			time.Sleep(1100 * time.Millisecond)      // a page's version has whole seconds
			repaired, _ := w.sync(t)
			w.sent.Wait()
			w.Converges(t, r.System)
			if first.Inserted == 0 || repaired.Updated == 0 {
				t.Errorf("there was nothing to repair: %+v, %+v", first, repaired)
			}
			w.SetFaults(fakeslack.Faults{})
			if again, _ := w.sync(t); again.Inserted+again.Updated+again.Removed > 0 {
				t.Errorf("another sync: %+v", again)
			}
			r.writes.inOrder(t)
		})
	}
}
