package e2e

import (
	"errors"
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

type cloudBuild struct {
	Substitutions map[string]string
	Steps         []struct{ ID, Name, Script string }
}

// TestCloudBuild runs the scripts of cloudbuild.yaml that deploy and take back,
// with programs on the PATH that write down what they were asked.
func TestCloudBuild(t *testing.T) {
	source, err := os.ReadFile("../../cloudbuild.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var build cloudBuild
	if err := yaml.Unmarshal(source, &build); err != nil {
		t.Fatal(err)
	}
	scripts := map[string]string{}
	var order []string
	for _, step := range build.Steps {
		order = append(order, step.ID)
		scripts[step.ID] = step.Script
	}
	if diff := cmp.Diff([]string{"tools", "test", "images", "apply", "smoke-test"}, order); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if build.Substitutions["_MODE"] != "check" {
		t.Error("a build deploys although nobody said so")
	}
	var ko struct {
		Base string `yaml:"defaultBaseImage"`
	}
	if source, err = os.ReadFile("../../.ko.yaml"); err != nil {
		t.Fatal(err)
	} else if err := yaml.Unmarshal(source, &ko); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`@sha256:[0-9a-f]{64}$`).MatchString(ko.Base) {
		t.Errorf("the base image %s is not given by digest", ko.Base)
	}
	if !strings.Contains(scripts["test"], "\nVULNDB=https://vuln.go.dev .ci/run") {
		t.Error("what is deployed need not have been checked for known vulnerabilities")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		const how = "no bash to run the scripts with: install your system's package bash"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	const update = "gcloud run services update-traffic rollcall-"
	for _, tt := range []struct {
		name, mode string
		failing    string // calls, as a pattern of the shell
		previous   string // what gcloud says runs; empty: nothing
		fails      bool
		says       []string
		does, not  []string // calls
	}{
		{name: "pull request", mode: "check", previous: "rev-1",
			does: []string{"ko build --base-import-paths --push=false --tags abc1234 ./functions/worker", "terraform plan -lock=false"},
			not:  []string{"terraform apply", "rollcallctl", "gcloud run"}},
		{name: "deployment", mode: "deploy", previous: "rev-1",
			does: []string{
				"ko build --base-import-paths --push=true --tags abc1234 ./functions/fullsync",
				"gcloud storage cp gs://state/rollcall.tfvars installation.auto.tfvars", "terraform init -backend-config=bucket=state",
				"terraform apply -auto-approve -lock-timeout=10m", "rollcallctl smoke --webhook https://webhook/slack/events secret rollcall p",
			},
			not: []string{update, "gcloud run jobs update"}},
		{name: "deployment that fails", mode: "deploy", failing: "rollcallctl *", previous: "rev-1", fails: true,
			says: []string{"The smoke test failed", "rollcall-worker: rev-1"},
			does: []string{
				update + "webhook --region r --to-revisions rev-1=100 --quiet", update + "worker --region r --to-revisions rev-1=100 --quiet",
				update + "ui --region r --to-revisions rev-1=100 --quiet", "gcloud run jobs update rollcall-fullsync --region r --image rev-1 --quiet",
			}},
		{name: "apply that fails", mode: "deploy", failing: "terraform apply *", previous: "rev-1", fails: true,
			says: []string{"terraform apply failed", "rollcall-worker: rev-1"},
			does: []string{update + "webhook --region r --to-revisions rev-1=100 --quiet"}, not: []string{"rollcallctl"}},
		{name: "secret that cannot be read", mode: "deploy", failing: "gcloud secrets *", previous: "rev-1", fails: true,
			says: []string{"The smoke test could not be run"},
			does: []string{update + "ui --region r --to-revisions rev-1=100 --quiet"}, not: []string{"rollcallctl"}},
		{name: "first deployment fails", mode: "deploy", failing: "rollcallctl *", fails: true,
			says: []string{"rollcall-webhook: there was none before"}, not: []string{update, "gcloud run jobs update"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tools, work := t.TempDir(), t.TempDir()
			if err := errors.Join(
				os.Mkdir(filepath.Join(work, "infra"), 0o755),
				os.WriteFile(filepath.Join(work, "infra", "images.sh"), []byte(infra(t, "images.sh")), 0o755),
			); err != nil {
				t.Fatal(err)
			}
			calls := filepath.Join(tools, "calls")
			record := "#!/bin/sh\ncall=\"$(basename $0) $*\"\necho \"$call\" >> " + calls + "\ncase $call in $FAILING) echo what went wrong; exit 1; esac\n"
			for program, script := range map[string]string{
				"go":          record,
				"ko":          record + `echo "r/image@sha256:0"`,
				"terraform":   record + `if [ "$1" = output ]; then printf https://webhook/slack/events; fi`,
				"gcloud":      record + `case "$*" in *secrets*) echo secret;; *describe*) if [ -z "$PREVIOUS" ]; then exit 1; fi; echo "$PREVIOUS";; esac`,
				"rollcallctl": strings.Replace(record, "$*", "$* $SLACK_SIGNING_SECRET $FIRESTORE_DATABASE $GOOGLE_CLOUD_PROJECT", 1),
			} {
				if err := os.WriteFile(filepath.Join(tools, program), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			var said strings.Builder
			failed := false
			for _, step := range []string{"images", "apply", "smoke-test"} {
				c := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(scripts[step], "/tools", tools))
				c.Dir = work
				c.Env = []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "_MODE=" + tt.mode, "_REGION=r", "_STATE_BUCKET=state", "_DATABASE=rollcall",
					"PROJECT_ID=p", "SHORT_SHA=abc1234", "PREVIOUS=" + tt.previous, "FAILING=" + tt.failing}
				out, err := c.CombinedOutput()
				said.Write(out)
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
			written, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			done := strings.Split(string(written), "\n")
			for _, want := range tt.does {
				if !slices.Contains(done, want) {
					t.Errorf("not called: %s\n%s", want, written)
				}
			}
			for _, call := range tt.not {
				if slices.ContainsFunc(done, func(d string) bool { return strings.HasPrefix(d, call) }) {
					t.Errorf("called: %s\n%s", call, written)
				}
			}
			images, err := os.ReadFile(filepath.Join(work, "infra", "images.auto.tfvars.json"))
			if want := `{"images": {"webhook": "r/image@sha256:0", "worker": "r/image@sha256:0", "ui": "r/image@sha256:0", "fullsync": "r/image@sha256:0"}}` + "\n"; string(images) != want {
				t.Errorf("images: %s %v", images, err)
			}
		})
	}
}
