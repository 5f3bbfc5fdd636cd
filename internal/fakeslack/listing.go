package fakeslack

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// memberList is the data of users.list.
type memberList struct {
	people   []*person
	position map[string]int // in people, by ID
	at       time.Time
}

// FreezeListings makes users.list answer with the people and the cache_ts of this moment, like a
// stale cache at Slack. It does not affect users.info, events and the Date header.
func (w *Workspace) FreezeListings() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = &memberList{position: map[string]int{}, at: w.now()}
	for i, p := range w.listed {
		copied := *p
		w.frozen.people = append(w.frozen.people, &copied)
		w.frozen.position[p.id] = i
	}
}

// ThawListings ends FreezeListings.
func (w *Workspace) ThawListings() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = nil
}

// currentMembers needs mu.
func (w *Workspace) currentMembers() memberList {
	if w.frozen != nil {
		return *w.frozen
	}
	return memberList{w.listed, w.position, w.now()}
}

func (w *Workspace) usersList(r *http.Request) (map[string]any, error) {
	w.churn()
	limit, err := parseLimit(r.Form)
	if err != nil {
		return nil, err
	}
	if w.options.OrgWide && r.FormValue("team_id") == "" {
		return nil, slackError("missing_argument")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.misbehave(limit, r.FormValue("cursor")); err != nil {
		return nil, err
	}
	all := w.currentMembers()
	start, wasEmpty, err := all.parseCursor(r.FormValue("cursor"))
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		if len(all.people) > maxUnlimited {
			return nil, slackError("limit_required")
		}
		limit = len(all.people)
	}
	if w.options.PageSize > 0 {
		limit = min(limit, w.options.PageSize)
	}
	rest, empty := all.people[start:], false
	if w.faults.ShortPages {
		// Never two empty pages in a row: both would have the same cursor, as if it were stuck.
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
	if w.faults.StuckCursor && len(rest) > 0 {
		next = cursorAt(rest[0].id, false)
	}
	locale := isTrue(r.FormValue("include_locale"))
	members := make([]json.RawMessage, 0, len(page))
	for _, p := range page {
		members = append(members, w.personAt(p, all.at).ListObject(locale))
	}
	answer := map[string]any{"members": members, "response_metadata": map[string]any{"next_cursor": next}}
	if !w.faults.NoCacheTS {
		answer["cache_ts"] = all.at.Unix()
	}
	return answer, nil
}

// misbehave counts a call of users.list and fails if it is the turn of a fault. It needs mu.
func (w *Workspace) misbehave(limit int, cursor string) error {
	w.listCalls++
	f := w.faults
	turn := func(every int) bool { return every > 0 && w.listCalls%every == 0 }
	switch {
	case turn(f.ErrorEvery), f.MaxLimit > 0 && limit > f.MaxLimit:
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

// parseLimit returns 0 if there is no limit. Slack treats a limit of 0 as none.
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

// A cursor names the first user of its page, like Slack's, so that joiners do not shift it:
// "user:U…" in base64.
const (
	cursorPrefix = "user:"
	cursorEmpty  = "-" // after the id: the previous page was empty
)

func cursorAt(id string, empty bool) string {
	if empty {
		id += cursorEmpty
	}
	return base64.StdEncoding.EncodeToString([]byte(cursorPrefix + id))
}

// parseCursor returns the position in people.
func (l memberList) parseCursor(cursor string) (position int, wasEmpty bool, err error) {
	if cursor == "" {
		return 0, false, nil
	}
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false, slackError("invalid_cursor")
	}
	id, ok := strings.CutPrefix(string(b), cursorPrefix)
	id, wasEmpty = strings.CutSuffix(id, cursorEmpty)
	position, known := l.position[id]
	if !ok || !known {
		return 0, false, slackError("invalid_cursor")
	}
	return position, wasEmpty, nil
}
