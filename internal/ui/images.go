package ui

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall/internal/directory"
	"rollcall/internal/emoji"
)

// imageSources are where Slack keeps avatars (its own servers, and Gravatar with the default image behind it) and custom emoji.
var imageSources = []string{"https://*.slack-edge.com", "https://*.gravatar.com", "https://*.wp.com"}

// image returns the address if the Content-Security-Policy allows it, otherwise "".
func (h *handler) image(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	origin := u.Scheme + "://" + u.Host
	if slices.Contains(h.ImageSources, origin) || slices.ContainsFunc(imageSources, func(source string) bool {
		scheme, domain, _ := strings.Cut(source, "*")
		return strings.HasPrefix(origin, scheme) && strings.HasSuffix(origin, domain)
	}) {
		return address
	}
	return ""
}

// avatar shows the initials until the image has loaded, and if it does not load.
type avatar struct{ Image, Initials string }

// initials are the first letters of the first and the last word of the name.
func initials(u directory.User) string {
	var letters []rune
	for word := range strings.FieldsSeq(firstNonEmpty(u.RealName, u.DisplayName, u.Name)) {
		if first, _ := utf8.DecodeRuneInString(word); unicode.IsLetter(first) {
			letters = append(letters, unicode.ToUpper(first))
		}
	}
	switch len(letters) {
	case 0:
		return "?"
	case 1:
		return string(letters)
	}
	return string([]rune{letters[0], letters[len(letters)-1]})
}

type emojiView struct{ Shortcode, Text, Image string }

// emoji resolves a status's shortcode. If the workspace's custom emoji cannot be read it knows only the standard ones.
func (h *handler) emoji(ctx context.Context, teamID, shortcode string) emojiView {
	if shortcode == "" {
		return emojiView{}
	}
	custom, err := h.caches.emoji.get(teamID, func() (map[string]string, error) { return h.Store.Emoji(ctx, teamID) })
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "custom emoji not read", "team_id", teamID, "error", err)
	}
	e := emoji.Parse(shortcode, custom)
	return emojiView{Shortcode: e.Shortcode, Text: e.Text, Image: h.image(e.Image)}
}
