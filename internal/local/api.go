package local

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// apiRate is more than one program on this machine needs: nobody is to be kept out.
const apiRate = 10_000

// key is the one token of this process. It opens whatever is loaded, and ends with the process.
type key struct {
	text       string
	token      tokens.Token
	workspaces interface {
		Workspaces(context.Context) ([]directory.Workspace, error)
	}
}

func newKey(store Store, now time.Time) (*key, error) {
	// The workspaces become known only with the first sync.
	text, token, err := tokens.New("local", []string{"T0"}, tokens.Scopes, now, time.Time{})
	return &key{text, token, store}, err
}

var errNothingLoaded = errors.New("no workspace is loaded yet")

// Token returns the token with that hash, or [directory.ErrNotFound].
func (k *key) Token(ctx context.Context, hash string) (tokens.Token, error) {
	if hash != k.token.Hash {
		return tokens.Token{}, directory.ErrNotFound
	}
	all, err := k.workspaces.Workspaces(ctx)
	if err != nil {
		return tokens.Token{}, err
	}
	t := k.token
	t.Workspaces = nil
	for _, w := range all {
		if !w.Hidden {
			t.Workspaces = append(t.Workspaces, w.ID)
		}
	}
	if len(t.Workspaces) == 0 {
		return tokens.Token{}, errNothingLoaded
	}
	return t, nil
}

// split sends what is under /api and /mcp to the API, before any ServeMux that would redirect it, and the
// rest to the pages.
func split(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" || r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
