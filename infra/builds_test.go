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
		how := fmt.Sprintf("no %s to run the scripts with: install your system's package %[1]s", program)
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

// TestBuilderImage: Cloud Build pushes the builder's image itself, because it writes provenance for no other, and fails without provenance.
func TestBuilderImage(t *testing.T) {
	var build struct {
		Images  []string
		Options struct {
			RequestedVerifyOption string `yaml:"requestedVerifyOption"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "builder/cloudbuild.yaml")), &build); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"${_IMAGE}"}, build.Images); diff != "" || build.Options.RequestedVerifyOption != "VERIFIED" {
		t.Errorf("verified: %q; images (-want +got):\n%s", build.Options.RequestedVerifyOption, diff)
	}
}

// workplace has a bucket, and programs on the PATH that record their calls.
type workplace struct {
	folder, tools, bucket, before string
}

// The programs. gcloud keeps gs://state in a folder and answers what the test says Google would.
// terraform records the files of variables that it is given.
var programs = map[string]string{
	"go":          "",
	"editor":      `echo more >> "$1"`,
	"git":         `case "$*" in *rev-parse*) echo 0123456789abcdef;; *format=%ct*) echo "$COMMITTED";; *--since*) echo "$RECENT";; esac`,
	"ko":          `echo "r/image@sha256:0"`,
	"rollcallctl": `echo "as $SLACK_SIGNING_SECRET $FIRESTORE_DATABASE $GOOGLE_CLOUD_PROJECT" >> "$CALLS"`,
	"terraform":   `for a; do case $a in -var-file=*) cat "${a#-var-file=}" >> "$CALLS";; esac; done; case "$*" in *" webhook_url") printf https://webhook/slack/events;; *" api_url_outside") printf https://api/api/;; esac`,
	"gcloud": `at() { case $1 in gs://state/*) echo "$STATE/${1#gs://state/}";; -) echo /dev/stdin;; *) echo "$1";; esac; }
case "$*" in
"storage ls "*) [ -e "$(at "$3")" ];;
"storage objects describe "*) echo 7;;
"storage cp "*) while [ $# -gt 2 ]; do shift; done; cat "$(at "$1")" > "$STATE/.new" && cat "$STATE/.new" > "$(at "$2")";;
*"secrets versions access"*) echo secret;;
*"builds list"*TRIGGER_NAME=rollcall-test*) echo "$TESTS";;
*"builds list"*) echo b1;;
*describe*) if [ -z "$PREVIOUS" ]; then exit 1; fi; echo "$PREVIOUS";;
esac`,
}

func newWorkplace(t *testing.T) workplace {
	t.Helper()
	needs(t, "bash", "jq")
	w := workplace{folder: t.TempDir(), tools: t.TempDir(), bucket: t.TempDir(), before: t.TempDir()}
	put := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{"images.sh", "terraform.sh"} {
		put(filepath.Join(w.folder, "infra", script), read(t, script))
	}
	for name, script := range programs {
		folder := w.tools
		if name == "rollcallctl" {
			folder = w.before
		}
		put(filepath.Join(folder, name), "#!/bin/bash\ncall=\"$(basename $0) $*\"\necho \"$call\" >> $CALLS\n"+
			"case $call in $FAILING) echo what went wrong; exit 1; esac\n"+script+"\n")
	}
	w.write(t, "settings.tfvars", "settings\n")
	w.write(t, "terraform.lock.hcl", "checksums\n")
	return w
}

func (w workplace) write(t *testing.T, object, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.bucket, object), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w workplace) read(t *testing.T, object string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.bucket, object))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs a script and returns its output and the programs' calls.
func (w workplace) run(t *testing.T, script string, env ...string) (said string, calls []string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(script, "/before", w.before))
	c.Dir = w.folder
	log := filepath.Join(w.tools, "calls")
	c.Env = append([]string{"PATH=" + w.tools + ":" + os.Getenv("PATH"), "STATE=" + w.bucket, "CALLS=" + log, "WAIT=0"}, env...)
	out, err := c.CombinedOutput()
	written, _ := os.ReadFile(log) // a script may have called nothing
	return string(out), strings.Split(string(written), "\n"), err
}

