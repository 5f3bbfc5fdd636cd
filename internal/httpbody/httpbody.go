// Package httpbody reads request bodies within bounds: no larger than a limit, and no
// longer than a deadline.
package httpbody

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"time"
)

// Error says why a body was not read. It quotes nothing of the body.
type Error struct {
	Status int    // the HTTP status to answer
	Reason string // what metrics call it
	text   string
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// All errors of this package.
var (
	ErrTooLarge = &Error{http.StatusRequestEntityTooLarge, "too_large", "body is too large"}
	ErrSlow     = &Error{http.StatusRequestTimeout, "slow", "body did not arrive in time"}
	ErrBusy     = &Error{http.StatusServiceUnavailable, "busy", "too many bodies at once"}
	ErrBroken   = &Error{http.StatusBadRequest, "body", "body could not be read"}
)

// maxFirstBuffer caps the first buffer: a client's Content-Length alone cannot make us allocate more.
const maxFirstBuffer = 8 << 10

// Read reads a body of at most maxBytes that arrives within timeout. Its error is an [*Error].
func Read(w http.ResponseWriter, r *http.Request, maxBytes int64, timeout time.Duration) ([]byte, error) {
	c := http.NewResponseController(w)
	// Test recorders have no deadlines; the server's own read timeout still holds.
	c.SetReadDeadline(time.Now().Add(timeout)) //nolint:errcheck // see above
	body, err := readAll(w, r, maxBytes, maxFirstBuffer)
	if err == nil {
		clearDeadline(c)
	}
	return body, err
}

// clearDeadline removes the deadline once the body has arrived. The server keeps reading to notice when
// the client hangs up. An expired deadline would look the same and cancel the request.
func clearDeadline(c *http.ResponseController) {
	c.SetReadDeadline(time.Time{}) //nolint:errcheck // test recorders have none
}

// readAll reads a body into a buffer that starts at the announced size, but at most at firstBuffer.
func readAll(w http.ResponseWriter, r *http.Request, maxBytes, firstBuffer int64) ([]byte, error) {
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), firstBuffer)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBytes))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrSlow
	}
	return nil, ErrBroken
}
