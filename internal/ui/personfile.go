package ui

import (
	"encoding/json"
	"net/http"

	"rollcall/internal/directory"
)

// jsonSuffix ends the address of a person as JSON.
const jsonSuffix = ".json"

// personObject is a person as the export has them, and their custom fields with labels.
type personObject struct {
	userFile
	Removed      bool          `json:"removed,omitempty"`
	CustomFields []customField `json:"custom_fields,omitempty"`
}

// customField is somebody's value of a custom field.
type customField struct {
	ID    string `json:"id"`
	Label string `json:"label,omitempty"`
	Type  string `json:"type,omitempty"`
	Value string `json:"value"`
	Alt   string `json:"alt,omitempty"`
}

// personFile answers with the person as JSON.
func (h *handler) personFile(w http.ResponseWriter, r *http.Request) {
	p, _, _, err := h.requestedPerson(r, "person_json")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	u, err := h.user(r, "person_json", p)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	o := personObject{userFile: userFile{User: u}, Removed: u.Removed}
	if u.Kind != directory.Forgotten {
		o.CustomFields = h.profile(r.Context(), p.teamID).valuesOf(u)
	}
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	e := shown(r, "person_json", p.teamID)
	e.UserIDs, e.Count = []string{u.ID}, 1
	h.Audit.Shown(r.Context(), e)
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, '\n')) //nolint:errcheck // if this fails the viewer has left
}
