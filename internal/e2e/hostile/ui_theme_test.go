package hostile

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// uiTheme is about the form that chooses a theme, and goes back to where it was sent from.
func uiTheme(t *testing.T, w *world) (all []hostile) {
	const same = "Sec-Fetch-Site: same-origin"
	theme := func(body string, lines ...string) *message {
		return newMessage(http.MethodPost, "/theme", body, append(lines, w.token(t), "Content-Type: application/x-www-form-urlencoded")...)
	}
	chosen := "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"
	forgotten := "theme=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
	for name, back := range map[string]string{
		"another site":                  "https://evil.example/",
		"another host":                  "//evil.example/",
		"another host by three slashes": "///evil.example/",
		"another host by a backslash":   "/\\evil.example/",
		"another host by backslashes":   "\\\\evil.example/",
		"another host after a tab":      "/\t/evil.example/",
		"another host after a space":    " //evil.example/",
		"a script":                      "javascript:alert(1)",
		"a script after a line break":   "java\nscript:alert(1)",
		"data":                          "data:text/html,<script>alert(1)</script>",
		"a user and a host":             "//user@evil.example",
		"a path from here":              "users",
		"only a query":                  "?q=x",
		"invalid percent escapes":       "/%zz",
		"a header":                      "/\r\nX-Injected: 1",
		"nothing":                       "",
	} {
		all = append(all, hostile{name: "theme, back to " + name, send: theme("theme=dark&back="+url.QueryEscape(back), same), status: 303,
			header: map[string]string{"Location": "/", "Set-Cookie": chosen, "X-Injected": ""}})
	}
	for name, value := range map[string]string{"of an unknown name": "neon", "in upper case": "DARK", "with an attribute": "dark; Domain=evil.example", "of markup": `"><script>`, "of two lines": "dark\r\nSet-Cookie: x=1", "of 4,000 letters": strings.Repeat("d", 4000)} {
		all = append(all, hostile{name: "a theme " + name, send: theme("back=/status&theme="+url.QueryEscape(value), same), status: 303,
			header: map[string]string{"Location": "/status", "Set-Cookie": forgotten}})
	}
	for name, cookie := range map[string]string{"unknown": "neon", "markup": `"><script>alert(1)</script>`, "of 50 KB": strings.Repeat("d", 50_000), "in upper case": "Dark"} {
		all = append(all, hostile{name: "a cookie with a theme: " + name, send: w.get(t, "/status", with("Cookie: theme="+cookie)), status: 200, holds: `<html lang="en">`})
	}
	return append(all,
		hostile{name: "theme from another site", send: theme("theme=dark", "Sec-Fetch-Site: cross-site"), status: 403, header: map[string]string{"Set-Cookie": ""}},
		hostile{name: "theme from another origin", send: theme("theme=dark", "Origin: https://evil.example"), status: 403, header: map[string]string{"Set-Cookie": ""}},
		hostile{name: "theme without an origin", send: theme("theme=dark"), status: 403, header: map[string]string{"Set-Cookie": ""}},
		hostile{name: "theme by GET", send: w.get(t, "/theme?theme=dark"), status: 404, header: map[string]string{"Set-Cookie": ""}},
		hostile{name: "theme by PUT", send: newMessage(http.MethodPut, "/theme", "", same, w.token(t)), status: 405},
		hostile{name: "theme in the query", send: newMessage(http.MethodPost, "/theme?theme=dark&back=/status", "", same, w.token(t)), status: 303, header: map[string]string{"Location": "/", "Set-Cookie": forgotten}},
		hostile{name: "theme with invalid percent escapes", send: theme("theme=%zz", same), status: 400, header: map[string]string{"Set-Cookie": ""}},
		hostile{name: "theme with a form of 10 KB", send: theme("theme="+strings.Repeat("d", 10<<10), same), status: 413},
		hostile{name: "theme with a form of 20 MB in chunks", send: theme("theme="+strings.Repeat("d", 20<<20), same).edited([]edit{chunked(64<<10, "")}), status: 413},
		hostile{name: "theme with a form that ends early", send: theme("theme=dark", same).edited([]edit{set("Content-Length", "100"), half}), status: 400, holds: "This form could not be read"},
		hostile{name: "theme as JSON", send: newMessage(http.MethodPost, "/theme", `{"theme":"dark"}`, same, w.token(t), "Content-Type: application/json"), status: 303, header: map[string]string{"Location": "/", "Set-Cookie": forgotten}},
	)
}
