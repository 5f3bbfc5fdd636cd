package service

import (
	"bytes"
	"errors"
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

// mostBodies is what few bodies exceed. No client's word is taken for more.
const mostBodies = 8 << 10

// ReadBody reads a body of at most limit bytes that comes within that time.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) ([]byte, error) {
	// Recorders of tests have no deadlines; the server's own for reading a request still holds.
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(within)) //nolint:errcheck // see above
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), mostBodies)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrSlow
	}
	return nil, ErrBody
}
