// Package webapi reads the people of a workspace from Slack's Web API. Users
// are Slack's own JSON: a typed struct would drop the fields that it does not know.
package webapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

const (
	// maxPage is the maximum of users.list (Slack's page "users.list"). minPage is the smallest page to ask for
	// when Slack fails to return larger ones.
	maxPage = 1000
	minPage = 100
	// callTimeout bounds one call. rateLimitTimeout is the wait after a rate limit without Retry-After.
	callTimeout      = time.Minute
	rateLimitTimeout = time.Minute
)

// Client calls Slack as one app in one workspace.
type Client struct {
	url, token string
	http       *http.Client
	wait       time.Duration // after a rate limit without Retry-After
	log        *slog.Logger
	slackTime  time.Time // the Date of the last answer
	usage      syncs.Usage
}

// New takes the API's address, "https://slack.com/api/", and a bot token. A
// Client is not safe for concurrent use.
func New(apiURL, token string, log *slog.Logger) *Client {
	return &Client{url: strings.TrimSuffix(apiURL, "/") + "/", token: token, http: &http.Client{Timeout: callTimeout}, wait: rateLimitTimeout, log: log}
}

// Usage counts the calls so far.
func (c *Client) Usage() syncs.Usage { return c.usage }

// tokenTag identifies a token without revealing it.
func tokenTag(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// Workspace returns the token's workspace (auth.test, team.info), connected as of
// Slack's clock. If Slack refuses the token, the error wraps
// [syncs.ErrDisconnected], and the workspace has nothing but its Token.
func (c *Client) Workspace(ctx context.Context) (directory.Workspace, error) {
	var who struct {
		TeamID       string `json:"team_id"`
		Team         string `json:"team"`
		URL          string `json:"url"`
		Organisation bool   `json:"is_enterprise_install"`
	}
	tag := tokenTag(c.token)
	if err := c.call(ctx, "auth.test", nil, &who); err != nil {
		return directory.Workspace{Token: tag}, err
	}
	if who.Organisation || strings.HasPrefix(who.TeamID, "E") {
		return directory.Workspace{Token: tag}, fmt.Errorf("slack auth.test: the token belongs to an installation in the whole organisation %q: install the app in each workspace instead, and use their bot tokens", who.Team)
	}
	now, err := c.versionAt(cmp.Or(c.slackTime, time.Now()), 0)
	if err != nil {
		return directory.Workspace{Token: tag}, fmt.Errorf("slack auth.test: %w", err)
	}
	w := directory.Workspace{ID: who.TeamID, Name: who.Team, URL: who.URL, ConnectedAt: now, Token: tag}
	var info struct {
		Team struct {
			EmailDomain string `json:"email_domain"`
			Icon        struct {
				Default bool   `json:"image_default"`
				Image   string `json:"image_132"`
			} `json:"icon"`
		} `json:"team"`
	}
	err = c.call(ctx, "team.info", url.Values{"team": {w.ID}}, &info)
	if isError(err, "missing_scope") { // not everybody grants team:read for an icon
		c.log.InfoContext(ctx, "workspace has no icon", "team_id", w.ID, "error", err)
		return w, nil
	}
	if !info.Team.Icon.Default {
		w.Icon = info.Team.Icon.Image
	}
	w.EmailDomain = info.Team.EmailDomain
	return w, err
}

// errNoTime means that an answer cannot be ordered among others.
var errNoTime = errors.New("the answers have neither a Date header nor a cache_ts, so their age is unknown: check for a proxy between here and Slack")

// beforeNext returns a time on Slack's clock before the next answer, zero if
// answers have no Date.
func (c *Client) beforeNext(ctx context.Context) (time.Time, error) {
	if c.slackTime.IsZero() { // this is the first call
		if err := c.call(ctx, "auth.test", nil, &struct{}{}); err != nil {
			return time.Time{}, err
		}
	}
	return c.slackTime, nil
}

// versionAt returns the version of an answer: the Date of the answer before it,
// or its cache_ts (0: none) if that is earlier, because Slack may answer from a cache.
func (c *Client) versionAt(before time.Time, cache seconds) (directory.Version, error) {
	v := directory.VersionOf(before)
	if cached := directory.VersionOf(time.Unix(int64(cache), 0)); cache > 0 && (before.IsZero() || cached < v) {
		v = cached
	} else if before.IsZero() {
		return 0, errNoTime
	}
	now := time.Now()
	if v.InFuture(now) {
		return 0, fmt.Errorf("Slack's clock says %s and this machine's %s: correct this machine's: %w", //nolint:staticcheck // Slack is a name
			v.Time().Format(time.RFC3339), now.UTC().Format(time.RFC3339), v.Validate(now))
	}
	return v, v.Validate(now)
}

// seconds is a Unix time. What is not a number counts as missing.
type seconds int64

// UnmarshalJSON implements [json.Unmarshaler].
func (s *seconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil && f > 0 && f < 1<<40 {
		*s = seconds(f)
	}
	return nil
}

// Users lists everybody (users.list) from the cursor on, or from the first page if the cursor is
// empty. Pages may be short or empty before the last one. The sequence ends after an error. If
// that wraps [syncs.ErrCursorExpired], list again from the first page.
func (c *Client) Users(ctx context.Context, teamID, cursor string) iter.Seq2[syncs.ListingPage, error] {
	return func(yield func(syncs.ListingPage, error) bool) {
		limit := maxPage
		seen := map[string]bool{cursor: true}
		for {
			page, err := c.page(ctx, teamID, cursor, &limit)
			if err == nil && page.Next != "" && seen[page.Next] {
				err = errors.New("slack users.list: the cursor leads back to an earlier page: try again later, and contact Slack's support if it happens again")
			}
			if !yield(page, err) || err != nil || page.Next == "" {
				return
			}
			cursor = page.Next
			seen[cursor] = true
		}
	}
}

// page asks for fewer people once Slack has failed to return that many.
func (c *Client) page(ctx context.Context, teamID, cursor string, limit *int) (syncs.ListingPage, error) {
	for {
		before, err := c.beforeNext(ctx)
		if err != nil {
			return syncs.ListingPage{}, err
		}
		var answer struct {
			Members  []json.RawMessage `json:"members"`
			CacheTS  seconds           `json:"cache_ts"`
			Metadata struct {
				NextCursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		args := url.Values{"limit": {strconv.Itoa(*limit)}, "cursor": {cursor}, "team_id": {teamID}, "include_locale": {"true"}}
		err = c.call(ctx, "users.list", args, &answer)
		switch {
		case err == nil:
			version, err := c.versionAt(before, answer.CacheTS)
			if err != nil {
				return syncs.ListingPage{}, fmt.Errorf("slack users.list: %w", err)
			}
			return syncs.ListingPage{Users: answer.Members, Next: answer.Metadata.NextCursor, Version: version}, nil
		case isError(err, "invalid_cursor"):
			return syncs.ListingPage{}, errors.Join(syncs.ErrCursorExpired, err)
		case ctx.Err() == nil && isTooMuch(err) && *limit > minPage:
			*limit = max(*limit/2, minPage)
			c.log.WarnContext(ctx, "asking for smaller pages", "limit", *limit, "error", err)
		default:
			return syncs.ListingPage{}, err
		}
	}
}

// User returns one user (users.info), who may be of another workspace (Slack Connect),
// and a version no later than the answer. Errors about only this
// user wrap [directory.ErrNotFound] or [syncs.ErrUnreadable].
func (c *Client) User(ctx context.Context, userID string) (json.RawMessage, directory.Version, error) {
	before, err := c.beforeNext(ctx)
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		User    json.RawMessage `json:"user"`
		CacheTS seconds         `json:"cache_ts"`
	}
	if err := c.call(ctx, "users.info", url.Values{"user": {userID}, "include_locale": {"true"}}, &answer); err != nil {
		return nil, 0, aboutUser(err)
	}
	version, err := c.versionAt(before, answer.CacheTS)
	if err != nil {
		return nil, 0, fmt.Errorf("slack users.info: %w", err)
	}
	return answer.User, version, nil
}

// Profile returns one user's custom fields (users.profile.get), with a time on Slack's clock
// no later than the answer. Errors about this user only wrap [directory.ErrNotFound] or
// [syncs.ErrUnreadable].
func (c *Client) Profile(ctx context.Context, userID string) (fields json.RawMessage, v directory.Version, err error) {
	before, err := c.beforeNext(ctx)
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Profile *struct {
			Fields json.RawMessage `json:"fields"`
		} `json:"profile"`
	}
	if err := c.call(ctx, "users.profile.get", url.Values{"user": {userID}}, &answer); err != nil {
		return nil, 0, aboutUser(err)
	}
	if answer.Profile == nil {
		return nil, 0, fmt.Errorf("slack users.profile.get: %w: no profile in the answer", syncs.ErrUnreadable)
	}
	v, err = c.versionAt(before, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("slack users.profile.get: %w", err)
	}
	return answer.Profile.Fields, v, nil
}

// TeamProfile returns the definitions of the workspace's custom fields, the profile in
// team.profile.get's answer; nil if the token lacks the scope users.profile:read.
func (c *Client) TeamProfile(ctx context.Context) (json.RawMessage, error) {
	var answer struct {
		Profile json.RawMessage `json:"profile"`
	}
	err := c.call(ctx, "team.profile.get", nil, &answer)
	if isError(err, "missing_scope") {
		return nil, nil
	}
	return answer.Profile, err
}

// aboutUser wraps an error that is about only the user whom the call named.
func aboutUser(err error) error {
	switch {
	case isError(err, "user_not_found"), isError(err, "user_not_visible"):
		return errors.Join(directory.ErrNotFound, err)
	case isAnswer(err):
		return errors.Join(syncs.ErrUnreadable, err)
	}
	return err
}

// isAnswer reports whether Slack itself answered with the error, and a new setup of the app would
// not help. Such an error may be about one user.
func isAnswer(err error) bool {
	if refused, ok := errors.AsType[slackgo.SlackErrorResponse](err); ok {
		return advice[refused.Err] == ""
	}
	_, byStatus := errors.AsType[slackgo.StatusCodeError](err)
	return byStatus || errors.Is(err, errNotJSON)
}

// Emoji returns the workspace's custom emoji (emoji.list) by name: image URLs,
// or "alias:" and another name. It returns nil if the token lacks the scope emoji:read.
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

// isTooMuch reports whether Slack failed to return a page of this size, or to do so in time.
func isTooMuch(err error) bool {
	status, ok := errors.AsType[slackgo.StatusCodeError](err)
	return ok && status.Code >= 500 || isTimeout(err) || isError(err, "limit_required") || isError(err, "fatal_error") || isError(err, "internal_error")
}
