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
// hardly any classes.
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
