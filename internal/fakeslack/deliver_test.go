package fakeslack

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

const secret = "shh"

func TestSignatureIsSlacks(t *testing.T) {
	body := []byte(`{"type":"event_callback"}`)
	for name, tt := range map[string]struct {
		at  time.Time
		key string
		ok  bool
	}{
		"right":        {time.Now(), secret, true},
		"wrong secret": {time.Now(), "other", false},
		"old":          {time.Now().Add(-6 * time.Minute), secret, false},
	} {
		verifier, err := slack.NewSecretsVerifier(Sign(tt.key, tt.at, body), secret)
		if err == nil {
			if _, err = verifier.Write(body); err != nil {
				t.Fatal(err)
			}
			err = verifier.Ensure()
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: verified %v", name, err == nil)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answered(status int) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}
}

func TestDeliverRetriesLikeSlack(t *testing.T) {
	type attempt struct {
		After       time.Duration
		Num, Reason string
	}
	status := func(code int) roundTripper {
		return func(*http.Request) (*http.Response, error) { return answered(code), nil }
	}
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	refuse := func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	tests := []struct {
		name    string
		answers []roundTripper
		waits   []time.Duration
		want    []attempt
		fails   bool
	}{
		{name: "accepted", answers: []roundTripper{status(204)}, want: []attempt{{}}},
		{name: "every fault", answers: []roundTripper{status(503), hang, refuse, status(200)},
			want: []attempt{{}, {0, "1", "http_error"}, {63 * time.Second, "2", "http_timeout"}, {363 * time.Second, "3", "connection_failed"}}},
		{name: "all retries fail", answers: []roundTripper{status(500), status(500), status(302), status(404)}, fails: true,
			want: []attempt{{}, {0, "1", "http_error"}, {60 * time.Second, "2", "http_error"}, {360 * time.Second, "3", "http_error"}}},
		{name: "no retries", answers: []roundTripper{status(500)}, waits: []time.Duration{}, fails: true, want: []attempt{{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var got []attempt
				d := Deliverer{URL: "http://app.test/slack/events", Secret: secret, RetryWaits: tt.waits, Client: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					got = append(got, attempt{time.Since(start), r.Header.Get("X-Slack-Retry-Num"), r.Header.Get("X-Slack-Retry-Reason")})
					return tt.answers[len(got)-1](r)
				})}}
				if err := d.Deliver(t.Context(), []byte(`{}`)); (err != nil) != tt.fails {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestDeliverSigns(t *testing.T) {
	w := New(Options{SigningSecret: secret})
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		verifier, err := slack.NewSecretsVerifier(r.Header, secret)
		if err != nil {
			t.Error("headers refused")
			return
		}
		if _, err := io.Copy(&verifier, r.Body); err != nil {
			t.Error(err)
		}
		if verifier.Ensure() != nil {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer app.Close()
	d := Deliverer{URL: app.URL, Secret: w.Options().SigningSecret, RetryWaits: []time.Duration{}}
	if err := d.Deliver(t.Context(), w.Join()[0].Envelope); err != nil {
		t.Error(err)
	}
}

// TestLive: a delivery that hangs delays neither later changes nor the end.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second/2)
		defer cancel()
		began, finished := make(chan Event, 1000), make(chan Event, 1000)
		start := time.Now()
		err := w.Live(ctx, time.Second, func(ctx context.Context, e Event) error {
			began <- e
			<-ctx.Done()
			finished <- e
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute+time.Second/2 {
			t.Errorf("ended with %v after %v", err, time.Since(start))
		}
		// One event of each change is under way. At the end the second one goes out too, and fails at once.
		if len(began) < 60 || len(began) != len(finished) {
			t.Errorf("%d deliveries began and %d finished", len(began), len(finished))
		}
	})
	if err := New(Options{}).Live(t.Context(), 0, nil); err == nil {
		t.Error("a change every 0 s is accepted")
	}
}
