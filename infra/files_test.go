// Package infra_test checks what Terraform cannot check itself: that the configuration,
// the scripts and the manual agree with each other and with the programs.
package infra_test

import (
	"os"
	"strings"
	"testing"

	"rollcall/internal/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// read returns a file of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section returns the text below a heading of a page.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, there := strings.Cut(page, "\n## "+heading+"\n")
	if !there {
		t.Fatalf("no section %s", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}
