package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// themeCookie keeps the theme that a viewer has chosen.
const (
	themeCookie = "theme"
	themeTTL    = 365 * 24 * time.Hour
)

// theme is a choice of colours. The empty one follows the browser.
type theme struct{ Value, Label string }

var themes = []theme{{"", "System"}, {"light", "Light"}, {"dark", "Dark"}}

func themeOf(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || !isTheme(c.Value) {
		return ""
	}
	return c.Value
}

func isTheme(value string) bool {
	return slices.ContainsFunc(themes, func(t theme) bool { return t.Value == value })
}

// chooseTheme keeps the choice in a cookie and goes back to the page where it was made.
func (h *handler) chooseTheme(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	c := &http.Cookie{
		Name: themeCookie, Value: form.Get("theme"), Path: "/", MaxAge: int(themeTTL.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
	if c.Value == "" || !isTheme(c.Value) {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, localAddress(form.Get("back")), http.StatusSeeOther)
}

// localAddress returns the address if it is one of this site's, otherwise that of the list.
func localAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(address, `\`) {
		return "/"
	}
	return u.String()
}
