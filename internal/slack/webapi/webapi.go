// Package webapi calls Slack's Web API for the people of a workspace. Users
// come as Slack's own JSON: a typed struct would drop the fields it does not know.
package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
)

const (
	// pageSize is the most that users.list gives (Slack's page "users.list").
	pageSize = 1000
	// maxAnswer bounds one answer: a thousand users are about 4 MiB.
	maxAnswer = 64 << 20
	// tryFor bounds the attempts at one call.
	tryFor = 3 * time.Minute
)

// Client calls as one app in one workspace.
type Client struct {
	url, token string
	http       *http.Client
	wait       time.Duration // after a rate limit that does not say how long
	log        *slog.Logger
	slackTime  time.Time // Slack's clock, as the last answer told it
}

// New takes the API's address, "https://slack.com/api/", and a bot token. A
// Client is not safe for concurrent use.
func New(apiURL, token string, log *slog.Logger) *Client {
	return &Client{url: strings.TrimSuffix(apiURL, "/") + "/", token: token, http: &http.Client{Timeout: time.Minute}, wait: time.Minute, log: log}
}

// Workspace returns the workspace that the token opens (auth.test).
func (c *Client) Workspace(ctx context.Context) (directory.Workspace, error) {
	var answer struct {
		TeamID string `json:"team_id"`
		Team   string `json:"team"`
		URL    string `json:"url"`
	}
	if err := c.call(ctx, "auth.test", nil, &answer); err != nil {
		return directory.Workspace{}, err
	}
	return directory.Workspace{ID: answer.TeamID, Name: answer.Team, URL: answer.URL}, nil
}

// Page is one page of users.list.
type Page struct {
	Users []json.RawMessage
	// Version is a moment on Slack's clock no later than when Slack produced the page.
	Version directory.Version
}

// Users lists everybody by cursor. Pages may be short or empty: only the end of
// the sequence is the end. After an error the sequence ends.
func (c *Client) Users(ctx context.Context, teamID string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if c.slackTime.IsZero() { // no call yet has told Slack's time
			if _, err := c.Workspace(ctx); err != nil {
				yield(Page{}, err)
				return
			}
		}
		cursor := ""
		for {
			// The time of the answer before is certainly earlier than this page.
			page := Page{Version: directory.Version(c.slackTime.UnixMicro())}
			var answer struct {
				Members  []json.RawMessage `json:"members"`
				Metadata struct {
					NextCursor string `json:"next_cursor"`
				} `json:"response_metadata"`
			}
			err := c.call(ctx, "users.list", url.Values{
				"limit": {strconv.Itoa(pageSize)}, "cursor": {cursor}, "team_id": {teamID},
			}, &answer)
			if err != nil {
				yield(Page{}, err)
				return
			}
			page.Users = answer.Members
			if !yield(page, nil) || answer.Metadata.NextCursor == "" {
				return
			}
			cursor = answer.Metadata.NextCursor
		}
	}
}

// call posts one method's arguments as a form, waits out rate limits and tries
// again after a transient fault.
func (c *Client) call(ctx context.Context, method string, args url.Values, answer any) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := c.callOnce(ctx, method, args, answer)
		if limited, ok := errors.AsType[*slackgo.RateLimitedError](err); ok {
			err = errors.Join(err, backoff.RetryAfter(int(limited.RetryAfter.Seconds())))
		} else if _, permanent := errors.AsType[slackgo.SlackErrorResponse](err); permanent {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(tryFor), backoff.WithNotify(func(err error, wait time.Duration) {
		c.log.WarnContext(ctx, "slack call failed, trying again", "method", method, "wait", wait, "error", err)
	}))
	if err != nil {
		return fmt.Errorf("slack %s: %w", method, err)
	}
	return nil
}

func (c *Client) callOnce(ctx context.Context, method string, args url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+method, strings.NewReader(args.Encode()))
	if err != nil {
		return backoff.Permanent(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
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
		return errors.New("answer is not JSON")
	case state.Error == "ratelimited": // Slack says so in a 200 at times
		return c.rateLimited(resp)
	case !state.OK:
		return slackgo.SlackErrorResponse{Err: state.Error}
	}
	return json.Unmarshal(body, answer)
}

// rateLimited reads how long Slack asks to wait.
func (c *Client) rateLimited(resp *http.Response) error {
	wait := c.wait
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = time.Duration(seconds) * time.Second
	}
	return &slackgo.RateLimitedError{RetryAfter: wait}
}
