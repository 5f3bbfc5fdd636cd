package ui

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

const audience = "/projects/1/locations/europe-west1/services/ui"

// roundTrip answers for the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func base64JSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// token signs claims as Identity-Aware Proxy does.
func token(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	content := base64JSON(t, map[string]string{"alg": "ES256", "kid": "k1", "typ": "JWT"}) + "." + base64JSON(t, claims)
	sum := sha256.Sum256([]byte(content))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// validator is Google's own, given our key for Identity-Aware Proxy's.
func validator(t *testing.T, key *ecdsa.PrivateKey) *idtoken.Validator {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"alg": "ES256", "crv": "P-256", "kid": "k1", "kty": "EC", "use": "sig",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(keys)), Request: r}, nil
	})}
	v, err := idtoken.NewValidator(t.Context(), option.WithHTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestIAP(t *testing.T) {
	key := newKey(t)
	claims := func(changes map[string]any) map[string]any {
		c := map[string]any{"aud": audience, "iss": iapIssuer, "email": "grace@example.com", "sub": "1",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		maps.Copy(c, changes)
		return c
	}
	good := token(t, key, claims(nil))
	none := base64JSON(t, map[string]string{"alg": "none"}) + "." + base64JSON(t, claims(nil)) + "."
	tests := []struct {
		name, token string
		status      int
	}{
		{"signed in", good, 200},
		{"missing", "", 401},
		{"not a token", "x.y.z", 401},
		{"unsigned", none, 401},
		{"changed", strings.Replace(good, ".", ".e", 1), 401},
		{"another key", token(t, newKey(t), claims(nil)), 401},
		{"another audience", token(t, key, claims(map[string]any{"aud": "/projects/2"})), 401},
		{"another issuer", token(t, key, claims(map[string]any{"iss": "https://accounts.google.com"})), 401},
		{"expired", token(t, key, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			o := testOptions(t, people(t))
			o.Authenticate = RequireIAP(validator(t, key), audience, slog.New(slog.NewJSONHandler(&log, nil)))
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
				if tt.status == http.StatusOK && path == "/" && !strings.Contains(w.Body.String(), "Signed in as <bdi>grace@example.com") {
					t.Error("the page does not say who is signed in")
				}
			}
			if tt.token != "" && strings.Contains(log.String(), tt.token) {
				t.Error("the token is in the log")
			}
		})
	}
}
