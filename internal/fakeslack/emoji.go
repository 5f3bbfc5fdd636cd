package fakeslack

import (
	"fmt"
	"net/http"
)

// customEmoji is the name of the workspace's own emoji.
const customEmoji = "finch"

// emojiList answers emoji.list with the workspace's own emoji. See Slack's page "emoji.list".
func (w *Workspace) emojiList(*http.Request) (map[string]any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[string]any{"emoji": map[string]any{
		customEmoji:  w.baseURL + "/emoji/" + customEmoji + ".svg",
		"marlow":     "alias:" + customEmoji,
		"nobodys":    "alias:lost",
		"thumbsup_2": "alias:thumbsup",
	}, "cache_ts": fmt.Sprintf("%d.000000", w.options.Clock().Unix())}, nil
}

// emojiImage serves the image of customEmoji.
func (w *Workspace) emojiImage(rw http.ResponseWriter, r *http.Request) {
	if r.PathValue("file") != customEmoji+".svg" {
		http.NotFound(rw, r)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=3600")
	if _, err := fmt.Fprint(rw, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><path fill="#c98a1b" d="M8 40c6-20 22-26 34-22 4-8 14-6 14 2l6 3-7 3c-1 18-16 30-33 24l-12 8 4-13z"/>`+
		`<circle cx="46" cy="19" r="3" fill="#222"/></svg>`); err != nil {
		w.options.Log.DebugContext(r.Context(), "emoji not sent", "error", err)
	}
}
