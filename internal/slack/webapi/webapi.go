// Package webapi calls Slack's Web API for the people of a workspace. Users
// come as Slack's own JSON: a typed struct would drop the fields it does not know.
package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
)

const (
	// mostAPage is the most that users.list gives (Slack's page "users.list"), and
	// fewestAPage as far as a listing goes down where Slack cannot give as much.
	mostAPage   = 1000
	fewestAPage = 100
)

// Client calls as one app in one workspace.
type Client struct {
	url, token string
	http       *http.Client
	wait       time.Duration // after a rate limit that does not say how long
	log        *slog.Logger
	slackTime  time.Time // Slack's clock, as the last answer told it
	usage      directory.Usage
}

// New takes the API's address, "https://slack.com/api/", and a bot token. A
// Client is not safe for concurrent use.
func New(apiURL, token string, log *slog.Logger) *Client {
	return &Client{url: strings.TrimSuffix(apiURL, "/") + "/", token: token, http: &http.Client{Timeout: time.Minute}, wait: time.Minute, log: log}
}

// Usage returns what the calls so far took.
func (c *Client) Usage() directory.Usage { return c.usage }

// Workspace returns the workspace that the token opens (auth.test, team.info).
func (c *Client) Workspace(ctx context.Context) (directory.Workspace, error) {
	var who struct {
		TeamID string `json:"team_id"`
		Team   string `json:"team"`
		URL    string `json:"url"`
	}
	if err := c.call(ctx, "auth.test", nil, &who); err != nil {
		return directory.Workspace{}, err
	}
	w := directory.Workspace{ID: who.TeamID, Name: who.Team, URL: who.URL}
	var info struct {
		Team struct {
			Icon struct {
				Default bool   `json:"image_default"`
				Image   string `json:"image_132"`
			} `json:"icon"`
		} `json:"team"`
	}
	err := c.call(ctx, "team.info", url.Values{"team": {w.ID}}, &info)
	if isError(err, "missing_scope") { // an icon is not worth the scope team:read to everybody
		c.log.InfoContext(ctx, "no icon of the workspace", "team_id", w.ID, "error", err)
		return w, nil
	}
	if !info.Team.Icon.Default {
		w.Icon = info.Team.Icon.Image
	}
	return w, err
}

// version is a moment on Slack's clock that is certainly before the next answer.
func (c *Client) version(ctx context.Context) (directory.Version, error) {
	if c.slackTime.IsZero() { // no call yet has told Slack's time
		if err := c.call(ctx, "auth.test", nil, &struct{}{}); err != nil {
			return 0, err
		}
	}
	return directory.Version(c.slackTime.UnixMicro()), nil
}

// Users lists everybody by cursor (users.list); from the first page on if cursor
// is empty. Pages may be short or empty: only the end of the sequence is the
// end. After an error the sequence ends; one that wraps
// [directory.ErrCursorExpired] asks to begin anew.
func (c *Client) Users(ctx context.Context, teamID, cursor string) iter.Seq2[directory.ListingPage, error] {
	return func(yield func(directory.ListingPage, error) bool) {
		limit := mostAPage
		for {
			page, err := c.page(ctx, teamID, cursor, &limit)
			if !yield(page, err) || err != nil || page.Next == "" {
				return
			}
			cursor = page.Next
		}
	}
}

// page asks for fewer people where Slack fails to give as many.
func (c *Client) page(ctx context.Context, teamID, cursor string, limit *int) (directory.ListingPage, error) {
	for {
		version, err := c.version(ctx)
		if err != nil {
			return directory.ListingPage{}, err
		}
		var answer struct {
			Members  []json.RawMessage `json:"members"`
			Metadata struct {
				NextCursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		args := url.Values{"limit": {strconv.Itoa(*limit)}, "cursor": {cursor}, "team_id": {teamID}}
		err = c.call(ctx, "users.list", args, &answer)
		switch {
		case err == nil:
			return directory.ListingPage{Users: answer.Members, Next: answer.Metadata.NextCursor, Version: version}, nil
		case isError(err, "invalid_cursor"):
			return directory.ListingPage{}, errors.Join(directory.ErrCursorExpired, err)
		case isTooMuch(err) && *limit > fewestAPage:
			*limit = max(*limit/2, fewestAPage)
			c.log.WarnContext(ctx, "smaller pages", "limit", *limit, "error", err)
		default:
			return directory.ListingPage{}, err
		}
	}
}

// User returns one user (users.info), also of another workspace (Slack Connect),
// with a moment on Slack's clock no later than the answer, or [directory.ErrNotFound].
func (c *Client) User(ctx context.Context, userID string) (json.RawMessage, directory.Version, error) {
	version, err := c.version(ctx)
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		User json.RawMessage `json:"user"`
	}
	err = c.call(ctx, "users.info", url.Values{"user": {userID}}, &answer)
	if isError(err, "user_not_found") || isError(err, "user_not_visible") {
		err = errors.Join(directory.ErrNotFound, err)
	}
	return answer.User, version, err
}

// Emoji returns the workspace's custom emoji (emoji.list): addresses of images,
// or "alias:" and another name, by name; nil if the token lacks the scope emoji:read.
func (c *Client) Emoji(ctx context.Context) (map[string]string, error) {
	var answer struct {
		Emoji map[string]string `json:"emoji"`
	}
	err := c.call(ctx, "emoji.list", nil, &answer)
	if isError(err, "missing_scope") {
		c.log.InfoContext(ctx, "no custom emoji", "error", err)
		return nil, nil
	}
	return answer.Emoji, err
}

func isError(err error, slackError string) bool {
	e, ok := errors.AsType[slackgo.SlackErrorResponse](err)
	return ok && e.Err == slackError
}

// isTooMuch tells the answers to a page that Slack could not put together.
func isTooMuch(err error) bool {
	status, ok := errors.AsType[slackgo.StatusCodeError](err)
	return ok && status.Code >= 500 || isError(err, "limit_required") || isError(err, "fatal_error") || isError(err, "internal_error")
}
