package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"go.yaml.in/yaml/v3"

	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
)

// maxImage bounds the compressed layers of an image.
const maxImage = 12_000_000

// TestImages runs the script of infra/images.yaml twice: ko builds what is deployed, the same each time, into small images
// that start as their own user, answer and end on SIGTERM.
func TestImages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash to run the script with: install your system's package bash")
	}
	// First, because the images are not worth building where none can be started.
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	base := strings.TrimPrefix(server.URL, "http://") + "/base:nonroot"
	pushImage(t, base)
	first, second := buildImages(t, base, "1"), buildImages(t, base, "2")
	if diff := cmp.Diff(first.ids(t), second.ids(t)); diff != "" {
		t.Errorf("images built again (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(first.contents(t), second.contents(t)); diff != "" {
		t.Errorf("SBOMs made again (-first +second):\n%s", diff)
	}

	t.Setenv("K_SERVICE", "")
	for _, n := range deployables {
		t.Run(n, func(t *testing.T) {
			image := first.image(t, n)
			if sbom := first.contents(t)[n]; !strings.Contains(sbom, `"pkg:golang/rollcall@`) || !strings.Contains(sbom, `"pkg:golang/github.com/googleapis/gax-go/v2@`) {
				t.Errorf("the SBOM does not name the modules:\n%.500s", sbom)
			}
			manifest, err := image.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			size := int64(0)
			for _, layer := range manifest.Layers {
				size += layer.Size
			}
			t.Logf("%s: %.1f MB compressed", n, float64(size)/1e6)
			if size > maxImage {
				t.Errorf("%d bytes", size)
			}
			dir := t.TempDir()
			entry := unpack(t, image, dir)
			if n == "fullsync" { // not a server: without its settings it names them
				c := inImage(t, dir, entry)
				out, err := c.CombinedOutput()
				if c.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "SLACK_BOT_TOKENS") {
					t.Errorf("ended by %v:\n%s", err, out)
				}
				return
			}
			p := system.Start(t, inImage(t, dir, entry), 0, "GOOGLE_CLOUD_PROJECT=images", "SLACK_SIGNING_SECRET="+system.Secret, "AUTH=none")
			switch n {
			case "webhook":
				drains(t, p, "/slack/events", `{"type":"none"}`, http.StatusOK)
			case "worker":
				drains(t, p, "/", `{"not":"an envelope"}`, http.StatusBadRequest)
			default:
				p.Stop(t)
			}
		})
	}
}

// deployables are the programs whose images infra/images.yaml builds.
var deployables = []string{"webhook", "worker", "ui", "api", "fullsync"}

// built is what a run of the script hands to Docker and to Cloud Storage.
type built struct{ folder, id string }

// buildImages runs the script of infra/images.yaml. Docker and the bucket are folders.
func buildImages(t *testing.T, base, id string) built {
	t.Helper()
	source, err := os.ReadFile("../../infra/images.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Steps []struct{ Script string } }
	if err := yaml.Unmarshal(source, &config); err != nil {
		t.Fatal(err)
	}
	b := built{folder: t.TempDir(), id: id}
	for program, script := range map[string]string{
		"docker": `[ "$1 $2" = "load --input" ] && mv "$3" "$BUILT/loaded.tar"`,
		"gcloud": `[ "$1 $2 $3" = "storage cp --recursive" ] && [ "$5" = "gs://state/builds/$BUILD_ID" ] && mv "$4" "$BUILT/uploaded"`,
	} {
		if err := os.WriteFile(filepath.Join(b.folder, program), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(config.Steps[0].Script, "/built", b.folder))
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), "PATH="+b.folder+":"+os.Getenv("PATH"), "BUILT="+b.folder, "KO_DEFAULTBASEIMAGE="+base,
		"_BUILDER=builder@sha256:0", "_IMAGES="+imagesRepository, "_STATE_BUCKET=state", "BUILD_ID="+id)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return b
}

const imagesRepository = "europe-west1-docker.pkg.dev/images/rollcall"

// image returns an image under the name by which infra/images.yaml has Cloud Build push it.
func (b built) image(t *testing.T, program string) v1.Image {
	t.Helper()
	tag, err := name.NewTag(imagesRepository + "/" + program + ":" + b.id)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(filepath.Join(b.folder, "loaded.tar"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// ids returns the images' IDs, which are hashes of what is in them: Docker's compression does not change them.
func (b built) ids(t *testing.T) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, program := range deployables {
		id, err := b.image(t, program).ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		ids[program] = id.String()
	}
	return ids
}

// contents returns the images' SBOMs, from where infra/images.sh takes them.
func (b built) contents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, program := range deployables {
		sbom, err := os.ReadFile(filepath.Join(b.folder, "uploaded", program+"-linux-amd64.spdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		all[program] = string(sbom)
	}
	return all
}

// drains stops p while it reads a request, and expects an answer.
func drains(t *testing.T, p *system.Process, path, body string, want int) {
	t.Helper()
	reader, writer := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Address+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.ContentLength = fakeslack.Sign(system.Secret, time.Now(), []byte(body)), int64(len(body))
	answered := make(chan string, 1)
	go func() {
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		answer.Body.Close()
		answered <- answer.Status
	}()
	if _, err := io.WriteString(writer, body[:1]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // the request is in flight
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	system.Eventually(t, 5*time.Second, "it takes nothing new", func() bool {
		answer, err := http.Get(p.Address + "/health")
		if err == nil {
			answer.Body.Close()
		}
		return err != nil || answer.StatusCode == http.StatusServiceUnavailable
	})
	if _, err := io.WriteString(writer, body[1:]); err != nil {
		t.Fatal(err)
	}
	if status := <-answered; !strings.HasPrefix(status, fmt.Sprint(want)) {
		t.Errorf("what was under way is answered %q, want %d", status, want)
	}
	if err := p.Command.Wait(); err != nil {
		t.Errorf("ended by %v:\n%s", err, p.Output)
	}
}

// pushImage pushes a base like the real one: with a platform, certificates and a user.
func pushImage(t *testing.T, ref string) {
	t.Helper()
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(
		w.WriteHeader(&tar.Header{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Size: int64(len(certificates))}),
		func() error { _, err := w.Write(certificates); return err }(), w.Close(),
	); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture, config.Config.User = "linux", "amd64", fmt.Sprint(nonroot)
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	tag, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
}

// nonroot is the user of distroless images.
const nonroot = 65532

// unpack writes an image's files below dir and returns its entry point.
func unpack(t *testing.T, image v1.Image, dir string) string {
	t.Helper()
	files := mutate.Extract(image)
	defer files.Close()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		local := strings.TrimPrefix(h.Name, "/")
		path := filepath.Join(dir, local)
		if !filepath.IsLocal(local) {
			t.Fatalf("%s is outside", h.Name)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, h.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != fmt.Sprint(nonroot) || len(config.Config.Entrypoint) != 1 {
		t.Fatalf("runs %v as %q", config.Config.Entrypoint, config.Config.User)
	}
	return config.Config.Entrypoint[0]
}

// inImage runs a program without this machine's files and as the image's
// user, if this machine allows it.
func inImage(t *testing.T, dir, entry string) *exec.Cmd {
	t.Helper()
	c := exec.Command(filepath.Join(dir, entry))
	if os.Geteuid() == 0 {
		c = &exec.Cmd{Path: entry, Args: []string{entry}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{
			Chroot: dir, Credential: &syscall.Credential{Uid: nonroot, Gid: nonroot},
		}}
	}
	c.Env = []string{}
	return c
}
