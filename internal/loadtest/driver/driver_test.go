package driver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/slack"
	"rollcall/internal/webhook"
)

// small is a load for a moment.
func small() Options {
	return Options{
		Against: Parts, Rates: []int{0, 100}, Connections: 4, Duration: time.Second, Rounds: 1,
		Mix: Mix{"team_join": 1, "user_change": 3}, Workspaces: 2, People: 5,
		Progress: func(string) {},
	}
}

func TestMix(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Mix // nil: refused
	}{
		{"team_join=1", Mix{"team_join": 1}},
		{" user_change=60, user_change=35,team_join=5 ", Mix{"team_join": 5, "user_change": 95}},
		{"user_change=1,user_change=2,team_join=0", Mix{"user_change": 3, "team_join": 0}},
		{"", nil},
		{"user_change", nil},
		{"user_change=-1", nil},
		{"user_change=1.5", nil},
		{"message=1", nil},
		{"user_change=0", nil},
	} {
		var got Mix
		if err := got.UnmarshalText([]byte(tt.text)); (err == nil) != (tt.want != nil) {
			t.Errorf("%q: error %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestTraffic: Rollcall accepts each type of event, types have the given weights, and each event
// is about somebody who has joined, at a time of its own.
func TestTraffic(t *testing.T) {
	events := newTraffic(Mix{"team_join": 1, "user_change": 1}, 3, 4)
	if len(events.arrivals) != 12 {
		t.Errorf("%d arrivals of 3 times 4 people", len(events.arrivals))
	}
	known, newest, types := map[string]bool{}, map[string]directory.Version{}, map[string]int{}
	look := func(body []byte) {
		r, err := slack.DecodeRequest(body)
		if err != nil || r.Change == nil {
			t.Fatalf("no change, error %v: %s", err, body)
		}
		key := r.TeamID + "/" + r.Change.UserID
		if r.Type == "team_join" {
			known[key] = true
		}
		if !known[key] || r.Change.Version <= newest[key] {
			t.Errorf("%s of %s at %d, known %t, before at %d", r.Type, key, r.Change.Version, known[key], newest[key])
		}
		newest[key] = r.Change.Version
		types[r.Type]++
	}
	for _, body := range events.arrivals {
		look(body)
	}
	clear(types)
	for range 2000 {
		body, err := events.next()
		if err != nil {
			t.Fatal(err)
		}
		look(body)
	}
	for _, eventType := range eventTypes {
		if n := types[eventType]; n < 850 || n > 1150 {
			t.Errorf("%d of 2000 events are %s, want a half", n, eventType)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		faults []string // none: accepted
	}{
		{func(*Options) {}, nil},
		{func(o *Options) { o.Against = []string{"all"} }, []string{"-against"}},
		{func(o *Options) { o.Rates = []int{-1, 1e6} }, []string{"-rate: -1", "-rate: 1000000"}},
		{func(o *Options) { o.Connections, o.Rounds, o.Workspaces, o.People = 0, 0, 0, 0 }, []string{"-connections", "-rounds", "-workspaces", "-people"}},
		{func(o *Options) { o.Duration = MaxDuration + 1 }, []string{"-duration"}},
		{func(o *Options) { o.Workspaces, o.People = 1000, 101 }, []string{"-people"}},
		{func(o *Options) { o.Target, o.Secret = "http://127.0.0.1:1/slack/events", "s" }, nil},
		{func(o *Options) { o.Target, o.Secret = "http://[::1]:1/slack/events", "s" }, nil},
		{func(o *Options) { o.Target = "localhost:8080" }, []string{"-target", "SLACK_SIGNING_SECRET"}},
		{func(o *Options) { o.Target, o.Secret = "https://rollcall.example/slack/events", "s" }, []string{"-beyond-loopback"}},
		{func(o *Options) { o.Target, o.Secret = "http://127.0.0.1.example/", "s" }, []string{"-beyond-loopback"}},
		{func(o *Options) {
			o.Target, o.Secret, o.BeyondLoopback = "https://rollcall.example/slack/events", "s", true
		}, nil},
	} {
		o := small()
		tt.change(&o)
		var got []string
		if err := o.validate(); err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if len(got) != len(tt.faults) {
			t.Errorf("faults %q, want %q", got, tt.faults)
			continue
		}
		for i, want := range tt.faults {
			if !strings.Contains(got[i], want) {
				t.Errorf("fault %q, want %q in it", got[i], want)
			}
		}
	}
}

// TestRun: all parts accept every event, the whole chain applies them, and the report says so.
func TestRun(t *testing.T) {
	o := small()
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range report.Loads {
		for i, row := range l.rows {
			if row.accepted == 0 || row.errors() != "none" {
				t.Errorf("%s at %d: %d accepted, errors: %s", o.Against[i], l.Rate, row.accepted, row.errors())
			}
			if l.Rate > 0 && row.accepted > l.Rate+1 {
				t.Errorf("%s: %d accepted in a second at %d", o.Against[i], row.accepted, l.Rate)
			}
			if isChain := o.Against[i] == Chain; isChain && row.applied != row.accepted || isChain != (row.documents.Total > 0) {
				t.Errorf("%s at %d: %d applied of %d, %v to the documents in all", o.Against[i], l.Rate, row.applied, row.accepted, row.documents.Total)
			}
		}
	}
	text := report.Markdown()
	for _, want := range []string{
		"| as fast as 4 connections allow |", "| 100 requests a second |", "\n| checks the signature only | ", "\n| whole chain | ",
		"\n| allocations a request |", "The webhook takes ", "The whole chain applies ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 13 && strings.Count(line, "|") != 8 {
			t.Errorf("a row with another number of columns: %s", line)
		}
	}
}

// TestInterrupted: an interrupted run reports its measurements without an error.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	o := small()
	o.Against, o.Duration = []string{Signature}, MaxDuration
	report, err := Run(ctx, o)
	if err != nil || !report.Interrupted || report.Loads[0].rows[0].accepted == 0 {
		t.Fatalf("%+v, error %v", report, err)
	}
	if text := report.Markdown(); !strings.Contains(text, "Interrupted") || !strings.Contains(text, "\n| checks the signature only | ") {
		t.Errorf("the report does not say so:\n%s", text)
	}
}

type publisher struct{}

func (publisher) Publish(context.Context, directory.Change) error { return nil }

// TestTarget loads a running webhook with the right secret and with a wrong one.
func TestTarget(t *testing.T) {
	server := httptest.NewServer(webhook.New(slack.NewVerifier("sesame"), publisher{}, "", slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	o := small()
	o.Target, o.Secret, o.Rates = server.URL+"/slack/events", "sesame", []int{60}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if row := report.Loads[0].rows[0]; row.accepted == 0 || row.errors() != "none" {
		t.Errorf("%d accepted, errors: %s", row.accepted, row.errors())
	}
	if text := report.Markdown(); !strings.Contains(text, "\n| target | ") || !strings.Contains(text, " | none | – | – | – | – |\n") {
		t.Errorf("the report:\n%s", text)
	}
	o.Secret = "guess"
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "0 of 10 arrivals were accepted; errors: 10 × 401") {
		t.Errorf("error %v", err)
	}
}

// TestErrors: errors are reported by status, late answers and missing answers among them.
func TestErrors(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 2, 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			http.Redirect(w, r, "/", http.StatusFound)
		case 5:
			panic(http.ErrAbortHandler)
		case 6:
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	s := newSender(server.URL, "s", 1)
	s.client.Timeout = 200 * time.Millisecond
	got := newTally()
	if err := s.each(t.Context(), got, make([][]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if want := "1 × 302, 2 × 503, 1 × no answer in time, 1 × no connection"; got.accepted != 1 || got.errors() != want {
		t.Errorf("%d accepted, errors: %s, want: %s", got.accepted, got.errors(), want)
	}
	failure := errors.New("no more")
	if err := s.attack(t.Context(), got, func() ([]byte, error) { return nil, failure }, 0, time.Minute); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
}

func TestNumbers(t *testing.T) {
	var got []string
	for _, f := range []float64{0, 7, 999.4, 1000, 12345.6, 1234567} {
		got = append(got, thousands(f))
	}
	for _, d := range []time.Duration{0, 1234567, 12345678, 1234567890} {
		got = append(got, duration(d))
	}
	want := []string{"0", "7", "999", "1,000", "12,346", "1,234,567", "0.00 ms", "1.23 ms", "12.3 ms", "1.2 s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// BenchmarkRequest measures sequential requests through server, handler, Pub/Sub's client and
// topic, and compares them with the baseline that publishes.
func BenchmarkRequest(b *testing.B) {
	s, err := newStack(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.close(); err != nil {
			b.Error(err)
		}
	})
	body, err := newTraffic(Mix{"user_change": 1}, 1, 1).next()
	if err != nil {
		b.Fatal(err)
	}
	took := map[string]float64{}
	for _, part := range []string{Signature, Publishes, Webhook} {
		b.Run(part, func(b *testing.B) {
			c, err := dial(b.Context(), s.urls[part], secret, body)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				if err := c.post(); err != nil {
					b.Fatal(err)
				}
			}
			took[part] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if took[Publishes] > 0 {
				b.ReportMetric(took[part]/took[Publishes], "times-of-publishes")
			}
			s.pubsub.Forget()
		})
	}
}
