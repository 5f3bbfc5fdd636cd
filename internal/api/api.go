// Package api serves Slack's Web API from Rollcall's copy of the directory.
//
// Arguments, answers, errors, headers and scopes are Slack's, so an SDK works with
// nothing but its base address changed. Every answer has status 200 and says "ok": true
// or false. The exceptions are 429 with Retry-After, which SDKs understand, and 304 for a GET
// that has an ETag. Nothing redirects, because SDKs refuse to follow.
//
// Objects are written as the copy has them, byte for byte, unless the token may not see
// all of it: e-mail addresses need users:read.email, custom fields users.profile:read.
//
// At /mcp, tools for the Model Context Protocol read the same data (mcp.go).
//
// Beyond Slack, users.list takes query, status, kind, tz and updated_since,
// users.lookupByEmail takes include_deactivated, and changes.list is a feed of changes.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/felixge/httpsnoop"
	"github.com/klauspost/compress/gzhttp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/semaphore"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
	"rollcall/internal/service"
	"rollcall/internal/service/audit"
	"rollcall/internal/tokens"
)

const (
	// prefix is the path of all methods.
	prefix = "/api/"
	// answerTimeout leaves time to write before the server's own deadline.
	answerTimeout = 20 * time.Second
	// maxRowsInMemory bounds how many people and changes all requests in progress hold in memory, some
	// kilobytes each. reserveTimeout is how long a request waits for its share.
	maxRowsInMemory = 10 * maxLimit
	reserveTimeout  = 5 * time.Second
)

// Options are what the API needs.
type Options struct {
	People     PeopleStore
	Workspaces WorkspaceStore
	History    HistoryStore
	Tokens     TokenStore
	Rate       int // requests a second for each token
	Log        *slog.Logger
	Audit      *audit.Log // nil: audit lines go to Log
	Now        func() time.Time
}

type handler struct {
	Options
	bodies *httpbody.Pool
	keys   *keys
	rows   *semaphore.Weighted
	// schemas are those of the tools, which are the same for every token.
	schemas *mcp.SchemaCache
}

// New returns the handler of /api/{method} and /mcp. It answers any other path 404.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Audit == nil {
		o.Audit = audit.New(o.Log, nil)
	}
	wrap, err := gzhttp.NewWrapper(gzhttp.PreferZstd(false))
	if err != nil {
		panic(err) // the option is valid
	}
	return wrap(&handler{o, httpbody.NewPool(maxBody), newKeys(o.Tokens, o.Rate, o.Now), semaphore.NewWeighted(maxRowsInMemory), mcp.NewSchemaCache()})
}

// method is one method of the API.
type method struct {
	scope  string // the scope it needs; empty for none
	open   bool   // needs no token
	tagged bool   // a GET has an ETag: the answer is small, and seldom changes
	answer func(*handler, context.Context, *call) (answer, error)
}

// methods are all methods by name.
var methods = map[string]method{
	"api.test":            {open: true, answer: apiTest},
	"auth.test":           {answer: (*handler).authTest},
	"team.info":           {scope: tokens.TeamRead, tagged: true, answer: (*handler).teamInfo},
	"team.profile.get":    {scope: tokens.ProfileRead, tagged: true, answer: (*handler).teamProfile},
	"emoji.list":          {scope: tokens.EmojiRead, tagged: true, answer: (*handler).emojiList},
	"users.list":          {scope: tokens.UsersRead, answer: (*handler).usersList},
	"users.info":          {scope: tokens.UsersRead, answer: (*handler).usersInfo},
	"users.lookupByEmail": {scope: tokens.EmailRead, answer: (*handler).usersLookupByEmail},
	"users.profile.get":   {scope: tokens.ProfileRead, answer: (*handler).usersProfile},
	"changes.list":        {scope: tokens.ChangesRead, answer: (*handler).changesList},
}

// call is one request.
type call struct {
	args   arguments
	token  tokens.Token
	teamID string // the workspace that the call is about; see [handler.choose]
	shown  audit.Entry
	rows   int64 // reserved
}

// reserve waits until that many more rows may be in memory. They stay reserved until the answer is written.
func (h *handler) reserve(ctx context.Context, c *call, rows int) error {
	ctx, cancel := context.WithTimeout(ctx, reserveTimeout)
	defer cancel()
	if h.rows.Acquire(ctx, int64(rows)) != nil {
		return rateLimited{time.Second}
	}
	c.rows += int64(rows)
	return nil
}

