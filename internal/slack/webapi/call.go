package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

var errNotJSON = errors.New("answer is not JSON")

const (
	// maxAnswer bounds one answer: a thousand users are about 4 MiB.
	maxAnswer = 64 << 20
	// maxAttempts bounds the attempts at one call after transient faults. Rate limits do not count.
	maxAttempts = 6
	// maxPageAttempts is lower: after two failures a smaller page is more likely to work.
	maxPageAttempts = 2
)

// advice says what to do about errors that only a person can resolve
// (section "Errors" on the page of each Slack method).
var advice = map[string]string{
	"invalid_auth":           "check SLACK_BOT_TOKENS",
	"not_authed":             "check SLACK_BOT_TOKENS",
	"not_allowed_token_type": "SLACK_BOT_TOKENS wants bot tokens (xoxb-…)",
	"account_inactive":       "the app was removed from the workspace: install it again and use its new bot token",
	"token_revoked":          "install the app again and use its new bot token",
	"token_expired":          "install the app again and use its new bot token",
	"missing_scope":          "give the app the scopes users:read, users:read.email, users.profile:read, team:read and emoji:read, and install it again",
	"access_denied":          "ask the workspace's admins to approve the app",
	"org_login_required":     "the workspace is being migrated: wait until that is done",
}

// disconnected are the errors with which Slack refuses a token for good: the app was
// removed, or its token replaced (page "auth.test", "Errors").
var disconnected = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "token_expired": true,
}

// transient are Slack's errors that go away by themselves.
var transient = map[string]bool{
	"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true, "team_added_to_org": true,
}

// call posts a method's arguments as a form. It waits out rate limits and retries
// after transient faults.
func (c *Client) call(ctx context.Context, method string, args url.Values, answer any) error {
	divisible := method == "users.list" && args.Get("limit") != strconv.Itoa(minPage)
	for {
		tried := 0
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			err := c.callOnce(ctx, method, args, answer)
			_, limited := errors.AsType[*slackgo.RateLimitedError](err)
			refused, ok := errors.AsType[slackgo.SlackErrorResponse](err)
			tried++
			if limited || ok && !transient[refused.Err] || divisible && tried == maxPageAttempts && ctx.Err() == nil && isTooMuch(err) {
				err = backoff.Permanent(err)
			}
			return struct{}{}, err
		}, backoff.WithMaxTries(maxAttempts), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
			c.log.WarnContext(ctx, "slack call failed, retrying", "method", method, "wait", wait, "error", err)
		}))
		limited, ok := errors.AsType[*slackgo.RateLimitedError](err)
		if !ok {
			return c.describe(method, err)
		}
		c.usage.Waits++
		c.usage.Waited += limited.RetryAfter
		c.log.InfoContext(ctx, "waiting for Slack's rate limit", "method", method, "wait", limited.RetryAfter)
		select {
		case <-ctx.Done():
			return c.describe(method, ctx.Err())
		case <-time.After(limited.RetryAfter):
		}
	}
}

func (c *Client) describe(method string, err error) error {
	if err == nil {
		return nil
	}
	refused, ok := errors.AsType[slackgo.SlackErrorResponse](err)
	if !ok || advice[refused.Err] == "" {
		return fmt.Errorf("slack %s: %w", method, err)
	}
	err = fmt.Errorf("slack %s: %w: %s", method, err, advice[refused.Err])
	if disconnected[refused.Err] {
		at := c.slackTime
		if at.IsZero() {
			at = time.Now()
		}
		err = &syncs.DisconnectedError{At: directory.VersionOf(at), Err: err}
	}
	return err
}

// isTimeout reports whether the answer took longer than the client waits.
func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func (c *Client) callOnce(ctx context.Context, method string, args url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+method, strings.NewReader(args.Encode()))
	if err != nil {
		return backoff.Permanent(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.usage.Calls++
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if now, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.slackTime = now
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	var state struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return c.rateLimited(resp)
	case resp.StatusCode >= 300:
		return slackgo.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
	case json.Unmarshal(body, &state) != nil:
		return errNotJSON
	case state.Error == "ratelimited": // sometimes Slack says so with status 200
		return c.rateLimited(resp)
	case !state.OK:
		return slackgo.SlackErrorResponse{Err: state.Error}
	}
	return json.Unmarshal(body, answer)
}

// rateLimited returns an error with the time to wait.
func (c *Client) rateLimited(resp *http.Response) error {
	wait := c.wait
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = time.Duration(seconds) * time.Second
	}
	return &slackgo.RateLimitedError{RetryAfter: wait}
}
