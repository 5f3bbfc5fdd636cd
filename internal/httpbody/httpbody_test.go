package httpbody

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestReadLeavesNoDeadline: handling a body may take longer than reading it.
func TestReadLeavesNoDeadline(t *testing.T) {
	pool := NewPool(1 << 20)
	pool.waiting = 1 // so that the short deadline applies
	for name, read := range map[string]func(http.ResponseWriter, *http.Request) error{
		"Read": func(w http.ResponseWriter, r *http.Request) error {
			_, err := Read(w, r, 100, crowdedTimeout)
			return err
		},
		"Pool": func(w http.ResponseWriter, r *http.Request) error {
			_, room, err := pool.Read(w, r)
			room.Release()
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

// TestPoolMemory: a body takes the memory that it announces. Doubling buffers would take more.
func TestPoolMemory(t *testing.T) {
	const size = 1 << 20
	pool := NewPool(size)
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))
		body, room, err := pool.Read(httptest.NewRecorder(), r)
		if err != nil || len(body) != size || cap(body) > size+8<<10 {
			t.Errorf("%d bytes in %d, error %v", len(body), cap(body), err)
		}
		room.Release()
	}
	if err := pool.room.Acquire(t.Context(), maxPool); err != nil {
		t.Errorf("room is not released: %v", err)
	}
}
