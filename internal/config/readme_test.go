package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// programs are the structs by the names that README.md gives their programs.
var programs = map[string]any{
	"webhook": Webhook{}, "worker": Worker{}, "ui": UI{}, "api": API{}, "fullsync": FullSync{},
	"rollcallctl": Operator{}, "rollcallctl smoke": SmokeTest{}, "local": Local{},
}

// TestReadme: the table has each variable that a program reads, and no other.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{} // "NAME program"
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for program := range strings.SplitSeq(cells[2], ",") {
			documented[strings.Trim(cells[1], " `")+" "+strings.TrimSpace(program)] = true
		}
	}
	for program, c := range programs {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(c)) {
			name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
			if name == "" {
				continue
			}
			if !documented[name+" "+program] {
				t.Errorf("%s of %s is not in README.md", name, program)
			}
			delete(documented, name+" "+program)
			fallback, row := f.Tag.Get("envDefault"), row(string(text), name)
			if fallback != "" && !strings.Contains(row, "`"+fallback+"`") || slices.Contains(strings.Split(options, ","), "required") && !strings.Contains(row, "required") {
				t.Errorf("%s: README.md does not say that it is %q, required: %v", name, fallback, strings.Contains(options, "required"))
			}
		}
	}
	for entry := range documented {
		t.Errorf("README.md has %s, which nothing reads", entry)
	}
}

func row(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `"+name+"` ") {
			return line
		}
	}
	return ""
}
