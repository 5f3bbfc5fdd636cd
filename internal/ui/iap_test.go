package ui

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ui/iaptest"
)

const audience = "/projects/1/locations/europe-west1/services/ui"

func TestIAP(t *testing.T) {
	proxy := iaptest.New(t)
	claims := func(changes map[string]any) map[string]any {
		c := iaptest.Claims(audience, "grace@example.com")
		maps.Copy(c, changes)
		return c
	}
	good := proxy.Token(t, claims(nil))
	signed := func(header map[string]any, signature []byte) string {
		return iaptest.Sign(t, header, claims(nil), func([]byte) []byte { return signature })
	}
	tests := []struct {
		name, token string
		status      int
	}{
		{"signed in", good, 200},
		{"missing", "", 401},
		{"not a token", "x.y.z", 401},
		{"unsigned", signed(map[string]any{"alg": "none"}, nil), 401},
		{"no signature", signed(iaptest.Header(), nil), 401},
		{"short signature", signed(iaptest.Header(), make([]byte, 31)), 401},
		{"empty signature", signed(iaptest.Header(), make([]byte, 64)), 401},
		{"tampered with", strings.Replace(good, ".", ".e", 1), 401},
		{"another key", iaptest.New(t).Token(t, claims(nil)), 401},
		{"another audience", proxy.Token(t, claims(map[string]any{"aud": "/projects/2"})), 401},
		{"another issuer", proxy.Token(t, claims(map[string]any{"iss": "https://accounts.google.com"})), 401},
		{"expired", proxy.Token(t, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})), 401},
		{"issued in the future", proxy.Token(t, claims(map[string]any{"iat": time.Now().Add(time.Minute).Unix()})), 401},
		{"issued by a clock slightly ahead", proxy.Token(t, claims(map[string]any{"iat": time.Now().Add(20 * time.Second).Unix()})), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			o := testOptions(t, people(t))
			o.Authenticate = RequireIAP(proxy.Validator(t), audience, slog.New(slog.NewJSONHandler(&log, nil)))
			for _, path := range []string{"/", "/users/" + team + "/U1", "/nowhere"} {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				if tt.token != "" {
					r.Header.Set(iapHeader, tt.token)
				}
				w := httptest.NewRecorder()
				New(t.Context(), o).ServeHTTP(w, r)
				want := tt.status
				if want == http.StatusOK && path == "/nowhere" {
					want = http.StatusNotFound
				}
				if w.Code != want {
					t.Errorf("%s: status %d, want %d", path, w.Code, want)
				}
				if tt.status == http.StatusUnauthorized && w.Body.String() != "Unauthorized\n" {
					t.Errorf("%s: body %q", path, w.Body)
				}
				if tt.status == http.StatusOK && path == "/" && !strings.Contains(w.Body.String(), "Signed in as </span><bdi>grace@example.com") {
					t.Error("the page does not say who is signed in")
				}
			}
			if tt.token != "" && strings.Contains(log.String(), tt.token) {
				t.Error("the token is in the log")
			}
		})
	}
}

// TestIAPKeysAway: while the proxy's keys cannot be fetched, nobody is told that they are not signed
// in. Tokens that cannot be the proxy's do not cause a fetch.
func TestIAPKeysAway(t *testing.T) {
	proxy := iaptest.New(t)
	claims := iaptest.Claims(audience, "grace@example.com")
	var asked []string
	validator := iaptest.ValidatorBy(t, func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Path)
		return nil, errors.New("no route to host")
	})
	var log bytes.Buffer
	h := RequireIAP(validator, audience, slog.New(slog.NewJSONHandler(&log, nil)))(http.NotFoundHandler())
	header := iaptest.Header()
	header["alg"] = "RS256"
	for _, tt := range []struct {
		name, token string
		status      int
	}{
		{"not a token", "x.y.z", 401},
		{"by another algorithm", iaptest.Sign(t, header, claims, proxy.ES256), 401},
		{"good", proxy.Token(t, claims), 503},
		{"good, again", proxy.Token(t, claims), 503},
		{"perhaps forged", iaptest.New(t).Token(t, claims), 503},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set(iapHeader, tt.token)
		if h.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.status)
		}
	}
	if len(asked) != 1 || !strings.Contains(asked[0], "iap") {
		t.Errorf("fetched: %q", asked)
	}
	if strings.Contains(log.String(), "eyJ") {
		t.Errorf("a token is in the log: %s", &log)
	}
}
