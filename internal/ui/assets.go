package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/vearutop/statigz"
)

// Three files are from npm packages. Open Props 1.7.23 has the fonts, sizes and colours that base.css builds
// on. They are plain custom properties, which need no build, no special markup and no change to the
// Content-Security-Policy. The file has only those of its groups that pages use something of, each unchanged,
// because a telephone should not load the rest. modern-normalize 3.0.1 evens out the differences between browsers. htmx, the htmx.min.js
// of htmx.org 2.0.11, loads parts of a page into the current one.
//
//go:embed assets
var embedded embed.FS

// assetsPath changes with the assets' content, so browsers may cache them forever.
var assetsPath = "/assets/" + assetsHash() + "/"

func assetsHash() string {
	h := sha256.New()
	err := fs.WalkDir(embedded, "assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(path)
		h.Write([]byte(path))
		h.Write(b)
		return err
	})
	if err != nil {
		panic(err) // embedded files can be read
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// htmxConfig keeps htmx within the Content-Security-Policy (no eval, no inline style), keeps
// people's data out of the browser's storage, and shows error pages.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"historyCacheSize":0,"refreshOnHistoryMiss":true,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},` +
	`{"code":"[45]..","swap":true,"error":true,"target":"#content","select":"#content","swapOverride":"outerHTML"}]}`

// assets serves the embedded files. It compresses them once per process, on the first request, because
// doing it at start-up would delay every instance. Gzip is enough: Brotli saves 2 kB of 32, and its
// encoder adds 600 kB to the program.
func (h *handler) assets() http.Handler {
	files := sync.OnceValue(func() http.Handler {
		return http.StripPrefix(strings.TrimSuffix(assetsPath, "/"), statigz.FileServer(embedded,
			statigz.FSPrefix("assets"), statigz.EncodeOnInit, statigz.OnNotFound(h.notFound)))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("Content-Security-Policy", "default-src 'none'") // the policy of pages is long, and scripts and styles ignore it
		files().ServeHTTP(w, r)
	})
}
