package ui

import (
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/a-h/templ"
)

// parts are what may stand on a line of its own.
var parts = regexp.MustCompile(`[^./_@]*[./_@]+|[^./_@]+`)

// breakable lets a long name such as America/New_York or profile.image_72 go on in the next line after its
// punctuation, so that no word breaks.
func breakable(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		if !strings.ContainsAny(text, "./_@") { // most have nothing to break at
			_, err := io.WriteString(w, templ.EscapeString(text))
			return err
		}
		all := parts.FindAllString(text, -1)
		for i := range all {
			all[i] = templ.EscapeString(all[i])
		}
		_, err := io.WriteString(w, strings.Join(all, "<wbr>"))
		return err
	})
}
