package service

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Errors of [ReadBody]. Their texts hold nothing of the body.
var (
	ErrTooLarge = errors.New("body is too large")
	ErrSlow     = errors.New("body did not come in time")
	ErrBody     = errors.New("body could not be read")
)

// ReadBody reads a body of at most limit bytes that comes within that time.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) ([]byte, error) {
	// Recorders of tests have no deadlines; the server's own for reading a request still holds.
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(within)) //nolint:errcheck // see above
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrSlow
	}
	return nil, ErrBody
}
