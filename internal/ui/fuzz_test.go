package ui

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/ui/iaptest"
)

// impatient is a viewer who hangs up on a stream after the first write.
type impatient struct{ *httptest.ResponseRecorder }

func (w impatient) Write(b []byte) (int, error) {
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") && w.Body.Len() > 0 {
		return 0, errors.New("hung up")
	}
	return w.ResponseRecorder.Write(b)
}

// FuzzPages: any address and form gets an answer, never a server error, and never markup from
// the address.
func FuzzPages(f *testing.F) {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	if err := errors.Join(store.PutWorkspace(f.Context(), directory.Workspace{ID: team}), store.PutUser(f.Context(), ada(f), 0, nil)); err != nil {
		f.Fatal(err)
	}
	for _, target := range []string{"/", "/?q=ada&show=all&kind=bots&tz=Asia/Tokyo&sort=changed", "/?tz=Europe/London,Asia/<zq1>,Europe/London", "/users/" + team + "/U1", "/users/" + team + "/U1.json", "/users/" + team + "/U1?sort=changed&q=<zq1>&show=all&after=WyJhIiwxLCJVMSJd&from=50", "/users/" + team + "/U1/events?since=x-1", "/users/count?q=<zq1>", "/users.csv?team=" + team,
		"/users.json", "/changes?type=user.created&oldest=2022-03-30&user=U1", "/changes/count?user=<zq1>", "/changes.csv?after=WzEsImEiXQ", "/changes/events?since=x-1", "/events?since=x-1", "/status?team=" + team + "&started=1648641600", "/nowhere/%2e%2e/%00", "/?after=WyJhIiwxLCJVMSJd", "//x", "/assets/../x"} {
		f.Add("GET", target, "")
	}
	f.Add("POST", "/sync", "team="+team)
	f.Add("HEAD", "/events", "")
	f.Add("CONNECT", "/", "")
	h := New(f.Context(), Options{Store: store, Syncer: &syncer{}, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, method, target, form string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || method == "" || strings.ContainsAny(method, " /\x00\r\n") {
			return // net/http refuses it before it calls a handler
		}
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(form))
		r.Method, r.URL, r.RequestURI = method, u, target
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := impatient{httptest.NewRecorder()}
		h.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 303, 304, 307, 400, 403, 404, 405, 413}, w.Code) {
			t.Errorf("status %d", w.Code)
		}
		if strings.Contains(target+form, "<zq") && bytes.Contains(w.Body.Bytes(), []byte("<zq")) {
			t.Errorf("the page contains markup from the address: %s", w.Body)
		}
		for _, values := range w.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("header %q", values)
			}
		}
	})
}

// FuzzIAP: no header causes a panic, and no header passes that the proxy has not signed.
func FuzzIAP(f *testing.F) {
	proxy := iaptest.New(f)
	good := proxy.Token(f, iaptest.Claims(audience, "grace@example.com"))
	said, _, _ := strings.Cut(good[strings.IndexByte(good, '.')+1:], ".")
	signature := good[strings.LastIndexByte(good, '.')+1:]
	for _, token := range []string{good, "", "..", strings.Replace(good, signature, "", 1), strings.Replace(good, signature, signature[:20], 1), "eyJhbGciOiJub25lIn0." + said + ".",
		iaptest.Sign(f, map[string]any{"alg": "RS256", "kid": "k1"}, iaptest.Claims(audience, "x"), proxy.ES256)} {
		f.Add(token, false)
	}
	f.Add("", true)
	f.Add("=", true)
	validator := proxy.Validator(f)
	f.Fuzz(func(t *testing.T, token string, behind bool) {
		if behind { // a good token with another signature
			token = strings.TrimSuffix(good, signature) + token
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(iapHeader, token)
		payload, err := validate(r, validator, audience)
		if err == nil && !strings.HasPrefix(token, strings.TrimSuffix(good, signature)) {
			t.Errorf("%q passes as %v", token, payload.Claims)
		}
	})
}

// FuzzListRequest: any parameters are a list or an error, and a list's address gives the same list again.
func FuzzListRequest(f *testing.F) {
	f.Add("team=T1&q=Ada&show=all&kind=bots&tz=Asia/Tokyo&sort=changed")
	f.Add("tz=Europe/London,Asia/Tokyo,Europe/London")
	f.Add("tz=,")
	f.Add("after=WyJhIiwxLCJVMSJd&before=")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		l, err := listRequestOf(r)
		if err != nil {
			return
		}
		again, err := parseListRequest(l.values())
		if err != nil || again.address("/") != l.address("/") {
			t.Errorf("%q becomes %q, error %v", l.address("/"), again.address("/"), err)
		}
	})
}
