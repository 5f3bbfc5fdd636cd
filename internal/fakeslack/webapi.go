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
	maxLimit       = 1000 // users per page
	maxUnlimited   = 500  // people in a workspace whose users.list needs no limit
	maxRequestBody = 64 << 10
)

// slackError is an error code of Slack's Web API.
type slackError string

func (e slackError) Error() string { return string(e) }

// missingScope is a scope that the token lacks.
type missingScope string

func (s missingScope) Error() string { return "missing_scope" }

// httpError is an error with an HTTP status.
type httpError struct{ status, retryAfter int }

func (e httpError) Error() string { return http.StatusText(e.status) }

// Handler serves the Web API under /api/, avatars under /avatars/ and Socket Mode at /socket.
func (w *Workspace) Handler() http.Handler {
	mux := http.NewServeMux()
	for name, m := range map[string]struct {
		scope  string // of the bot token, or appToken
		answer func(*http.Request) (map[string]any, error)
	}{
		"auth.test":             {"", w.authTest},
		"team.info":             {"team:read", w.teamInfo},
		"team.profile.get":      {"users.profile:read", w.teamProfile},
		"users.list":            {"users:read", w.usersList},
		"users.info":            {"users:read", w.usersInfo},
		"users.lookupByEmail":   {"users:read.email", w.usersLookupByEmail},
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
		// These methods read arguments from the query or a form, not from a JSON body.
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

// appToken is the scope of methods that need the app's token.
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

// answer writes an answer in Slack's form. Slack's own errors have status 200.
func (w *Workspace) answer(rw http.ResponseWriter, result map[string]any, err error) {
	status := http.StatusOK
	if refusal, ok := errors.AsType[httpError](err); ok {
		status = refusal.status
		if status < http.StatusInternalServerError { // rate limited, possibly with status 200
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
	h.Set("Date", w.options.Clock().UTC().Format(http.TimeFormat)) // clients take a page's version from it
	w.mu.Lock()
	if w.faults.NoDate {
		h["Date"] = nil // stops net/http from adding its own
	}
	w.mu.Unlock()
	h.Set("X-OAuth-Scopes", w.options.Scopes)
	rw.WriteHeader(status)
	if _, err := rw.Write(encode(result)); err != nil {
		w.options.Log.Debug("answer not sent", "error", err)
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

// usersLookupByEmail finds nobody who is deactivated, or of another workspace.
func (w *Workspace) usersLookupByEmail(r *http.Request) (map[string]any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.listed {
		if email := p.email(); email != "" && !p.deleted && strings.EqualFold(email, r.FormValue("email")) {
			return map[string]any{"user": w.person(p).InfoObject(false)}, nil
		}
	}
	return nil, slackError("users_not_found")
}
