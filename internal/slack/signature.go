// Package slack reads what Slack sends to Rollcall: the signature of a
// request and the Events API's envelopes. Its subpackages call Slack.
package slack

import (
	"errors"
	"net/http"

	slackgo "github.com/slack-go/slack"
)

// ErrSignature means that a request is not proven to come from Slack. The text of an error
// that wraps it gives the reason, and quotes neither the request nor a secret.
var ErrSignature = errors.New("request is not signed by Slack")

type signatureError struct{ reason string }

func (e *signatureError) Error() string        { return ErrSignature.Error() + ": " + e.reason }
func (e *signatureError) Is(target error) bool { return target == ErrSignature }

// Verifier checks signatures as Slack's page "Verifying requests from Slack" says.
type Verifier struct{ secret string }

// NewVerifier takes the app's signing secret.
func NewVerifier(signingSecret string) Verifier { return Verifier{secret: signingSecret} }

// Signature is the signature in a request's header. Check it with the body.
type Signature struct{ verifier slackgo.SecretsVerifier }

// Header refuses a request before its body is read if a header is missing or malformed, or
// its timestamp is more than five minutes off. The error wraps [ErrSignature].
func (v Verifier) Header(header http.Header) (Signature, error) {
	for _, name := range []string{"X-Slack-Signature", "X-Slack-Request-Timestamp"} {
		if len(header.Values(name)) > 1 { // a proxy in front may have checked the other one
			return Signature{}, &signatureError{"headers come twice"}
		}
	}
	sv, err := slackgo.NewSecretsVerifier(header, v.secret)
	switch {
	case err == nil:
		return Signature{sv}, nil
	case errors.Is(err, slackgo.ErrMissingHeaders):
		return Signature{}, &signatureError{"headers missing"}
	case errors.Is(err, slackgo.ErrExpiredTimestamp):
		return Signature{}, &signatureError{"timestamp more than five minutes off"}
	}
	// The library's other errors may quote the headers.
	return Signature{}, &signatureError{"headers malformed"}
}

// Check compares the signature with the one of body, the request's raw bytes. Call it
// once. The error wraps [ErrSignature].
func (s Signature) Check(body []byte) error {
	if _, err := s.verifier.Write(body); err != nil {
		return &signatureError{"cannot be computed"}
	}
	if err := s.verifier.Ensure(); err != nil {
		return &signatureError{"wrong signature"}
	}
	return nil
}
