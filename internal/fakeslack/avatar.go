package fakeslack

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// imageSizes are the sizes of Slack's image_… fields, in pixels. Only uploaded pictures have
// sizes above maxGeneratedImage.
var imageSizes = []int{24, 32, 48, 72, 192, 512, 1024}

const maxGeneratedImage = 512

// avatar serves <id>-<size>.svg: initials on a coloured square. Slack crops pictures to squares (its page of
// users.setPhoto, crop_w).
func (w *Workspace) avatar(rw http.ResponseWriter, r *http.Request) {
	id, sizeText, _ := strings.Cut(strings.TrimSuffix(r.PathValue("file"), ".svg"), "-")
	size, err := strconv.Atoi(sizeText)
	color, initials, ok := w.avatarOf(id)
	if err != nil || !ok || !slices.Contains(imageSizes, size) {
		http.NotFound(rw, r)
		return
	}
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, []byte(initials)); err != nil {
		http.Error(rw, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=3600")
	if _, err := fmt.Fprintf(rw, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 72 72">`+ //nolint:gosec // the initials are escaped, the color is one of a list
		`<rect width="72" height="72" fill="#%s"/>`+
		`<text x="36" y="36" dy=".35em" text-anchor="middle" font-family="sans-serif" font-size="28" fill="#fff">%s</text></svg>`,
		size, size, color, escaped.Bytes()); err != nil {
		w.options.Log.DebugContext(r.Context(), "avatar not sent", "error", err)
	}
}

func (w *Workspace) avatarOf(id string) (color, initials string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(id)
	if p == nil {
		return "", "", false
	}
	if p.forgotten {
		return "616061", "–", true // shows nothing of the name
	}
	return p.color, initialsOf(p.realName), true
}

// initialsOf takes the first letters of the first and the last word.
func initialsOf(realName string) string {
	words := strings.Fields(realName)
	if len(words) == 0 {
		return ""
	}
	first := firstLetter(words[0])
	if len(words) == 1 {
		return first
	}
	return first + firstLetter(words[len(words)-1])
}

// firstLetter includes the marks that follow the letter in some scripts.
func firstLetter(word string) string {
	_, n := utf8.DecodeRuneInString(word)
	for n < len(word) {
		r, size := utf8.DecodeRuneInString(word[n:])
		if !unicode.In(r, unicode.Mn, unicode.Mc) {
			break
		}
		n += size
	}
	return strings.ToUpper(word[:n])
}
