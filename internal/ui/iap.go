package ui

import (
	"context"
	"log/slog"
	"net/http"

	"google.golang.org/api/idtoken"
)

// TokenValidator checks an identity token's signature, audience and expiry, as [idtoken.Validator] does.
type TokenValidator interface {
	Validate(ctx context.Context, token, audience string) (*idtoken.Payload, error)
}

const (
	iapHeader = "X-Goog-IAP-JWT-Assertion"
	iapIssuer = "https://cloud.google.com/iap"
)

// RequireIAP lets in only whom Identity-Aware Proxy has signed in (Google's page
// "Secure your app with signed headers"). All others are told nothing but that.
func RequireIAP(validator TokenValidator, audience string, log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			payload, err := validator.Validate(r.Context(), r.Header.Get(iapHeader), audience)
			if err != nil || payload.Issuer != iapIssuer {
				// The validator's text may quote the token.
				log.WarnContext(r.Context(), "request not signed by Identity-Aware Proxy")
				http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
				return
			}
			email, _ := payload.Claims["email"].(string)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), signedInKey{}, email)))
		})
	}
}

type signedInKey struct{}

// signedIn returns the address of who looks, empty without authentication.
func signedIn(ctx context.Context) string {
	email, _ := ctx.Value(signedInKey{}).(string)
	return email
}
