// Package slack understands what Slack sends to Rollcall: the signature of a
// request and the Events API's envelopes. The clients that call Slack are in
// its subpackages.
package slack

import (
	"errors"
	"net/http"

	slackgo "github.com/slack-go/slack"
)

// ErrSignature says that a request was not shown to come from Slack. Why is in
// the error's text, which holds nothing of the request and no secret.
var ErrSignature = errors.New("request is not signed by Slack")

type signatureError struct{ reason string }

func (e *signatureError) Error() string        { return ErrSignature.Error() + ": " + e.reason }
func (e *signatureError) Is(target error) bool { return target == ErrSignature }

// Verifier checks signatures as Slack's page "Verifying requests from Slack" says.
type Verifier struct{ secret string }

// NewVerifier takes the app's signing secret.
func NewVerifier(signingSecret string) Verifier { return Verifier{secret: signingSecret} }

// Signature is what a request's header claims. It remains to be checked on the body.
type Signature struct{ verifier slackgo.SecretsVerifier }

// Header refuses, before the body is read, a request that no body could make
// good: a header missing or malformed, or a timestamp more than five minutes off.
// The error wraps [ErrSignature].
func (v Verifier) Header(header http.Header) (Signature, error) {
	for _, name := range []string{"X-Slack-Signature", "X-Slack-Request-Timestamp"} {
		if len(header.Values(name)) > 1 { // what stands before us may have looked at another one
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
	// The library's other texts may quote the headers.
	return Signature{}, &signatureError{"headers malformed"}
}

// Check compares the signature with that of body, which must be the request's
// raw bytes, and which it does once. The error wraps [ErrSignature].
func (s Signature) Check(body []byte) error {
	if _, err := s.verifier.Write(body); err != nil {
		return &signatureError{"cannot be computed"}
	}
	if err := s.verifier.Ensure(); err != nil {
		return &signatureError{"wrong signature"}
	}
	return nil
}
