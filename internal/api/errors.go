package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/httpbody"
	"rollcall/internal/tokens"
)

// refusal is an error, named by Slack's code for it.
type refusal struct{ code string }

func (r refusal) Error() string { return r.code }

// Slack's errors, as its page for each method lists them.
var (
	errUnknownMethod   = refusal{"unknown_method"}
	errNotAuthed       = refusal{"not_authed"}
	errInvalidAuth     = refusal{"invalid_auth"}
	errTokenRevoked    = refusal{"token_revoked"}
	errTokenExpired    = refusal{"token_expired"}
	errAccountInactive = refusal{"account_inactive"} // the workspace was purged
	errTeamAccess      = refusal{"team_access_not_granted"}
	errTeamNotFound    = refusal{"team_not_found"}
	errMissingArgument = refusal{"missing_argument"}
	errArguments       = refusal{"invalid_arguments"}
	errPostType        = refusal{"invalid_post_type"}
	errFormData        = refusal{"invalid_form_data"}
	errJSON            = refusal{"invalid_json"}
	errJSONNotObject   = refusal{"json_not_object"}
	errRequestTimeout  = refusal{"request_timeout"} // the body did not arrive
	errCursor          = refusal{"invalid_cursor"}
	errLimit           = refusal{"invalid_limit"}
	errLimitRequired   = refusal{"limit_required"}
	errUserNotFound    = refusal{"user_not_found"}
	errUsersNotFound   = refusal{"users_not_found"}
	errInternal        = refusal{"internal_error"}
	errRateLimited     = refusal{"ratelimited"}
	errMissingScope    = refusal{"missing_scope"}
)

// missingScope is the scope that a token lacks.
type missingScope struct {
	needed string
	token  tokens.Token
}

func (missingScope) Error() string { return errMissingScope.code }

// rateLimited refuses a request beyond the rate.
type rateLimited struct{ after time.Duration }

func (rateLimited) Error() string { return errRateLimited.code }

// codeOf returns Slack's code for an error. Any other error is an internal one.
func codeOf(err error) string {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.code
	}
	if _, ok := errors.AsType[missingScope](err); ok {
		return errMissingScope.code
	}
	if _, ok := errors.AsType[rateLimited](err); ok {
		return errRateLimited.code
	}
	return errInternal.code
}

// refuse returns the answer to an error.
func refuse(header http.Header, err error) answer {
	a := answer{failed: true, members: []member{{"error", codeOf(err)}}}
	if e, ok := errors.AsType[missingScope](err); ok {
		a.members = append(a.members, member{"needed", e.needed}, member{"provided", strings.Join(e.token.Scopes, ",")})
	}
	if e, ok := errors.AsType[rateLimited](err); ok {
		a.status = http.StatusTooManyRequests
		header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(e.after.Seconds())))))
	}
	return a
}

// refusedBody is the refusal for a body that was not read.
func refusedBody(err error) error {
	switch {
	case errors.Is(err, httpbody.ErrBusy):
		return rateLimited{time.Second}
	case errors.Is(err, httpbody.ErrTooLarge):
		return errArguments
	}
	return errRequestTimeout
}
