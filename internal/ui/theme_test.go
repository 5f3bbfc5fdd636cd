package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheme(t *testing.T) {
	for _, tt := range []struct {
		name, theme, back string
		cookie, location  string
	}{
		{"dark", "dark", "/?q=ada&sort=changed", "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/?q=ada&sort=changed"},
		{"as the system", "", "/status", "theme=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", "/status"},
		{"unknown", "pink", "/changes", "theme=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", "/changes"},
		{"another site", "dark", "https://evil.example/", "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/"},
		{"another site without a scheme", "dark", "//evil.example/", "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/"},
		{"another site by a backslash", "dark", `/\evil.example/`, "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/"},
		{"a script", "dark", "javascript:alert(1)", "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/"},
		{"nowhere", "dark", "", "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/theme", strings.NewReader(url.Values{"theme": {tt.theme}, "back": {tt.back}}.Encode()))
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			serving(t, people(t)).ServeHTTP(w, r)
			got := []string{w.Header().Get("Set-Cookie"), w.Header().Get("Location")}
			if diff := cmp.Diff([]string{tt.cookie, tt.location}, got); w.Code != http.StatusSeeOther || diff != "" {
				t.Errorf("status %d\n%s", w.Code, diff)
			}
		})
	}
}

func TestThemeOfPages(t *testing.T) {
	h := serving(t, people(t))
	for cookie, want := range map[string]string{"dark": `data-theme="dark"`, "light": `data-theme="light"`, "": "", `"><script>`: ""} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", "theme="+cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		page := w.Body.String()
		if !strings.Contains(page, want) || want == "" && strings.Contains(page, "data-theme") {
			t.Errorf("theme %q: %.200s", cookie, page)
		}
	}
}
