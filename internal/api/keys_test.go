package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// memory is a store of tokens that counts how often it is read.
type memory struct {
	mu    sync.Mutex
	all   map[string]tokens.Token
	reads int
	err   error
}

func (m *memory) Token(_ context.Context, hash string) (tokens.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	t, known := m.all[hash]
	if !known && m.err == nil {
		return t, directory.ErrNotFound
	}
	return t, m.err
}

func (m *memory) put(t tokens.Token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[t.Hash] = t
}

func newToken(t *testing.T, expires time.Time) (string, tokens.Token) {
	t.Helper()
	text, token, err := tokens.New("test", []string{team}, tokens.Scopes, time.Now(), expires)
	if err != nil {
		t.Fatal(err)
	}
	return text, token
}

// TestRevoked: a revoked token is refused within a minute, an expired one at once.
func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{all: map[string]tokens.Token{}}
		k := newKeys(store, 100, time.Now)
		text, token := newToken(t, time.Now().Add(time.Hour))
		store.put(token)
		admitted := func(want error) {
			t.Helper()
			// The log names it in any case.
			if got, err := k.admit(t.Context(), text); !errors.Is(err, want) || got.Name != "test" {
				t.Errorf("token %q, error %v, want %v", got.Name, err, want)
			}
		}
		for range 10 {
			admitted(nil)
		}
		if store.reads != 1 {
			t.Errorf("%d reads of one token", store.reads)
		}
		for range 59 { // use does not keep a token alive
			time.Sleep(time.Second)
			admitted(nil)
		}
		token.RevokedAt = time.Now()
		store.put(token)
		time.Sleep(time.Minute)
		admitted(errTokenRevoked)

		text, token = newToken(t, time.Now().Add(10*time.Second))
		store.put(token)
		admitted(nil)
		time.Sleep(10 * time.Second)
		admitted(errTokenExpired)
	})
}

// TestGuessing: guessing tokens causes few reads, and does not keep known tokens out.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{all: map[string]tokens.Token{}}
		k := newKeys(store, 1000, time.Now)
		text, token := newToken(t, time.Time{})
		store.put(token)
		if _, err := k.admit(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		limited := 0
		for range 1000 {
			guess, _ := newToken(t, time.Time{})
			_, err := k.admit(t.Context(), guess)
			if _, ok := errors.AsType[rateLimited](err); ok {
				limited++
			} else if !errors.Is(err, errInvalidAuth) {
				t.Fatal(err)
			}
		}
		if store.reads != maxLookupBurst || limited != 1001-maxLookupBurst {
			t.Errorf("%d reads, %d refused", store.reads, limited)
		}
		if _, err := k.admit(t.Context(), text); err != nil {
			t.Errorf("a known token: %v", err)
		}
		store.err = errors.New("down")
		time.Sleep(time.Minute)
		if _, err := k.admit(t.Context(), text); !errors.Is(err, store.err) {
			t.Errorf("without a store: %v", err)
		}
	})
}

// TestRate: over its rate a token gets 429 with Retry-After, and others are not affected.
func TestRate(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	w.serve(t, 2, time.Now)
	w.sync(t)
	token, other := w.token(t, tokens.TeamRead), w.token(t, tokens.TeamRead)
	limited := 0
	for range 6 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+"team.info", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		status, header, answer := send(t, r)
		switch {
		case status == http.StatusTooManyRequests && header.Get("Retry-After") == "1" && answer["error"] == "ratelimited" && answer["ok"] == false:
			limited++
		case status != http.StatusOK || answer["ok"] != true:
			t.Errorf("status %d, header %v: %v", status, header, answer)
		}
	}
	if limited == 0 {
		t.Error("nothing is limited")
	}
	if _, answer := w.ask(t, other, "team.info"); answer["ok"] != true {
		t.Errorf("another token: %v", answer)
	}
}
