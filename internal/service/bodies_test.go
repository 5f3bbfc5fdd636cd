package service

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestBodyLeavesNoDeadline: what is done with a body may take longer than its coming.
func TestBodyLeavesNoDeadline(t *testing.T) {
	bodies := NewBodies(1 << 20)
	bodies.waiting = 1 // so that the deadline is the short one
	for name, read := range map[string]func(http.ResponseWriter, *http.Request) error{
		"ReadBody": func(w http.ResponseWriter, r *http.Request) error {
			_, err := ReadBody(w, r, 100, crowdedTimeout)
			return err
		},
		"Bodies": func(w http.ResponseWriter, r *http.Request) error {
			_, room, err := bodies.Read(w, r)
			room.Leave()
			return err
		},
	} {
		ended := make(chan error, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := read(w, r)
			select {
			case <-r.Context().Done():
				err = errors.Join(err, r.Context().Err())
			case <-time.After(4 * crowdedTimeout):
			}
			ended <- err
		}))
		resp, err := http.Post(server.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

// TestBodyMemory: a body takes the memory that it has announced, not what doubling buffers take.
func TestBodyMemory(t *testing.T) {
	const size = 1 << 20
	bodies := NewBodies(size)
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))
		body, room, err := bodies.Read(httptest.NewRecorder(), r)
		if err != nil || len(body) != size || cap(body) > size+8<<10 {
			t.Errorf("%d bytes in %d, error %v", len(body), cap(body), err)
		}
		room.Leave()
	}
	if err := bodies.room.Acquire(t.Context(), maxUnsigned); err != nil {
		t.Errorf("room is not given back: %v", err)
	}
}
