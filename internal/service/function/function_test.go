package function

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHandler: the function gets every request at once, as the framework serves it: a panic ends one request.
func TestHandler(t *testing.T) {
	h, err := Handler(t.Context(), "greet", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("greeted too hard")
		}
		fmt.Fprint(w, "hello ", r.Header.Get("X-Name"))
	}))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/": http.StatusOK, "/projects/p/topics/t": http.StatusOK, "/panic": http.StatusInternalServerError} {
		r, w := httptest.NewRequest(http.MethodPost, path, nil), httptest.NewRecorder()
		r.Header.Set("X-Name", "Ada")
		func() {
			defer func() { recover() }() //nolint:errcheck // as net/http does with what the framework passes on
			h.ServeHTTP(w, r)
		}()
		if w.Code != want || want == http.StatusOK && w.Body.String() != "hello Ada" || strings.Contains(w.Body.String(), "too hard") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