// before and after are as images.sh writes them.
const (
	before = `{"images": {"webhook": "r/old@sha256:0", "committed": 1000}}` + "\n"
	after  = `{"images": {"webhook": "r/image@sha256:0", "worker": "r/image@sha256:0", "ui": "r/image@sha256:0", "api": "r/image@sha256:0", "fullsync": "r/image@sha256:0", ` +
		`"commit": "0123456789abcdef", "build": "b1", "committed": 2000}}` + "\n"
)

// TestDeploy runs the scripts of infra/deploy.yaml.
func TestDeploy(t *testing.T) {
	scripts := readBuild(t, "infra/deploy.yaml", "turn", "images", "apply", "smoke-test")
	for _, script := range scripts {
		if strings.Contains(script, ".ci/run") {
			t.Error("tests run as the identity that deploys")
		}
	}
	const update = "gcloud run services update-traffic rollcall-"
	const sign = "gcloud beta container binauthz attestations sign-and-create --project p --artifact-url r/image@sha256:0 --attestor rollcall-images " +
		"--attestor-project p --validate --keyversion projects/p/locations/r/keyRings/rollcall/cryptoKeys/images/cryptoKeyVersions/1"
	back := []string{
		update + "webhook --region r --to-revisions rev-1=100 --quiet", update + "worker --region r --to-revisions rev-1=100 --quiet",
		update + "ui --region r --to-revisions rev-1=100 --quiet", update + "api --region r --to-revisions rev-1=100 --quiet", "gcloud run jobs update rollcall-fullsync --region r --image rev-1 --quiet",
	}
	for _, tt := range []struct {
		name      string
		builder   string
		tests     string // what Cloud Build says of the commit's tests
		committed string
		failing   string // calls, as a pattern of the shell
		previous  string // what gcloud says runs; empty: nothing
		fails     bool
		images    string // in the bucket afterwards
		says      []string
		does, not []string // calls
	}{
		{name: "deployment", previous: "rev-1", images: after,
			does: []string{
				sign, "terraform init -reconfigure -lockfile=readonly -backend-config=bucket=state", "settings", strings.TrimSpace(after), "as secret rollcall p",
				"rollcallctl smoke --webhook https://webhook/slack/events --api https://api/api/",
			},
			not: []string{update, "gcloud run jobs update"}},
		{name: "image by tag", builder: "r/builder:latest", fails: true, images: before,
			says: []string{"run infra/builder.sh"}, not: []string{"gcloud", "ko", "terraform"}},
		{name: "tests that failed", tests: "FAILURE", fails: true, images: before,
			says: []string{"The tests of abc1234 failed"}, not: []string{"ko", "terraform"}},
		{name: "tests that never began", tests: "-", fails: true, images: before,
			says: []string{"rollcall-test has not tested abc1234"}, not: []string{"ko", "terraform"}},
		{name: "older commit", committed: "999", fails: true, images: before,
			says: []string{"abc1234 is older than what is deployed"}, not: []string{"ko", "terraform"}},
		{name: "image that cannot be signed", failing: "gcloud beta container binauthz *", previous: "rev-1", fails: true, images: before,
			does: []string{sign}, not: []string{"terraform", update}},
		{name: "deployment that fails", failing: "rollcallctl *", previous: "rev-1", fails: true, images: before,
			says: []string{"The smoke test failed", "rollcall-worker: rev-1"}, does: back},
		{name: "apply that fails", failing: "terraform apply *", previous: "rev-1", fails: true, images: before,
			says: []string{"terraform apply failed", "rollcall-worker: rev-1"}, does: back, not: []string{"rollcallctl"}},
		{name: "secret that cannot be read", failing: "gcloud secrets *", previous: "rev-1", fails: true, images: before,
			says: []string{"The smoke test could not be run"}, does: back, not: []string{"rollcallctl"}},
		{name: "first deployment fails", failing: "rollcallctl *", fails: true, images: before,
			says: []string{"rollcall-webhook: there was none before"}, not: []string{update, "gcloud run jobs update"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorkplace(t)
			w.write(t, "images.tfvars.json", before)
			or := func(value, otherwise string) string {
				if value == "" {
					return otherwise
				}
				return strings.Trim(value, "-")
			}
			env := []string{"_BUILDER=" + or(tt.builder, "r/builder@sha256:4"), "_REGION=r", "_STATE_BUCKET=state", "_DATABASE=rollcall", "_PREFIX=",
				"PROJECT_ID=p", "BUILD_ID=b1", "TRIGGER_NAME=rollcall-deploy", "COMMIT_SHA=0123456789abcdef", "SHORT_SHA=abc1234",
				"TESTS=" + or(tt.tests, "SUCCESS"), "COMMITTED=" + or(tt.committed, "2000"), "PREVIOUS=" + tt.previous, "FAILING=" + tt.failing}
			var said strings.Builder
			var calls []string
			failed := false
			for _, step := range []string{"turn", "images", "apply", "smoke-test"} {
				out, all, err := w.run(t, scripts[step], env...)
				said.WriteString(out)
				calls = all
				if failed = err != nil; failed {
					break
				}
			}
			if failed != tt.fails {
				t.Errorf("failed: %v, want %v:\n%s", failed, tt.fails, said.String())
			}
			for _, want := range tt.says {
				if !strings.Contains(said.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, said.String())
				}
			}
			for _, want := range tt.does {
				if !slices.Contains(calls, want) {
					t.Errorf("not called: %s\n%s", want, strings.Join(calls, "\n"))
				}
			}
			for _, call := range tt.not {
				if slices.ContainsFunc(calls, func(d string) bool { return strings.HasPrefix(d, call) }) {
					t.Errorf("called: %s\n%s", call, strings.Join(calls, "\n"))
				}
			}
			if diff := cmp.Diff(tt.images, w.read(t, "images.tfvars.json")); diff != "" {
				t.Errorf("the next apply's digests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTerraformScript: a laptop applies what a build would, and refuses settings of its own.
func TestTerraformScript(t *testing.T) {
	const plan = "infra/terraform.sh plan -lock=false"
	bucket := "BUCKET=state"
	t.Run("plan", func(t *testing.T) {
		w := newWorkplace(t)
		w.write(t, "images.tfvars.json", after)
		said, calls, err := w.run(t, plan, bucket)
		if err != nil || !slices.Contains(calls, "settings") || !slices.Contains(calls, strings.TrimSpace(after)) {
			t.Errorf("%v: %s\n%s", err, said, strings.Join(calls, "\n"))
		}
	})
	t.Run("left on the laptop", func(t *testing.T) {
		w := newWorkplace(t)
		if err := os.WriteFile(filepath.Join(w.folder, "infra", "images.auto.tfvars.json"), []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		if said, _, err := w.run(t, plan, bucket); err == nil || !strings.Contains(said, "images.auto.tfvars.json would override") {
			t.Errorf("%v: %s", err, said)
		}
	})
	for object, how := range map[string]string{"settings.tfvars": "terraform.sh settings", "terraform.lock.hcl": "terraform.sh lock"} {
		t.Run("no "+object, func(t *testing.T) {
			w := newWorkplace(t)
			if err := os.Remove(filepath.Join(w.bucket, object)); err != nil {
				t.Fatal(err)
			}
			said, calls, err := w.run(t, "infra/terraform.sh init && "+plan, bucket)
			if err == nil || !strings.Contains(said, how) || slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "terraform plan") }) {
				t.Errorf("%v: %s\n%s", err, said, strings.Join(calls, "\n"))
			}
		})
	}
	t.Run("settings", func(t *testing.T) {
		w := newWorkplace(t)
		said, calls, err := w.run(t, "infra/terraform.sh settings", bucket, "EDITOR=editor")
		if got := w.read(t, "settings.tfvars"); err != nil || got != "settings\nmore\n" {
			t.Errorf("%v: %s\n%s", err, said, got)
		}
		if !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "gcloud storage cp --if-generation-match=7 ") }) {
			t.Errorf("somebody else's change would be lost:\n%s", strings.Join(calls, "\n"))
		}
	})
}

// TestCheck: a pull request is tested and planned, with the same settings, digests and providers as an apply.
func TestCheck(t *testing.T) {
	scripts := readBuild(t, "cloudbuild.yaml", "test", "plan")
	if !strings.Contains(scripts["test"], "\nVULNDB=https://vuln.go.dev .ci/run") {
		t.Error("code is deployed without a check for known vulnerabilities")
	}
	w := newWorkplace(t)
	w.write(t, "images.tfvars.json", after)
	if said, _, err := w.run(t, scripts["test"], "_BUILDER=r/builder:latest"); err == nil || !strings.Contains(said, "run infra/builder.sh") {
		t.Errorf("a build in an image by tag goes on: %v\n%s", err, said)
	}
	said, calls, err := w.run(t, scripts["plan"], "_STATE_BUCKET=state")
	if err != nil || !slices.Contains(calls, strings.TrimSpace(after)) {
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
