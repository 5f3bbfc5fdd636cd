package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// slow is a store that answers only once it may.
type slow struct {
	nobody
	answer chan struct{}
}

func (s slow) Users(ctx context.Context, team string, req directory.PageRequest) (directory.Page, error) {
	<-s.answer
	return s.nobody.Users(ctx, team, req)
}

// TestRows: requests in progress hold a bounded number of rows; further ones wait, or are told to retry.
func TestRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, token := newToken(t, time.Time{})
		store := slow{nobody{t}, make(chan struct{})}
		h := New(Options{People: store, Workspaces: store, History: store, Tokens: &memory{all: map[string]tokens.Token{token.Hash: token}}, Rate: 1000,
			Log: slog.New(slog.DiscardHandler)})
		ask := func(query string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, prefix+query, nil)
			r.Header.Set("Authorization", "Bearer "+text)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		var wg sync.WaitGroup
		under := func(n int) {
			for range n {
				wg.Go(func() {
					if w := ask("users.list?limit=1000"); w.Code != http.StatusOK {
						t.Errorf("status %d: %s", w.Code, w.Body)
					}
				})
			}
			synctest.Wait()
		}
		under(maxRowsInMemory / maxLimit)
		if w := ask("users.list?limit=1"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
			t.Errorf("one too many: status %d: %s", w.Code, w.Body)
		}
		if w := ask("team.profile.get"); w.Code != http.StatusOK {
			t.Errorf("without rows: status %d: %s", w.Code, w.Body)
		}
		under(1) // waits
		close(store.answer)
		wg.Wait()
		under(maxRowsInMemory / maxLimit) // all is given back
		wg.Wait()
	})
}
