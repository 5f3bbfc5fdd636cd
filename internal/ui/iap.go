package ui

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
)

// TokenValidator checks an identity token's signature, audience and expiry, like [idtoken.Validator].
// It fails with [identity.ErrKeys] if it cannot fetch the keys.
type TokenValidator interface {
	Validate(ctx context.Context, token, audience string) (*idtoken.Payload, error)
}

const (
	iapHeader = "X-Goog-IAP-JWT-Assertion"
	iapIssuer = "https://cloud.google.com/iap"
	// maxClockSkew is how far clocks may differ, according to Google's documentation.
	maxClockSkew = 30 * time.Second
)

// RequireIAP lets in only people whom Identity-Aware Proxy has signed in (Google Cloud, "Secure
// your app with signed headers"). Everybody else gets a bare 401.
func RequireIAP(validator TokenValidator, audience string, log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			payload, err := validate(r, validator, audience)
			if errors.Is(err, identity.ErrKeys) {
				log.ErrorContext(r.Context(), "cannot check who is signed in", "error", err)
				http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
				return
			}
			if err != nil {
				log.WarnContext(r.Context(), "request not signed by Identity-Aware Proxy")
				http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
				return
			}
			v := viewer{Until: time.Unix(payload.Expires, 0)}
			v.Email, _ = payload.Claims["email"].(string)
			v.Domain, _ = payload.Claims["hd"].(string)
			next.ServeHTTP(w, r.WithContext(withViewer(r.Context(), v)))
		})
	}
}

var errToken = errors.New("no valid token from Identity-Aware Proxy")

// validate returns the claims of a request's token. Its error is [errToken] or [identity.ErrKeys].
func validate(r *http.Request, validator TokenValidator, audience string) (*idtoken.Payload, error) {
	tokens := r.Header.Values(iapHeader)
	if len(tokens) != 1 {
		return nil, errToken
	}
	// Identity-Aware Proxy signs with ES256 only. For another algorithm the validator would fetch
	// other keys, and a shorter signature makes it panic.
	if name, size := identity.Algorithm(tokens[0]); name != "ES256" || size != 64 {
		return nil, errToken
	}
	payload, err := validator.Validate(r.Context(), tokens[0], audience)
	if errors.Is(err, identity.ErrKeys) {
		return nil, err
	}
	if err != nil || payload.Issuer != iapIssuer || time.Unix(payload.IssuedAt, 0).After(time.Now().Add(maxClockSkew)) {
		return nil, errToken // err may quote the token
	}
	return payload, nil
}

// viewer is who makes a request; zero without authentication.
type viewer struct {
	Email  string
	Domain string    // the Google Workspace that manages the account; not always the domain of Email
	Until  time.Time // when the token expires; zero: never
}

type viewerKey struct{}

func withViewer(ctx context.Context, v viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

func viewerOf(ctx context.Context) viewer {
	v, _ := ctx.Value(viewerKey{}).(viewer)
	return v
}
