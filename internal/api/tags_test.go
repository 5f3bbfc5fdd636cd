package api

import (
	"io"
	"net/http"
	"testing"

	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// TestTags: a GET of what seldom changes has an ETag, and a client that sends it gets no body
// until something has changed.
func TestTags(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 20})
	w.sync(t)
	token := w.token(t, tokens.Scopes...)
	get := func(httpMethod, name, known string) (status int, tag, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), httpMethod, w.base+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if known != "" {
			r.Header.Set("If-None-Match", known)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("ETag"), string(b)
	}
	for _, name := range []string{"emoji.list", "team.info", "team.profile.get"} {
		status, tag, body := get("GET", name, "")
		if status != 200 || tag == "" || body == "" {
			t.Errorf("%s: status %d, ETag %q", name, status, tag)
		}
		if status, again, body := get("GET", name, tag); status != 304 || again != tag || body != "" {
			t.Errorf("%s again: status %d, ETag %q, body %q", name, status, again, body)
		}
		if status, again, other := get("GET", name, `W/"0"`); status != 200 || again != tag || other != body {
			t.Errorf("%s with another tag: status %d, ETag %q", name, status, again)
		}
		if status, again, other := get("POST", name, tag); status != 200 || again != "" || other != body {
			t.Errorf("%s by POST: status %d, ETag %q", name, status, again)
		}
	}
	_, before, _ := get("GET", "emoji.list", "")
	if err := w.store.PutEmoji(t.Context(), team, map[string]string{"new": "https://emoji.example/new.png"}); err != nil {
		t.Fatal(err)
	}
	if status, after, _ := get("GET", "emoji.list", before); status != 200 || after == before {
		t.Errorf("after a change: status %d, ETag %q as before", status, after)
	}
	for _, name := range []string{"users.list", "team.info?team=T404"} {
		if status, tag, _ := get("GET", name, ""); status != 200 || tag != "" {
			t.Errorf("%s: status %d, ETag %q", name, status, tag)
		}
	}
}
