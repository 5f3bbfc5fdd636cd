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

// maxFirstBuffer caps the first buffer: a client's Content-Length alone cannot make us allocate more.
const maxFirstBuffer = 8 << 10

// ReadBody reads a body of at most limit bytes that comes within that time.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) ([]byte, error) {
	c := http.NewResponseController(w)
	// Recorders of tests have no deadlines; the server's own for reading a request still holds.
	c.SetReadDeadline(time.Now().Add(within)) //nolint:errcheck // see above
	body, err := readAll(w, r, limit, maxFirstBuffer)
	if err == nil {
		clearDeadline(c)
	}
	return body, err
}

// clearDeadline takes back the deadline of a body that has come. The server goes on reading, to learn
// whether the client hangs up; the deadline would look like that, and cancel the request.
func clearDeadline(c *http.ResponseController) {
	c.SetReadDeadline(time.Time{}) //nolint:errcheck // recorders of tests have none
}

// readAll reads a body within the deadline that the connection has, into a buffer of the size that
// the client announces, or of that much at first.
func readAll(w http.ResponseWriter, r *http.Request, limit, first int64) ([]byte, error) {
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), first)+bytes.MinRead))
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
