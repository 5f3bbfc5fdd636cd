package fakeslack

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxLimit       = 1000 // users a page
	limitRequired  = 500  // people up to whom users.list answers without a limit
	maxRequestBody = 64 << 10
)

// slackError is an error as Slack's methods name them.
type slackError string

func (e slackError) Error() string { return string(e) }

// httpError is a refusal by HTTP status.
type httpError struct{ status, retryAfter int }

func (e httpError) Error() string { return http.StatusText(e.status) }

// Handler serves the Web API below /api/, avatars below /avatars/ and Socket
// Mode at /socket.
func (w *Workspace) Handler() http.Handler {
	mux := http.NewServeMux()
	for name, m := range map[string]struct {
		token  string
		answer func(*http.Request) (map[string]any, error)
	}{
		"auth.test":             {w.options.BotToken, w.authTest},
		"team.info":             {w.options.BotToken, w.teamInfo},
		"users.list":            {w.options.BotToken, w.usersList},
		"users.info":            {w.options.BotToken, w.usersInfo},
		"emoji.list":            {w.options.BotToken, w.emojiList},
		"apps.connections.open": {w.options.AppToken, w.connectionsOpen},
	} {
		h := func(rw http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(rw, r.Body, maxRequestBody)
			if err := w.authorize(r, m.token); err != nil {
				w.answer(rw, nil, err)
				return
			}
			result, err := m.answer(r)
			w.answer(rw, result, err)
		}
		// Slack reads arguments from the query or a form. A JSON body is not read.
		mux.HandleFunc("GET /api/"+name, h)
		mux.HandleFunc("POST /api/"+name, h)
	}
	mux.HandleFunc("/api/", func(rw http.ResponseWriter, _ *http.Request) {
		w.answer(rw, nil, slackError("unknown_method"))
	})
	mux.HandleFunc("GET /avatars/{file}", w.avatar)
	mux.HandleFunc("GET /emoji/{file}", w.emojiImage)
	mux.HandleFunc("GET /socket", w.serveSocket)
	return mux
}

func (w *Workspace) authorize(r *http.Request, wanted string) error {
	token := r.FormValue("token")
	if header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = header
	}
	switch token {
	case wanted:
		return nil
	case "":
		return slackError("not_authed")
	case w.options.BotToken, w.options.AppToken:
		return slackError("not_allowed_token_type")
	}
	return slackError("invalid_auth")
}

// answer writes what Slack does: its own errors come with status 200.
func (w *Workspace) answer(rw http.ResponseWriter, result map[string]any, err error) {
	status := http.StatusOK
	if refusal, ok := errors.AsType[httpError](err); ok {
		status = refusal.status
		if status < http.StatusInternalServerError { // limited, be it in a 200
			rw.Header().Set("Retry-After", strconv.Itoa(refusal.retryAfter))
			err = slackError("ratelimited")
		}
	}
	if err != nil {
		result = map[string]any{"error": err.Error()}
	}
	result["ok"] = err == nil
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Date", w.options.Clock().UTC().Format(http.TimeFormat)) // the time that readers take a page's version from
	h.Set("X-OAuth-Scopes", "users:read,users:read.email,team:read,emoji:read")
	rw.WriteHeader(status)
	if _, err := rw.Write(encode(result)); err != nil {
		w.options.Log.Debug("the Web API's client has gone", "error", err)
	}
}

func (w *Workspace) authTest(*http.Request) (map[string]any, error) {
	o := w.options
	return map[string]any{
		"url": "https://" + o.Domain + ".slack.com/", "team": o.Name, "team_id": o.TeamID,
		"user": w.app.username, "user_id": w.app.id, "bot_id": w.app.botID, "is_enterprise_install": false,
	}, nil
}

func (w *Workspace) teamInfo(r *http.Request) (map[string]any, error) {
	o := w.options
	if team := r.FormValue("team"); team != "" && team != o.TeamID {
		return nil, slackError("team_not_found")
	}
	return map[string]any{"team": map[string]any{
		"id": o.TeamID, "name": o.Name, "domain": o.Domain, "email_domain": o.Domain + ".example",
		"url": "https://" + o.Domain + ".slack.com/", "icon": map[string]any{"image_default": true},
	}}, nil
}

func (w *Workspace) usersInfo(r *http.Request) (map[string]any, error) {
	user := w.User(r.FormValue("user"))
	if user == nil {
		return nil, slackError("user_not_found")
	}
	return map[string]any{"user": user}, nil
}

func (w *Workspace) usersList(r *http.Request) (map[string]any, error) {
	w.churn()
	limit, err := parseLimit(r.Form)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.misbehave(limit, r.FormValue("cursor")); err != nil {
		return nil, err
	}
	start, wasEmpty, err := w.parseCursor(r.FormValue("cursor"))
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		if len(w.listed) > limitRequired {
			return nil, slackError("limit_required")
		}
		limit = len(w.listed)
	}
	rest, empty := w.listed[start:], false
	if w.faults.ShortPages {
		// Never two empty pages in a row: their cursors would be the same, as if stuck.
		empty = !wasEmpty && w.rng.IntN(4) == 0
		limit = 1 + w.rng.IntN(limit)
	}
	if empty {
		limit = 0
	}
	page := rest[:min(limit, len(rest))]
	next := ""
	if len(page) < len(rest) {
		next = cursorAt(rest[len(page)].id, empty)
	}
	return map[string]any{
		"members": w.encodeAll(page), "cache_ts": w.options.Clock().Unix(),
		"response_metadata": map[string]any{"next_cursor": next},
	}, nil
}

// misbehave counts a call of users.list and spoils it if it is its turn. It needs mu.
func (w *Workspace) misbehave(limit int, cursor string) error {
	w.listCalls++
	f := w.faults
	turn := func(every int) bool { return every > 0 && w.listCalls%every == 0 }
	switch {
	case turn(f.ErrorEvery), f.MostAPage > 0 && limit > f.MostAPage:
		return httpError{status: http.StatusInternalServerError}
	case turn(f.RateLimitEvery):
		return httpError{http.StatusTooManyRequests, f.RetryAfter}
	case turn(f.RatelimitedIn200Every):
		return httpError{http.StatusOK, f.RetryAfter}
	case cursor != "" && turn(f.ExpireCursorEvery):
		return slackError("invalid_cursor")
	}
	return nil
}

// parseLimit returns 0 where there is none, or one of 0, which Slack takes for none.
func parseLimit(form url.Values) (int, error) {
	s := form.Get("limit")
	if s == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(s)
	if err != nil || limit < 0 || limit > maxLimit {
		return 0, slackError("invalid_limit")
	}
	return limit, nil
}

// A cursor names the first user of its page, as Slack's do, so that joiners do
// not shift it: "user:U…" in base64.
const (
	cursorPrefix = "user:"
	cursorEmpty  = "-" // after the id: the page before was an empty one
)

func cursorAt(id string, empty bool) string {
	if empty {
		id += cursorEmpty
	}
	return base64.StdEncoding.EncodeToString([]byte(cursorPrefix + id))
}

// parseCursor returns the position in listed. It needs mu.
func (w *Workspace) parseCursor(cursor string) (position int, wasEmpty bool, err error) {
	if cursor == "" {
		return 0, false, nil
	}
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false, slackError("invalid_cursor")
	}
	id, ok := strings.CutPrefix(string(b), cursorPrefix)
	id, wasEmpty = strings.CutSuffix(id, cursorEmpty)
	position, known := w.position[id]
	if !ok || !known {
		return 0, false, slackError("invalid_cursor")
	}
	return position, wasEmpty, nil
}
