// Package internal_test checks which package imports which, and the licences of all modules.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type listed struct {
	ImportPath string
	Imports    []string
}

// features are the packages of the deployables. They use adapters only through their own interfaces.
var features = []string{"webhook", "worker", "fullsync", "ui", "api"}

// adapters hold clients of other systems. Only assemblies choose among them.
var adapters = []string{"store/", "pubsub", "pubsub/embedded", "pubsub/deadletters", "slack/webapi", "slack/socketmode", "fakeslack", "googlecloud", "emulator", "config", "local"}

// assemblies may import everything.
var assemblies = []string{"local", "e2e", "e2e/system", "e2e/events", "e2e/browser", "e2e/sdks", "e2e/smoke", "loadtest", "loadtest/driver", "operator"}

func TestImportRules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "rollcall/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name, inner := strings.CutPrefix(p.ImportPath, "rollcall/internal/")
		if !inner || slices.Contains(assemblies, name) {
			continue
		}
		for _, imported := range p.Imports {
			if why := forbidden(name, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
	if packages < 10 {
		t.Errorf("only %d packages were looked at", packages)
	}
}

// forbidden returns the reason why internal/name may not import a package, empty if it may.
func forbidden(name, imported string) string {
	target, ours := strings.CutPrefix(imported, "rollcall/internal/")
	if name == "directory" {
		switch {
		case strings.HasPrefix(imported, "rollcall/") && target != "ijson" && target != "emoji":
			return "the domain depends on none of our packages but ijson and emoji, which depend on none"
		case strings.HasPrefix(imported, "cloud.google.com/"), strings.HasPrefix(imported, "google.golang.org/"), strings.Contains(imported, "slack"):
			return "the domain uses no Google or Slack library"
		}
	}
	if strings.HasPrefix(imported, "rollcall/functions/") {
		return "functions are at the top"
	}
	if !ours {
		return ""
	}
	isAdapter := slices.ContainsFunc(adapters, func(a string) bool {
		return target == a || strings.HasSuffix(a, "/") && strings.HasPrefix(target, a)
	})
	switch {
	case slices.Contains(assemblies, target):
		return "assemblies are at the top"
	case slices.Contains(features, name) && slices.Contains(features, target):
		return "features do not know each other"
	case slices.Contains(features, name) && isAdapter:
		return "features declare the interfaces that adapters satisfy"
	case !slices.Contains(features, name) && slices.Contains(features, target):
		return "adapters serve features, not the other way round"
	}
	return ""
}

// TestImages: no image contains what only local mode needs.
func TestImages(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "rollcall/functions/webhook", "rollcall/functions/worker",
		"rollcall/functions/fullsync", "rollcall/functions/ui", "rollcall/functions/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	if !slices.Contains(all, "rollcall/internal/store/firestore") {
		t.Error("the list of packages is not that of the images")
	}
	for _, path := range all {
		for _, local := range []string{"rollcall/internal/store/sqlite", "rollcall/internal/fakeslack", "rollcall/internal/pubsub/embedded", "rollcall/internal/local", "modernc.org/"} {
			if strings.HasPrefix(path, local) {
				t.Errorf("an image has %s", path)
			}
		}
	}
}

func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		name, imported string
		want           bool
	}{
		{"webhook", "rollcall/internal/directory", false},
		{"webhook", "rollcall/internal/slack", false},
		{"worker", "rollcall/internal/pubsub/push", false},
		{"worker", "rollcall/internal/httpbody", false},
		{"httpbody", "rollcall/internal/webhook", true},
		{"store/sqlite", "rollcall/internal/directory", false},
		{"webhook", "rollcall/internal/pubsub", true},
		{"webhook", "rollcall/internal/worker", true},
		{"ui", "rollcall/internal/store/firestore", true},
		{"fullsync", "rollcall/internal/slack/webapi", true},
		{"directory", "rollcall/internal/slack", true},
		{"directory", "cloud.google.com/go/firestore", true},
		{"pubsub", "rollcall/internal/webhook", true},
		{"service", "rollcall/internal/local", true},
	} {
		if got := forbidden(tt.name, tt.imported); (got != "") != tt.want {
			t.Errorf("%s imports %s: %q", tt.name, tt.imported, got)
		}
	}
}
