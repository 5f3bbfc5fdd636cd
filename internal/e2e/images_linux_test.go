package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
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

	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
)

// maxImage bounds the compressed layers of an image.
const maxImage = 12_000_000

// TestImages: ko builds what is deployed, the same each time, into small images
// that start as their own user, answer and end on SIGTERM. The registry is the test's own,
// and no more than Artifact Registry does it let a tag move: a build that is run again must not
// need that, neither for an image nor for its list of contents.
func TestImages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images")
	}
	ko, err := exec.LookPath("ko")
	if err != nil {
		const how = "no ko: go install -modfile=internal/tools/go.mod github.com/google/ko, and have $(go env GOPATH)/bin in PATH"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	server := httptest.NewServer(immutableTags(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	base := host + "/base:nonroot"
	pushImage(t, base)

	names := []string{"webhook", "worker", "ui", "api", "fullsync"}
	build := func() map[string]string {
		args := []string{"build", "--base-import-paths"}
		for _, name := range names {
			args = append(args, "./functions/"+name)
		}
		c := exec.CommandContext(t.Context(), ko, args...)
		c.Dir = filepath.Join("..", "..")
		c.Env = append(os.Environ(), "KO_DOCKER_REPO="+host, "KO_DEFAULTBASEIMAGE="+base)
		var failures bytes.Buffer
		c.Stderr = &failures
		out, err := c.Output()
		if err != nil {
			t.Fatalf("ko: %v\n%s", err, &failures)
		}
		images := map[string]string{}
		for ref := range strings.FieldsSeq(string(out)) {
			repository, _, _ := strings.Cut(ref, "@")
			images[path.Base(repository)] = ref
		}
		return images
	}
	images := build()
	if diff := cmp.Diff(images, build()); diff != "" {
		t.Errorf("built again (-first +second):\n%s", diff)
	}

	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	t.Setenv("K_SERVICE", "")
	for _, n := range names {
		t.Run(n, func(t *testing.T) {
			ref, err := name.ParseReference(images[n])
			if err != nil {
				t.Fatal(err, images)
			}
			image, err := remote.Image(ref)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := remote.Image(ref.Context().Tag(strings.Replace(ref.Identifier(), ":", "-", 1) + ".sbom")); err != nil {
				t.Errorf("no SBOM: %v", err)
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

// immutableTags refuses to move a tag to another manifest, as Artifact Registry does.
func immutableTags(registry http.Handler) http.Handler {
	var mu sync.Mutex
	digests := map[string]string{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && !strings.Contains(r.URL.Path, "/manifests/sha256:") {
			manifest, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(manifest))
			digest := fmt.Sprintf("%x", sha256.Sum256(manifest))
			mu.Lock()
			before := digests[r.URL.Path]
			if before == "" {
				digests[r.URL.Path] = digest
			}
			mu.Unlock()
			if before != "" && before != digest {
				http.Error(w, "the repository has enabled tag immutability", http.StatusBadRequest)
				return
			}
		}
		registry.ServeHTTP(w, r)
	})
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
