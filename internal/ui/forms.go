package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/httpbody"
)

const (
	maxFormBytes = 8 << 10 // a form may have the address of a page in it
	formTimeout  = 5 * time.Second
)

// readForm returns the fields of a form that was posted.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := httpbody.Read(w, r, maxFormBytes, formTimeout)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: form cannot be decoded", directory.ErrInvalid)
	}
	return form, nil
}
