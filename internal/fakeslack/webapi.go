package fakeslack

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
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

// missingScope is the scope that a method needs and the token lacks.
type missingScope string

func (s missingScope) Error() string { return "missing_scope" }

// httpError is a refusal by HTTP status.
type httpError struct{ status, retryAfter int }

func (e httpError) Error() string { return http.StatusText(e.status) }

// Handler serves the Web API below /api/, avatars below /avatars/ and Socket
// Mode at /socket.
func (w *Workspace) Handler() http.Handler {
	mux := http.NewServeMux()
	for name, m := range map[string]struct {
		scope  string // of the bot token; "app" for methods of the app's token
		answer func(*http.Request) (map[string]any, error)
	}{
		"auth.test":             {"", w.authTest},
		"team.info":             {"team:read", w.teamInfo},
		"team.profile.get":      {"users.profile:read", w.teamProfile},
		"users.list":            {"users:read", w.usersList},
		"users.info":            {"users:read", w.usersInfo},
		"users.profile.get":     {"users.profile:read", w.usersProfile},
		"emoji.list":            {"emoji:read", w.emojiList},
		"apps.connections.open": {appToken, w.connectionsOpen},
	} {
		h := func(rw http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(rw, r.Body, maxRequestBody)
			rw.Header().Set("X-Accepted-OAuth-Scopes", m.scope)
			if err := w.authorize(r, m.scope); err != nil {
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

// appToken stands for a scope where a method takes the app's token.
const appToken = "connections:write"

func (w *Workspace) authorize(r *http.Request, scope string) error {
	token := r.FormValue("token")
	if header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = header
	}
	w.mu.Lock()
	botToken, refusal := w.botToken, w.refusal
	w.mu.Unlock()
	switch {
	case token == "":
		return slackError("not_authed")
	case token == w.options.AppToken && scope == appToken:
		return nil
	case token != w.options.AppToken && token != botToken:
		return slackError("invalid_auth")
	case token == w.options.AppToken || scope == appToken:
		return slackError("not_allowed_token_type")
	case refusal != "":
		return refusal
	case !w.options.has(scope):
		return missingScope(scope)
	}
	return nil
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
	if needed, ok := errors.AsType[missingScope](err); ok {
		result["needed"], result["provided"] = string(needed), w.options.Scopes
	}
	result["ok"] = err == nil
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Date", w.options.Clock().UTC().Format(http.TimeFormat)) // the time that readers take a page's version from
	w.mu.Lock()
	if w.faults.NoDate {
		h["Date"] = nil // not even net/http's own
	}
	w.mu.Unlock()
	h.Set("X-OAuth-Scopes", w.options.Scopes)
	rw.WriteHeader(status)
	if _, err := rw.Write(encode(result)); err != nil {
		w.options.Log.Debug("the Web API's client has gone", "error", err)
	}
}

func (w *Workspace) usersInfo(r *http.Request) (map[string]any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	locale := isTrue(r.FormValue("include_locale"))
	if ids := r.FormValue("users"); ids != "" {
		users := []any{}
		for id := range strings.SplitSeq(ids, ",") {
			user, err := w.info(id, locale)
			if err != nil {
				return nil, err
			}
			users = append(users, user)
		}
		return map[string]any{"users": users}, nil
	}
	user, err := w.info(r.FormValue("user"), locale)
	if err != nil {
		return nil, err
	}
	return map[string]any{"user": user}, nil
}

// info needs mu.
func (w *Workspace) info(id string, locale bool) (json.RawMessage, error) {
	if err := w.faults.InfoError[id]; err != "" {
		return nil, slackError(err)
	}
	p := w.find(cmp.Or(w.faults.InfoOther[id], id))
	if p == nil {
		return nil, slackError("user_not_found")
	}
	return w.person(p).InfoObject(locale), nil
}
