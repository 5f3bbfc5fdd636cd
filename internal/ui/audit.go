package ui

import (
	"errors"
	"net/http"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
)

// shown returns the audit entry of an answer that shows people of a workspace, or says that there are none.
func shown(r *http.Request, view, teamID string) audit.Entry {
	e := audit.Entry{Viewer: viewerOf(r.Context()).Email, View: view, Method: r.Method, Status: http.StatusOK}
	if directory.ValidateID("team", teamID) == nil { // anything else in an address does not belong in a log
		e.TeamID = teamID
	}
	return e
}

// shown returns the audit entry of a list.
func (l listRequest) shown(r *http.Request, view string) audit.Entry {
	e := shown(r, view, l.teamID)
	e.Filters = map[string]string{}
	for name, values := range l.values() {
		if name != "team" && name != "cols" {
			e.Filters[name] = values[0]
		}
	}
	return e
}

// missing audits the answer that there is no such workspace or person.
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

func ids(users []directory.User) []string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = u.ID
	}
	return all
}
