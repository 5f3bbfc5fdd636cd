package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
)

// Pico CSS 2.1.1 is @picocss/pico of the npm registry, its classless build
// unchanged: it styles plain HTML, light and dark, so that the markup needs
// hardly any classes. htmx 2.0.11 is htmx.org of the same registry, its
// htmx.min.js unchanged: it puts parts of the next page into this one.
//
//go:embed assets
var embedded embed.FS

// assetsPath changes with the assets' content, so that browsers may keep them for good.
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
		panic(err) // what is embedded can be read
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// htmxConfig keeps htmx within the Content-Security-Policy (nothing evaluated,
// no style of its own), people's data out of the browser's storage, and shows
// error pages.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"historyCacheSize":0,"refreshOnHistoryMiss":true,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},` +
	`{"code":"[45]..","swap":true,"error":true,"target":"#content","select":"#content","swapOverride":"outerHTML"}]}`

func assets() http.Handler {
	files, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	server := http.StripPrefix(assetsPath, http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		server.ServeHTTP(w, r)
	})
}
