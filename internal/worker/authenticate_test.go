package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
	"rollcall/internal/service/identity/identitytest"
)

// TestRequirePush: only Pub/Sub's own pushes get through. Every kind of wrong token is refused.
func TestRequirePush(t *testing.T) {
	const audience, email = "https://worker.example/", "push@p.iam.gserviceaccount.com"
	google := identitytest.New(t)
	claims := func(changes map[string]any) map[string]any {
		c := map[string]any{"aud": audience, "iss": "https://accounts.google.com", "email": email, "email_verified": true, "sub": "1",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(c, changes)
		return c
	}
	token := func(changes map[string]any) string { return google.Token(t, claims(changes)) }
	stripped := func(changes map[string]any) string {
		s := token(changes)
		return s[:strings.LastIndexByte(s, '.')] + "." + removed
	}
	tests := []struct {
		name     string
		header   []string
		required int // the answer if the signature is required
		removed  int // the answer if Cloud Run removes it
	}{
		{"good", []string{"Bearer " + token(nil)}, 204, 204},
		{"good, in lower case", []string{"bearer " + token(nil)}, 204, 204},
		{"the other name of the issuer", []string{"Bearer " + token(map[string]any{"iss": "accounts.google.com"})}, 204, 204},
		{"signature removed", []string{"Bearer " + stripped(nil)}, 401, 204},
		{"signature removed, another identity", []string{"Bearer " + stripped(map[string]any{"email": "other@example.com"})}, 401, 403},
		{"signature removed, another audience", []string{"Bearer " + stripped(map[string]any{"aud": "https://other"})}, 401, 401},
		{"signature removed, expired", []string{"Bearer " + stripped(map[string]any{"exp": 1})}, 401, 401},
		{"signature removed, another issuer", []string{"Bearer " + stripped(map[string]any{"iss": "https://evil.example"})}, 401, 401},
		{"signature removed, nothing left", []string{"Bearer x." + removed}, 401, 401},
		{"none", nil, 401, 401},
		{"empty", []string{""}, 401, 401},
		{"two", []string{"Bearer " + token(nil), "Bearer " + token(nil)}, 401, 401},
		{"another scheme", []string{"Basic " + token(nil)}, 401, 401},
		{"not a token", []string{"Bearer x.y.z"}, 401, 401},
		{"another's key", []string{"Bearer " + identitytest.New(t).Token(t, claims(nil))}, 401, 401},
		{"by a short ES256", []string{"Bearer " + identitytest.Sign(t, map[string]any{"alg": "ES256", "kid": "k1"}, claims(nil), func([]byte) []byte { return []byte{1} })}, 401, 401},
		{"by none", []string{"Bearer " + identitytest.Sign(t, map[string]any{"alg": "none"}, claims(nil), func([]byte) []byte { return nil })}, 401, 401},
		{"another audience", []string{"Bearer " + token(map[string]any{"aud": "https://other"})}, 401, 401},
		{"another issuer", []string{"Bearer " + token(map[string]any{"iss": "https://evil.example"})}, 401, 401},
		{"expired", []string{"Bearer " + token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})}, 401, 401},
		{"another identity", []string{"Bearer " + token(map[string]any{"email": "other@example.com"})}, 403, 403},
		{"an address that nobody has verified", []string{"Bearer " + token(map[string]any{"email_verified": false})}, 403, 403},
		{"verified in words", []string{"Bearer " + token(map[string]any{"email_verified": "true"})}, 403, 403},
		{"no address", []string{"Bearer " + token(map[string]any{"email": nil})}, 403, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for isRemoved, want := range map[bool]int{false: tt.required, true: tt.removed} {
				var log bytes.Buffer
				guard := RequirePush(google.Validator(t), Caller{audience, email, isRemoved}, slog.New(slog.NewJSONHandler(&log, nil)))
				h := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
				r, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
				r.Header["Authorization"] = tt.header
				if h.ServeHTTP(w, r); w.Code != want {
					t.Errorf("signature removed %v: status %d, want %d", isRemoved, w.Code, want)
				}
				if strings.Contains(log.String(), "eyJ") {
					t.Errorf("a token is in the log: %s", &log)
				}
			}
		})
	}
}

// keyless is a validator without keys.
type keyless struct{}

func (keyless) Validate(context.Context, string, string) (*idtoken.Payload, error) {
	return nil, errors.Join(identity.ErrKeys, errors.New("no route"))
}

// TestRequirePushKeysAway: without keys, messages are refused so that they are delivered again.
func TestRequirePushKeysAway(t *testing.T) {
	h := RequirePush(keyless{}, Caller{"a", "b", false}, slog.New(slog.DiscardHandler))(http.NotFoundHandler())
	r, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
	r.Header.Set("Authorization", "Bearer "+identitytest.New(t).Token(t, map[string]any{}))
	if h.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}
