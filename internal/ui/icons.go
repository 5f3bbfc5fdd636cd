package ui

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/a-h/templ"
)

// iconFiles are unchanged from the npm package lucide-static 1.62.0.
//
//go:embed icons/*.svg
var iconFiles embed.FS

// icons are the drawings by name, to be part of a page.
var icons = loadIcons()

var (
	iconTag   = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	iconSpace = regexp.MustCompile(`\s+<`)
)

func loadIcons() map[string]string {
	all := map[string]string{}
	names, err := fs.Glob(iconFiles, "icons/*.svg")
	if err != nil {
		panic(err) // the pattern is valid
	}
	for _, name := range names {
		b, err := iconFiles.ReadFile(name)
		if err != nil {
			panic(err) // embedded files can be read
		}
		drawing := iconSpace.ReplaceAllString(iconTag.ReplaceAllString(string(b), ""), "<")
		all[strings.TrimSuffix(path.Base(name), ".svg")] = `<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" ` +
			`stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">` + strings.TrimSpace(drawing)
	}
	return all
}

// icon is a drawing that screen readers ignore. A name without a file shows nothing; TestIcons looks for those.
func icon(name string) templ.Component { return templ.Raw(icons[name]) }
