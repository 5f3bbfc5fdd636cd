package ui

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/api/idtoken"
)

// TokenValidator checks an identity token's signature, audience and expiry, as [idtoken.Validator] does.
type TokenValidator interface {
	Validate(ctx context.Context, token, audience string) (*idtoken.Payload, error)
}

const (
	iapHeader = "X-Goog-IAP-JWT-Assertion"
	iapIssuer = "https://cloud.google.com/iap"
	// iapSkew is how far clocks may differ, by Google's page.
	iapSkew = 30 * time.Second
)

// RequireIAP lets in only whom Identity-Aware Proxy has signed in (Google's page
// "Secure your app with signed headers"). All others are told nothing but that.
func RequireIAP(validator TokenValidator, audience string, log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			payload := validate(r, validator, audience)
			if payload == nil {
				log.WarnContext(r.Context(), "request not signed by Identity-Aware Proxy")
				http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
				return
			}
			email, _ := payload.Claims["email"].(string)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), signedInKey{}, email)))
		})
	}
}

// validate returns what a request's one token says, nil if it does not prove it.
func validate(r *http.Request, validator TokenValidator, audience string) *idtoken.Payload {
	tokens := r.Header.Values(iapHeader)
	if len(tokens) != 1 || !es256(tokens[0]) {
		return nil
	}
	payload, err := validator.Validate(r.Context(), tokens[0], audience) // the error may quote the token
	if err != nil || payload.Issuer != iapIssuer || time.Unix(payload.IssuedAt, 0).After(time.Now().Add(iapSkew)) {
		return nil
	}
	return payload
}

// es256 says whether a token's signature is as long as one by ES256, with which
// alone Identity-Aware Proxy signs. At a shorter one idtoken's validator panics.
func es256(token string) bool {
	signature, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
	return err == nil && len(signature) == 64
}

type signedInKey struct{}

// signedIn returns the address of who looks, empty without authentication.
func signedIn(ctx context.Context) string {
	email, _ := ctx.Value(signedInKey{}).(string)
	return email
}
