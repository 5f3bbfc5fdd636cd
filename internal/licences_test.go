package internal_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/licensecheck"
)

var update = flag.Bool("update", false, "rewrite licences.csv")

// allowed are permissive licences, and Mozilla's, which asks only for the changes to its own
// files. CC-BY-4.0 is that of the MCP SDK's documentation, and asks only to name the authors.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Unicode-DFS-2016", "Unlicense", "public-domain"}

const (
	programs = "programs" // of functions/
	tests    = "tests"
)

// included is code that is not in a module, with the licences that its publishers state.
var included = []struct{ component, licence, partOf, file string }{
	{"Go's standard library", "BSD-3-Clause", programs, ""},
	{"htmx", "0BSD", programs, "ui/assets/htmx-*.min.js"},
	{"Lucide", "ISC", programs, "ui/icons"},
	{"modern-normalize", "MIT", programs, "ui/assets/modern-normalize-*.css"},
	{"Open Props", "MIT", programs, "ui/assets/open-props-*.css"},
	{"emoji-datasource", "MIT", programs, "emoji/emoji.json"},
	{"axe-core", "MPL-2.0", tests, "e2e/browser/testdata/axe-*.min.js"},
}

// TestLicences checks licences.csv, the list of the modules that Rollcall contains and their licences.
//
//	go test ./internal -run Licences -update
func TestLicences(t *testing.T) {
	const golden = "licences.csv"
	rows := [][]string{}
	for _, i := range included {
		rows = append(rows, []string{i.component, i.licence, i.partOf})
	}
	linked := licencesOf(t, "rollcall/functions/...")
	for module, licences := range licencesOf(t, "-test", "rollcall/...") {
		partOf := tests
		if l := linked[module]; l != nil { // tests may use more of it
			licences, partOf = l, programs
		}
		rows = append(rows, []string{module, strings.Join(slices.Sorted(maps.Keys(licences)), " "), partOf})
	}
	if len(linked) < 20 {
		t.Errorf("only %d modules were looked at", len(linked))
	}
	for _, row := range rows {
		for licence := range strings.SplitSeq(row[1], " ") {
			if !slices.Contains(allowed, licence) {
				t.Errorf("%s: licence %q is not an allowed one", row[0], licence)
			}
		}
	}

	slices.SortFunc(rows, slices.Compare)
	var got bytes.Buffer
	if err := csv.NewWriter(&got).WriteAll(append([][]string{{"component", "licences", "part of"}}, rows...)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s does not match the build: rewrite it with -update (-want +got):\n%s", golden, diff)
	}
}

// TestIncluded finds other people's files in this repository by their minified names.
func TestIncluded(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(filepath.Base(path), ".min.") {
			return err
		}
		for _, i := range included {
			if known, err := filepath.Match(i.file, filepath.ToSlash(path)); known || err != nil {
				return err
			}
		}
		t.Errorf("%s: under which licence?", path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range included {
		if found, err := filepath.Glob(i.file); err != nil || i.file != "" && len(found) != 1 {
			t.Errorf("%s: %s is %v, %v", i.component, i.file, found, err)
		}
	}
}

// licencesOf returns the licences of the modules that packages need, by module.
func licencesOf(t *testing.T, packages ...string) map[string]map[string]bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=Dir,Module"}, packages...)...)
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0") // as in the images, on every machine
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		if all[p.Module.Path] == nil {
			all[p.Module.Path] = map[string]bool{}
		}
		// A module may contain folders of others, with licences of their own.
		for dir := p.Dir; len(dir) >= len(p.Module.Dir); dir = filepath.Dir(dir) {
			for _, licence := range licencesIn(t, p.Module.Path, dir) {
				all[p.Module.Path][licence] = true
			}
		}
	}
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-._].*)?$`)

// byHand are files that licensecheck cannot read, with the licences of the linked code.
var byHand = map[string][]string{
	"modernc.org/libc/LICENSE-3RD-PARTY.md":   {"BSD-3-Clause", "MIT"}, // Go; musl, go-netdb and nixpkgs
	"modernc.org/memory/LICENSE-LOGO":         {},                      // of a picture
	"modernc.org/sqlite/LICENSE-3RD-PARTY.md": {},                      // other modules, and what is in the next
	"modernc.org/sqlite/LICENSE-SQLITE":       {"public-domain"},
}

func licencesIn(t *testing.T, module, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) || e.IsDir() || slices.Contains([]string{".go", ".docs"}, filepath.Ext(e.Name())) {
			continue // .docs is for texts that are in no build
		}
		if known, ok := byHand[module+"/"+e.Name()]; ok {
			all = append(all, known...)
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		scanned := licensecheck.Scan(text)
		if scanned.Percent < 75 { // the threshold of pkg.go.dev
			all = append(all, "unknown")
		}
		for _, m := range scanned.Match {
			all = append(all, m.ID)
		}
	}
	return all
}
