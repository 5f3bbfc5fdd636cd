package ui

import (
	"errors"
	"net/http"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// shown begins the audit line of an answer that shows people of a workspace, or of one that says that there are none.
func shown(r *http.Request, view, teamID string) audit.Entry {
	e := audit.Entry{Viewer: viewerOf(r.Context()).Email, View: view, Method: r.Method, Status: http.StatusOK}
	if directory.ValidateID("team", teamID) == nil { // whatever else an address says is not for a log
		e.TeamID = teamID
	}
	return e
}

// shown is that of a list.
func (l listing) shown(r *http.Request, view, teamID string) audit.Entry {
	e := shown(r, view, teamID)
	e.Filters = map[string]string{}
	for name, values := range l.values() {
		if name != "team" {
			e.Filters[name] = values[0]
		}
	}
	return e
}

// missing writes down that somebody asked, and was told that there is no such workspace or person.
func (h *handler) missing(r *http.Request, view, teamID, userID string, err error) {
	if !errors.Is(err, directory.ErrNotFound) {
		return
	}
	e := shown(r, view, teamID)
	e.Status = http.StatusNotFound
	if directory.ValidateID("id", userID) == nil {
		e.UserIDs = []string{userID}
	}
	h.Audit.Shown(r.Context(), e)
}

// ids are those of users.
func ids(users []directory.User) []string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = u.ID
	}
	return all
}
