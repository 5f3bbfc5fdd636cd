// Package emoji turns Slack's shortcodes into what people see.
package emoji

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

// emoji.json is made by generate.go of emoji-datasource 16.0.0 of the npm
// registry (MIT licence), the data set that Slack itself uses.
//
//go:embed emoji.json
var data []byte

type standard struct {
	Names []string          `json:"names"`
	Text  string            `json:"text"`
	Tones map[string]string `json:"tones"` // by Slack's number, or two numbers where two people are shown
}

var byName = sync.OnceValue(func() map[string]standard {
	var all []standard
	if err := json.Unmarshal(data, &all); err != nil {
		panic(err) // it is embedded
	}
	names := make(map[string]standard, 2*len(all))
	for _, s := range all {
		for _, name := range s.Names {
			names[name] = s
		}
	}
	return names
})

// Emoji is how a shortcode is shown: as text, or as the image at an address.
type Emoji struct {
	Shortcode string // as given
	Text      string // Unicode, or the shortcode if nobody knows it
	Image     string // of a custom emoji; empty for the others
}

// maxAliases bounds a chain of aliases, which may be a circle.
const maxAliases = 5

// Parse reads a shortcode such as ":wave::skin-tone-4:". custom are the
// workspace's own emoji as emoji.list gives them, "alias:" included.
func Parse(shortcode string, custom map[string]string) Emoji {
	e := Emoji{Shortcode: shortcode, Text: shortcode}
	name, rest, _ := strings.Cut(strings.TrimPrefix(shortcode, ":"), ":")
	tone := strings.TrimSuffix(strings.TrimPrefix(rest, ":skin-tone-"), ":")
	for range maxAliases {
		if s, ok := byName()[name]; ok {
			e.Text = s.Text
			if toned := s.Tones[tone]; toned != "" {
				e.Text = toned
			}
			return e
		}
		alias, isAlias := strings.CutPrefix(custom[name], "alias:")
		if !isAlias {
			e.Image = custom[name]
			return e
		}
		name = alias
	}
	return e
}
