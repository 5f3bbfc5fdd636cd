package ui

import (
	"errors"
	"net/http"
)

var errOrigin = errors.New("request from another site")

// sameOrigin keeps other sites from acting as a viewer. [http.CrossOriginProtection] refuses unsafe
// methods if the browser says that another site sends the request. Two rules are added:
//
//   - An unsafe method must say where it comes from. All browsers do, but CrossOriginProtection lets
//     requests through that do not.
//   - Other sites may link here but load nothing from here. The size or timing of a script, image
//     or frame would reveal whether somebody is in the directory (web.dev, "Protect your
//     resources from web attacks with Fetch Metadata").
func (h *handler) sameOrigin(next http.Handler) http.Handler {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, errOrigin) })
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(refuse)
	protected := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			link := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
			if site != "" && site != "same-origin" && site != "none" && !link {
				refuse(w, r)
				return
			}
		case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
			if site == "" && r.Header.Get("Origin") == "" {
				refuse(w, r)
				return
			}
		}
		protected.ServeHTTP(w, r)
	})
}
