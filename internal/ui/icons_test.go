package ui

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestIcons: every icon that a page names has a file, and every file is used.
func TestIcons(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("*.templ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`@icon\("([^"]+)"\)`).FindAllStringSubmatch(string(b), -1) {
			used[found[1]] = true
			if icons[found[1]] == "" {
				t.Errorf("%s: no icon %q", file, found[1])
			}
		}
	}
	for name := range icons {
		if !used[name] {
			t.Errorf("icons/%s.svg is not used", name)
		}
	}
}
