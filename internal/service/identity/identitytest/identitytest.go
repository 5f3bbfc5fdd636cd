// Package identitytest signs identity tokens as Google does, and opens the production validator with
// its own key. The formats are those of Google's page "Authentication for
// push subscriptions" and of https://www.googleapis.com/oauth2/v3/certs.
package identitytest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
)

// Google signs with a key of its own.
type Google struct{ key *rsa.PrivateKey }

// New makes a key.
func New(t testing.TB) *Google {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &Google{key}
}

// Token signs claims with RS256.
func (g *Google) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}, claims, func(content []byte) []byte {
		sum := sha256.Sum256(content)
		signature, err := rsa.SignPKCS1v15(nil, g.key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	})
}

// Sign makes a token with any header and signature.
func Sign(t testing.TB, header, claims any, signature func(content []byte) []byte) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	content := part(header) + "." + part(claims)
	return content + "." + base64.RawURLEncoding.EncodeToString(signature([]byte(content)))
}

// Keys returns the key set that Google would publish.
func (g *Google) Keys(t testing.TB) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig",
		"n": encode(g.key.N.Bytes()), "e": encode(big.NewInt(int64(g.key.E)).Bytes())}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(keys)
}

// RoundTrip stands in for the network.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Answer returns a response with keys.
func Answer(r *http.Request, keys string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Cache-Control": {"public, max-age=1000, must-revalidate"}},
		Body: io.NopCloser(strings.NewReader(keys)), Request: r}
}

// Validator returns the production validator with g's key in place of Google's.
func (g *Google) Validator(t testing.TB) *idtoken.Validator {
	t.Helper()
	keys := g.Keys(t)
	v, err := identity.NewValidator(t.Context(), RoundTrip(func(r *http.Request) (*http.Response, error) { return Answer(r, keys), nil }))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