// ServeHTTP does without a ServeMux, which would redirect unclean paths.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == mcpPath {
		h.serveMCP(w, r)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	m, known := methods[name]
	if !known || r.Method != http.MethodGet && r.Method != http.MethodPost {
		m, name = method{open: true, answer: unknownMethod}, "unknown"
	}
	c := &call{shown: audit.Entry{View: name, Method: r.Method, Status: http.StatusOK}}
	defer func() { h.rows.Release(c.rows) }()
	var err error
	sent := httpsnoop.CaptureMetricsFn(w, func(w http.ResponseWriter) {
		header := w.Header()
		header.Set("Content-Type", "application/json; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		if name != "unknown" { // Node's SDK turns an empty header into a scope called null
			header.Set("X-Accepted-OAuth-Scopes", m.scope)
		}
		var a answer
		if a, err = h.call(w, r, m, c); err != nil {
			a = refuse(header, err)
		} else if m.tagged && r.Method == http.MethodGet {
			a, err = a.tagged(header, r.Header.Get("If-None-Match"))
		}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		if unsent := a.write(w); unsent != nil {
			c.shown.Cut = true
		}
	})
	h.log(r.Context(), name, r.Method, c, sent, err)
	if c.shown.TeamID != "" {
		h.Audit.Shown(context.WithoutCancel(r.Context()), c.shown)
	}
}

// call authenticates the request and answers it.
func (h *handler) call(w http.ResponseWriter, r *http.Request, m method, c *call) (answer, error) {
	if m.open && r.Method != http.MethodGet && r.Method != http.MethodPost {
		return m.answer(h, r.Context(), c)
	}
	var err error
	if c.args, err = h.arguments(w, r); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	if m.open {
		return m.answer(h, ctx, c)
	}
	if c.token, err = h.keys.admit(ctx, c.args.token); err != nil {
		return answer{}, err
	}
	w.Header().Set("X-OAuth-Scopes", strings.Join(c.token.Scopes, ","))
	// Only once the token is checked: whoever names a trace decides whether it is sampled, at our expense.
	ctx, span := service.StartSpan(ctx, r)
	defer service.EndSpan(span, http.StatusOK)
	if !c.token.Has(m.scope) {
		return answer{}, missingScope{m.scope, c.token}
	}
	if err := c.choose(); err != nil {
		return answer{}, err
	}
	return m.answer(h, ctx, c)
}

// choose picks the workspace. A token for one workspace always means that one: Slack
// ignores team_id there too. With a token for several, calls have to name one.
func (c *call) choose() error {
	c.shown.Viewer = c.token.Name
	all, teamID := c.token.Workspaces, c.args.values["team_id"]
	switch {
	case len(all) == 1:
		c.teamID = all[0]
	case teamID == "" || slices.Contains(all, teamID):
		c.teamID = teamID // methods that need it answer missing_argument
	default:
		return errTeamAccess
	}
	return nil
}

// team returns the workspace that the call is about.
func (c *call) team() (string, error) {
	if c.teamID == "" {
		return "", errMissingArgument
	}
	return c.teamID, nil
}

// show records for the audit log who is shown.
func (c *call) show(users ...directory.User) {
	c.shown.TeamID, c.shown.Count = c.teamID, len(users)
	for _, u := range users[:min(len(users), maxNoted)] {
		c.shown.UserIDs = append(c.shown.UserIDs, u.ID)
	}
}

// missed records for the audit log that somebody was looked for and not found.
func (c *call) missed(ids ...string) {
	c.shown.TeamID, c.shown.Status = c.teamID, http.StatusNotFound
	for _, id := range ids {
		if directory.ValidateID("id", id) == nil {
			c.shown.UserIDs = append(c.shown.UserIDs, id)
		}
	}
}

// maxNoted is the most ids that an audit line has.
const maxNoted = 100

// maxMethod bounds what a stranger's HTTP method adds to a log line. No real method is longer.
const maxMethod = 20

// log writes a request's log line: the token's name, and no arguments.
func (h *handler) log(ctx context.Context, name, httpMethod string, c *call, sent httpsnoop.Metrics, err error) {
	attrs := []slog.Attr{slog.String("api_method", name), slog.String("method", httpMethod[:min(len(httpMethod), maxMethod)]), slog.Int("status", sent.Code),
		slog.String("token", c.token.Name), slog.Int("count", c.shown.Count), slog.Duration("took", sent.Duration), slog.Int64("bytes", sent.Written)}
	level := slog.LevelInfo
	if err != nil {
		code := codeOf(err)
		attrs = append(attrs, slog.String("refused", code))
		if code == errInternal.code && !errors.Is(err, context.Canceled) {
			level = slog.LevelError
			attrs = append(attrs, slog.Any("error", err))
		}
	}
	h.Log.LogAttrs(ctx, level, "api request", attrs...)
}
