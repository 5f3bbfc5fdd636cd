package worker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
)

// TokenValidator checks an identity token's signature, audience and expiry, as [idtoken.Validator]
// does. Its error is [identity.ErrKeys] if it could not check.
type TokenValidator interface {
	Validate(ctx context.Context, token, audience string) (*idtoken.Payload, error)
}

// Caller is the identity that may push. Pub/Sub sends its token with each push (Google's page
// "Authentication for push subscriptions").
type Caller struct {
	Audience string // of the subscription's oidc_token
	Email    string // of its service account
	// SignatureRemoved says that Cloud Run requires an invoker. Then it checks the signature
	// itself and puts [removed] in its place. Set it only there: anybody can send such a token.
	SignatureRemoved bool
}

// removed replaces a signature that Cloud Run has checked (Google's page "Troubleshoot Cloud Run").
const removed = "SIGNATURE_REMOVED_BY_GOOGLE"

var pushIssuers = []string{"https://accounts.google.com", "accounts.google.com"}

var (
	errToken  = errors.New("no valid token from Google for this audience")
	errCaller = errors.New("this identity may not push")
)

// RequirePush admits only the caller's pushes. IAM admits everybody who has the invoker role,
// perhaps on the whole project; this checks who it is.
func RequirePush(validator TokenValidator, caller Caller, log *slog.Logger) func(http.Handler) http.Handler {
	answers := map[error]int{errToken: http.StatusUnauthorized, errCaller: http.StatusForbidden, identity.ErrKeys: http.StatusServiceUnavailable}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := caller.check(r, validator)
			for reason, status := range answers {
				if errors.Is(err, reason) {
					log.ErrorContext(r.Context(), "push refused", "status", status, "error", err)
					http.Error(w, http.StatusText(status), status)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// check returns nil, errToken, errCaller or an error that wraps [identity.ErrKeys].
func (c Caller) check(r *http.Request, validator TokenValidator) error {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return errToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return errToken
	}
	payload, err := c.payload(r.Context(), token, validator)
	switch {
	case errors.Is(err, identity.ErrKeys):
		return err
	case err != nil, !slices.Contains(pushIssuers, payload.Issuer):
		return errToken // not err, which may quote the token
	case payload.Claims["email_verified"] != true, payload.Claims["email"] != c.Email:
		return errCaller
	}
	return nil
}

func (c Caller) payload(ctx context.Context, token string, validator TokenValidator) (*idtoken.Payload, error) {
	if unsigned, ok := strings.CutSuffix(token, "."+removed); ok && c.SignatureRemoved {
		return c.unsigned(unsigned)
	}
	if name, _ := identity.Algorithm(token); name != "RS256" { // Google signs these tokens with no other
		return nil, errToken
	}
	return validator.Validate(ctx, token, c.Audience)
}

// unsigned reads a token without its signature, and checks what the validator would.
func (c Caller) unsigned(token string) (*idtoken.Payload, error) {
	_, claims, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(claims)
	var p idtoken.Payload
	if err == nil {
		err = errors.Join(json.Unmarshal(data, &p), json.Unmarshal(data, &p.Claims))
	}
	if err != nil || p.Audience != c.Audience || time.Now().Unix() > p.Expires {
		return nil, errToken
	}
	return &p, nil
}
