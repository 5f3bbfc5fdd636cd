package fakeslack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Sign returns the headers with which Slack sends a body at a time. See Slack's page "Verifying
// requests from Slack".
func Sign(secret string, at time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-Slack-Request-Timestamp", timestamp)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return h
}

// deliveryTimeout is how long Slack waits for an answer.
const deliveryTimeout = 3 * time.Second

// retryWaits are Slack's: almost at once, after one minute, after five.
var retryWaits = []time.Duration{0, time.Minute, 5 * time.Minute}

// Deliverer posts events to an app. See Slack's page "The Events API".
type Deliverer struct {
	URL    string
	Secret string       // the app's signing secret
	Client *http.Client // nil for http.DefaultClient

	// RetryWaits are the waits before each retry. Nil means Slack's own 0 s, 1 min and 5 min;
	// empty means no retries.
	RetryWaits []time.Duration
}

// Deliver posts an envelope until the app answers 2xx within three seconds. If all retries fail it
// returns the last error, which contains nothing of the envelope.
func (d Deliverer) Deliver(ctx context.Context, envelope []byte) error {
	waits := d.RetryWaits
	if waits == nil {
		waits = retryWaits
	}
	failure := d.post(ctx, envelope, 0, "")
	for i, wait := range waits {
		if failure == nil {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("deliver: %w", errors.Join(ctx.Err(), failure.err))
		}
		failure = d.post(ctx, envelope, i+1, failure.reason)
	}
	if failure != nil {
		return fmt.Errorf("deliver: %w", failure.err)
	}
	return nil
}

// deliveryFailure is why an attempt failed. reason is Slack's word for it.
type deliveryFailure struct {
	reason string
	err    error
}

func (d Deliverer) post(ctx context.Context, envelope []byte, retry int, reason string) *deliveryFailure {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(envelope))
	if err != nil {
		return &deliveryFailure{"connection_failed", err}
	}
	r.Header = Sign(d.Secret, time.Now(), envelope)
	r.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	if retry > 0 {
		r.Header.Set("X-Slack-Retry-Num", strconv.Itoa(retry))
		r.Header.Set("X-Slack-Retry-Reason", reason)
	}
	response, err := cmp.Or(d.Client, http.DefaultClient).Do(r)
	if err != nil {
		return &deliveryFailure{reasonOf(err), err}
	}
	defer response.Body.Close()
	// Read up to a limit, so that the connection can be reused.
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return &deliveryFailure{reasonOf(err), err}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return &deliveryFailure{"http_error", fmt.Errorf("HTTP status %d", response.StatusCode)}
	}
	return nil
}

func reasonOf(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "http_timeout"
	}
	return "connection_failed"
}
