// Package iaptest replaces Identity-Aware Proxy in tests: it signs tokens, and gives Google's own
// validator its key.
package iaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
	"rollcall/internal/service/identity/identitytest"
)

// Proxy signs with its own key.
type Proxy struct{ key *ecdsa.PrivateKey }

// New generates a key.
func New(t testing.TB) *Proxy {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Proxy{key}
}

// Claims are those of somebody who has just signed in.
func Claims(audience, email string) map[string]any {
	return map[string]any{"aud": audience, "iss": "https://cloud.google.com/iap", "email": email, "sub": "1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
}

// Header is the header of the proxy's tokens.
func Header() map[string]any { return map[string]any{"alg": "ES256", "kid": "k1", "typ": "JWT"} }

// Token signs claims as the proxy does.
func (p *Proxy) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, Header(), claims, p.ES256)
}

// Sign makes a token with any header and signature.
func Sign(t testing.TB, header, claims any, signature func(content []byte) []byte) string {
	t.Helper()
	return identitytest.Sign(t, header, claims, signature)
}

// ES256 signs with the proxy's key, as RFC 7518 defines it.
func (p *Proxy) ES256(content []byte) []byte {
	sum := sha256.Sum256(content)
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		panic(err) // cannot happen with a valid key
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// PublicKey returns the proxy's public key as an uncompressed point.
func (p *Proxy) PublicKey(t testing.TB) []byte {
	t.Helper()
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return point
}

// Validator returns Google's own, with the proxy's key in place of Google's.
func (p *Proxy) Validator(t testing.TB) *idtoken.Validator {
	t.Helper()
	point := p.PublicKey(t)
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"alg": "ES256", "crv": "P-256", "kid": "k1", "kty": "EC", "use": "sig",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return ValidatorBy(t, func(r *http.Request) (*http.Response, error) {
		return identitytest.Answer(r, string(keys)), nil
	})
}

// ValidatorBy returns production's validator on a fake network.
func ValidatorBy(t testing.TB, network func(*http.Request) (*http.Response, error)) *idtoken.Validator {
	t.Helper()
	v, err := identity.NewValidator(t.Context(), identitytest.RoundTrip(network))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
