package infra_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// workplace has a bucket, and programs on the PATH that record their calls.
type workplace struct {
	folder, tools, bucket, before string
}

// programs are the stand-ins. gcloud keeps gs://state in a folder and gives the answers that the test sets.
// terraform records the variable files that it is given.
var programs = map[string]string{
	"go":          "",
	"editor":      `echo more >> "$1"`,
	"git":         `case "$*" in *rev-parse*) echo 0123456789abcdef;; *format=%ct*) echo "$COMMITTED";; *--since*) echo "$RECENT";; esac`,
	"rollcallctl": `echo "as $SLACK_SIGNING_SECRET $FIRESTORE_DATABASE $GOOGLE_CLOUD_PROJECT" >> "$CALLS"`,
	"terraform":   `for a; do case $a in -var-file=*) cat "${a#-var-file=}" >> "$CALLS";; esac; done; case "$*" in *" webhook_url") printf https://webhook/slack/events;; *" api_url_outside") printf https://api/api/;; esac`,
	"gcloud": `at() { case $1 in gs://state/*) echo "$STATE/${1#gs://state/}";; -) echo /dev/stdin;; *) echo "$1";; esac; }
case "$*" in
"storage ls "*) [ -e "$(at "$3")" ];;
"storage objects describe "*) echo 7;;
"storage cp gs://state/builds/"*) echo '{}' > "$4";;
"storage cp "*) while [ $# -gt 2 ]; do shift; done; cat "$(at "$1")" > "$STATE/.new" && cat "$STATE/.new" > "$(at "$2")";;
*"secrets versions access"*) echo secret;;
*"builds list"*TRIGGER_NAME=rollcall-test*) echo "$TESTS";;
*"builds list"*TRIGGER_NAME=rollcall-images*) echo "$IMAGES";;
*"builds list"*) echo b1;;
*"builds submit"*) echo i2;;
*"builds describe"*) results=; for program in webhook worker ui api fullsync; do
  results="$results{\"name\": \"r-docker.pkg.dev/p/rollcall/$program:$3\", \"digest\": \"sha256:$program\"},"; done
  echo "{\"results\": {\"images\": [${results%,}]}}";;
*--show-provenance*) echo "{\"provenance_summary\": {\"provenance\": [{\"buildInvocationId\": \"$PROVENANCE\"}]}}";;
*"image_summary.digest"*) echo sha256:4;;
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
	for _, script := range []string{"builder.sh", "images.sh", "terraform.sh"} {
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
	w.write(t, "builder.tfvars.json", `{"builder": "r/builder@sha256:4"}`+"\n")
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

// before is in the bucket before a deployment, and recorded returns what images.sh writes there.
const before = `{"images": {"webhook": "r/old@sha256:0", "committed": 1000}}` + "\n"

func recorded(build string) string {
	var images strings.Builder
	for _, program := range deployables {
		fmt.Fprintf(&images, `"%s": "r-docker.pkg.dev/p/rollcall/%[1]s@sha256:%[1]s", `, program)
	}
	return fmt.Sprintf(`{"images": {%s"commit": "0123456789abcdef", "build": "%s", "committed": 2000}}`+"\n", &images, build)
}

// deployables are the deployed programs, in the order in which images.sh signs them.
var deployables = []string{"webhook", "worker", "ui", "api", "fullsync"}

// TestDeploy runs the scripts of infra/deploy.yaml.
func TestDeploy(t *testing.T) {
	scripts := readBuild(t, "infra/deploy.yaml", "turn", "images", "apply", "smoke-test")
	for _, script := range scripts {
		if strings.Contains(script, ".ci/run") {
			t.Error("tests run as the identity that deploys")
		}
	}
	const update = "gcloud run services update-traffic rollcall-"
	const signs = "gcloud beta container binauthz attestations"
	const sign = "gcloud beta container binauthz attestations sign-and-create --project p --artifact-url r-docker.pkg.dev/p/rollcall/webhook@sha256:webhook --attestor rollcall-images " +
		"--attestor-project p --validate --keyversion projects/p/locations/r/keyRings/rollcall/cryptoKeys/images/cryptoKeyVersions/1"
	back := []string{
		update + "webhook --region r --to-revisions rev-1=100 --quiet", update + "worker --region r --to-revisions rev-1=100 --quiet",
		update + "ui --region r --to-revisions rev-1=100 --quiet", update + "api --region r --to-revisions rev-1=100 --quiet", "gcloud run jobs update rollcall-fullsync --region r --image rev-1 --quiet",
	}
	for _, tt := range []struct {
		name      string
		builder   string
		tests     string // what Cloud Build says of the commit's tests, and of its images
		built     string
		of        string // the build that the provenance names
		committed string
		failing   string // calls, as a pattern of the shell
		previous  string // what gcloud says runs; empty: nothing
		fails     bool
		images    string // in the bucket afterwards
		says      []string
		does, not []string // calls
	}{
		{name: "deployment", previous: "rev-1", images: recorded("i1"),
			does: []string{
				sign, "terraform init -reconfigure -lockfile=readonly -backend-config=bucket=state", "settings", strings.TrimSpace(recorded("i1")), "as secret rollcall p",
				"rollcallctl smoke --webhook https://webhook/slack/events --api https://api/api/",
			},
			not: []string{update, "gcloud run jobs update", "gcloud builds submit"}},
		{name: "built twice", built: "SUCCESS\ti1\nFAILURE\ti0", previous: "rev-1", images: recorded("i1")},
		{name: "image by tag", builder: "r/builder:latest", fails: true, images: before,
			says: []string{"run infra/builder.sh"}, not: []string{"gcloud", "terraform"}},
		{name: "tests that failed", tests: "FAILURE\tt1", fails: true, images: before,
			says: []string{"rollcall-test failed for abc1234"}, not: []string{signs, "terraform"}},
		{name: "tests that never began", tests: "-", fails: true, images: before,
			says: []string{"rollcall-test has not run for abc1234"}, not: []string{signs, "terraform"}},
		{name: "images that failed", built: "FAILURE\ti1", fails: true, images: before,
			says: []string{"rollcall-images failed for abc1234"}, not: []string{signs, "terraform"}},
		{name: "images that were never built", built: "-", fails: true, images: before,
			says: []string{"rollcall-images has not run for abc1234"}, not: []string{signs, "terraform"}},
		{name: "older commit", committed: "999", fails: true, images: before,
			says: []string{"abc1234 is older than what is deployed"}, not: []string{signs, "terraform"}},
		{name: "image without provenance", of: "-", fails: true, images: before,
			says: []string{"webhook@sha256:webhook has no provenance of build i1"}, not: []string{signs, "terraform", update}},
		{name: "image of another build", of: "i0", fails: true, images: before,
			says: []string{"webhook@sha256:webhook has no provenance of build i1"}, not: []string{signs, "terraform", update}},
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
				"TESTS=" + or(tt.tests, "SUCCESS\tt1"), "IMAGES=" + or(tt.built, "SUCCESS\ti1"), "PROVENANCE=" + or(tt.of, "i1"), "COMMITTED=" + or(tt.committed, "2000"), "PREVIOUS=" + tt.previous, "FAILING=" + tt.failing}
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

// TestImagesFromLaptop: Cloud Build also builds what a laptop deploys, from the commit and not from the files beside it.
func TestImagesFromLaptop(t *testing.T) {
	const images = "infra/images.sh"
	env := []string{"PROJECT_ID=p", "REGION=r", "BUCKET=state", "COMMITTED=2000", "PROVENANCE=i2"}
	w := newWorkplace(t)
	said, calls, err := w.run(t, images, env...)
	if diff := cmp.Diff(recorded("i2"), w.read(t, "images.tfvars.json")); err != nil || diff != "" {
		t.Errorf("%v: %s\nrecorded (-want +got):\n%s", err, said, diff)
	}
	const submit = "--substitutions _BUILDER=r/builder@sha256:4,_IMAGES=r-docker.pkg.dev/p/rollcall,_STATE_BUCKET=state " +
		"--service-account projects/p/serviceAccounts/rollcall-deployer@p.iam.gserviceaccount.com"
	if !slices.ContainsFunc(calls, func(c string) bool {
		return strings.HasPrefix(c, "gcloud builds submit /") && strings.Contains(c, "/source.tar.gz --config infra/images.yaml --region r "+submit)
	}) || !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "git archive ") && strings.HasSuffix(c, " HEAD") }) {
		t.Errorf("not built from HEAD by Cloud Build:\n%s", strings.Join(calls, "\n"))
	}

	w = newWorkplace(t)
	if err := os.Remove(filepath.Join(w.bucket, "builder.tfvars.json")); err != nil {
		t.Fatal(err)
	}
	if said, _, err := w.run(t, images, env...); err == nil || !strings.Contains(said, "run infra/builder.sh") {
		t.Errorf("%v: %s", err, said)
	}
}

// TestSBOM: an image's list of contents is attached to the digest that is deployed, once.
func TestSBOM(t *testing.T) {
	env := []string{"PROJECT_ID=p", "REGION=r", "BUCKET=state", "BUILD=i1", "COMMITTED=2000", "PROVENANCE=i1"}
	attached := func(calls []string) (all []string) {
		for _, c := range calls {
			if name, rest, create := strings.Cut(strings.TrimPrefix(c, "gcloud artifacts attachments create "), " "); create && strings.Contains(rest, "--attachment-type application/spdx+json") {
				_, target, _ := strings.Cut(rest, "--target ")
				all = append(all, name+" "+target)
			}
		}
		return all
	}
	var want []string
	for _, program := range deployables {
		want = append(want, program+"-i1 projects/p/locations/r/repositories/rollcall/packages/"+program+"/versions/sha256:"+program)
	}
	w := newWorkplace(t)
	said, calls, err := w.run(t, "infra/images.sh", env...)
	if diff := cmp.Diff(want, attached(calls)); err != nil || diff != "" {
		t.Errorf("%v: %s\nattached (-want +got):\n%s", err, said, diff)
	}
	w = newWorkplace(t)
	if said, calls, err = w.run(t, "infra/images.sh", append(env, "PREVIOUS=attachment")...); err != nil || len(attached(calls)) > 0 {
		t.Errorf("attached again: %v: %s\n%v", err, said, attached(calls))
	}
}

// TestBuilderScript: builds and laptops find the builder's image where it was recorded.
func TestBuilderScript(t *testing.T) {
	w := newWorkplace(t)
	if said, _, err := w.run(t, "infra/builder.sh", "PROJECT_ID=p", "REGION=r", "BUCKET=state"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	const want = `{"builder": "r-docker.pkg.dev/p/rollcall/builder@sha256:4"}` + "\n"
	if diff := cmp.Diff(want, w.read(t, "builder.tfvars.json")); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if said, calls, err := w.run(t, "infra/terraform.sh plan", "BUCKET=state"); err != nil || !slices.Contains(calls, strings.TrimSpace(want)) {
		t.Errorf("%v: %s\n%s", err, said, strings.Join(calls, "\n"))
	}
}

// TestTerraformScript: a laptop applies what a build would, and refuses settings of its own.
func TestTerraformScript(t *testing.T) {
	const plan = "infra/terraform.sh plan -lock=false"
	bucket := "BUCKET=state"
	t.Run("plan", func(t *testing.T) {
		w := newWorkplace(t)
		w.write(t, "images.tfvars.json", recorded("i1"))
		said, calls, err := w.run(t, plan, bucket)
		if err != nil || !slices.Contains(calls, "settings") || !slices.Contains(calls, strings.TrimSpace(recorded("i1"))) {
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
