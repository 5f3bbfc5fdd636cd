package infra_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// needs skips a test of scripts where one of the programs that they call is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		how := fmt.Sprintf("no %s, which the scripts call: install your system's package %[1]s", program)
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
}

type cloudBuild struct {
	Substitutions map[string]string
	Steps         []struct{ ID, Name, Script string }
}

// readBuild reads a Cloud Build configuration and expects these steps.
func readBuild(t *testing.T, path string, steps ...string) (scripts map[string]string) {
	t.Helper()
	source, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	var build cloudBuild
	if err := yaml.Unmarshal(source, &build); err != nil {
		t.Fatal(err)
	}
	scripts = map[string]string{}
	var order []string
	for _, step := range build.Steps {
		order = append(order, step.ID)
		scripts[step.ID] = step.Script
		if step.Name != "${_BUILDER}" {
			t.Errorf("%s: step %s runs in %s, which is not pinned by digest", path, step.ID, step.Name)
		}
	}
	if diff := cmp.Diff(steps, order); diff != "" {
		t.Errorf("%s: steps (-want +got):\n%s", path, diff)
	}
	for name, value := range build.Substitutions {
		if value != "" {
			t.Errorf("%s: %s defaults to %q, which would hide a trigger that does not set it", path, name, value)
		}
	}
	return scripts
}

// TestBuilder: the builder's image has the Java that the emulators need, and pins versions.
func TestBuilder(t *testing.T) {
	dockerfile := read(t, "builder/Dockerfile")
	java := regexp.MustCompile(`openjdk-(\d+)-jre-headless`).FindStringSubmatch(dockerfile)
	// Release notes of the Google Cloud CLI, 523.0.0: the Firestore emulator does not support Java before 21.
	if java == nil || java[1] < "21" {
		t.Errorf("Java: %v", java)
	}
	for _, image := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1) {
		if !regexp.MustCompile(`:\d+\.\d+`).MatchString(image[1]) {
			t.Errorf("%s has no version", image[1])
		}
	}
	for _, name := range regexp.MustCompile(`google-cloud-cli[a-z-]*=?\S*`).FindAllString(dockerfile, -1) {
		if !strings.Contains(name, "=$GOOGLE_CLOUD_CLI") {
			t.Errorf("%s has no version", name)
		}
	}
	if !regexp.MustCompile(`(?m)^ARG GOOGLE_CLOUD_CLI=\d+\.\d+\.\d+-\d+$`).MatchString(dockerfile) {
		t.Error("no version of the Google Cloud CLI")
	}
	var ko struct {
		Base string `yaml:"defaultBaseImage"`
	}
	if source, err := os.ReadFile("../.ko.yaml"); err != nil {
		t.Fatal(err)
	} else if err := yaml.Unmarshal(source, &ko); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`@sha256:[0-9a-f]{64}$`).MatchString(ko.Base) {
		t.Errorf("the base image %s is not given by digest", ko.Base)
	}
}

// TestProvenance: Cloud Build pushes every image itself, because it writes provenance for no other, and fails without provenance.
func TestProvenance(t *testing.T) {
	var images []string
	for _, program := range deployables {
		images = append(images, "${_IMAGES}/"+program+":${BUILD_ID}")
	}
	for path, want := range map[string][]string{"builder/cloudbuild.yaml": {"${_IMAGE}"}, "images.yaml": images} {
		source := read(t, path)
		var build struct {
			Steps   []struct{ Script string }
			Images  []string
			Options struct {
				RequestedVerifyOption string `yaml:"requestedVerifyOption"`
			}
		}
		if err := yaml.Unmarshal([]byte(source), &build); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, build.Images); diff != "" || build.Options.RequestedVerifyOption != "VERIFIED" {
			t.Errorf("%s: verified: %q; images (-want +got):\n%s", path, build.Options.RequestedVerifyOption, diff)
		}
		for _, step := range build.Steps {
			if strings.Contains(step.Script, "docker push") || strings.Contains(step.Script, "ko build") && !strings.Contains(step.Script, "--push=false") {
				t.Errorf("%s pushes images that get no provenance:\n%s", path, step.Script)
			}
		}
	}
}

// TestImagesBuild: images are built in the builder image, pinned by digest. internal/e2e runs the rest of the script.
func TestImagesBuild(t *testing.T) {
	script := readBuild(t, "infra/images.yaml", "build")["build"]
	if said, calls, err := newWorkplace(t).run(t, script, "_BUILDER=r/builder:latest"); err == nil || !strings.Contains(said, "run infra/builder.sh") || strings.Join(calls, "") != "" {
		t.Errorf("a build goes on with a builder image given by tag: %v\n%s%v", err, said, calls)
	}
}

// TestCheck: a pull request is tested and planned, with the same settings, digests and providers as an apply.
func TestCheck(t *testing.T) {
	scripts := readBuild(t, "cloudbuild.yaml", "test", "plan")
	if !strings.Contains(scripts["test"], "\nVULNDB=https://vuln.go.dev .ci/run") {
		t.Error("code is deployed without a check for known vulnerabilities")
	}
	w := newWorkplace(t)
	w.write(t, "images.tfvars.json", recorded("i1"))
	if said, _, err := w.run(t, scripts["test"], "_BUILDER=r/builder:latest"); err == nil || !strings.Contains(said, "run infra/builder.sh") {
		t.Errorf("a build goes on with a builder image given by tag: %v\n%s", err, said)
	}
	said, calls, err := w.run(t, scripts["plan"], "_STATE_BUCKET=state")
	if err != nil || !slices.Contains(calls, strings.TrimSpace(recorded("i1"))) {
		t.Errorf("%v: %s\n%s", err, said, strings.Join(calls, "\n"))
	}
	if slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "terraform apply") }) {
		t.Errorf("a check applies:\n%s", strings.Join(calls, "\n"))
	}
}

// TestNightly: Cloud Build runs .ci/nightly at night, if main has moved.
func TestNightly(t *testing.T) {
	scripts := readBuild(t, "infra/nightly.yaml", "nightly")
	for committed, want := range map[string]bool{"abc1234": true, "": false} {
		w := newWorkplace(t)
		if err := os.Mkdir(filepath.Join(w.folder, ".ci"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.folder, ".ci", "nightly"), []byte("#!/bin/bash\necho all night long\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		said, _, err := w.run(t, scripts["nightly"], "RECENT="+committed)
		if err != nil || strings.Contains(said, "all night long") != want {
			t.Errorf("committed lately: %q: %v\n%s", committed, err, said)
		}
	}
}
