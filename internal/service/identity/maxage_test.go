package identity

import (
	"net/http"
	"testing"
	"time"
)

func TestMaxAge(t *testing.T) {
	for said, want := range map[string]time.Duration{
		"max-age=300": 300 * time.Second, "public, Max-Age=300": 300 * time.Second, "": 0, "no-cache": 0, "max-age=x": 0, "max-age": 0, "s-maxage=7": 0,
	} {
		if got := maxAge(http.Header{"Cache-Control": {said}}); got != want {
			t.Errorf("%q: %v", said, got)
		}
	}
	if got := maxAge(http.Header{"Cache-Control": {"max-age=300"}, "Age": {"100"}}); got != 200*time.Second {
		t.Errorf("an old answer: %v", got)
	}
}
