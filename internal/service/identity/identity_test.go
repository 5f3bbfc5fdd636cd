package identity_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/api/idtoken"

	"rollcall/internal/service/identity"
	"rollcall/internal/service/identity/identitytest"
)

// google serves the keys of service accounts' tokens.
type google struct {
	*identitytest.Google
	keys    string
	fetches atomic.Int32
	down    atomic.Bool
}

func (g *google) RoundTrip(r *http.Request) (*http.Response, error) {
	g.fetches.Add(1)
	time.Sleep(100 * time.Millisecond)
	if g.down.Load() {
		return nil, errors.New("no route to host")
	}
	return identitytest.Answer(r, g.keys), nil
}

// token is valid for a day.
func (g *google) token(t *testing.T) string {
	t.Helper()
	return g.Token(t, map[string]any{"aud": "a", "exp": time.Now().Add(24 * time.Hour).Unix()})
}

// forged is a token with an unknown key.
func (g *google) forged(t *testing.T) string {
	t.Helper()
	return identitytest.Sign(t, map[string]any{"alg": "RS256", "kid": "k2"}, map[string]any{"aud": "a", "exp": time.Now().Add(time.Hour).Unix()},
		func([]byte) []byte { return make([]byte, 256) })
}

// inBubble runs f with a validator that may keep keys for 1000 seconds.
func inBubble(t *testing.T, f func(*testing.T, *google, *idtoken.Validator)) {
	known := identitytest.New(t)
	synctest.Test(t, func(t *testing.T) {
		g := &google{Google: known, keys: known.Keys(t)}
		v, err := identity.NewValidator(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		f(t, g, v)
	})
}

// TestOneFetch: concurrent tokens, valid and forged ones, cause one fetch of the keys.
func TestOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := v.Validate(t.Context(), g.token(t), "a"); err != nil {
					t.Error(err)
				}
				if _, err := v.Validate(t.Context(), g.forged(t), "a"); err == nil || errors.Is(err, identity.ErrKeys) {
					t.Errorf("forged: %v", err)
				}
			})
		}
		all.Wait()
		if n := g.fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestKeysAway: without keys every token fails with ErrKeys, and keys are fetched at most every five seconds.
func TestKeysAway(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		g.down.Store(true)
		for range 100 { // ten seconds
			for _, token := range []string{g.token(t), g.forged(t)} {
				if _, err := v.Validate(t.Context(), token, "a"); !errors.Is(err, identity.ErrKeys) {
					t.Fatal(err)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := g.fetches.Load(); n > 3 {
			t.Errorf("%d fetches in ten seconds", n)
		}
		g.down.Store(false)
		time.Sleep(5 * time.Second)
		if _, err := v.Validate(t.Context(), g.token(t), "a"); err != nil {
			t.Errorf("Google is back: %v", err)
		}
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Validate(hurried, g.token(t), "a"); err != nil {
			t.Errorf("the keys are there: %v", err)
		}
	})
}

// TestKeysAreKept: while keys are valid, no token waits for a fetch, and a short outage does no harm.
func TestKeysAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		check := func(what string, want error) {
			t.Helper()
			start := time.Now()
			_, err := v.Validate(t.Context(), g.token(t), "a")
			if !errors.Is(err, want) || want == nil && time.Since(start) > 0 && what != "fetched" {
				t.Errorf("%s: %v after %v", what, err, time.Since(start))
			}
			synctest.Wait()
		}
		check("fetched", nil)
		time.Sleep(700 * time.Second)
		check("fresh", nil)
		if n := g.fetches.Load(); n != 1 {
			t.Errorf("%d fetches of fresh keys", n)
		}
		g.down.Store(true)
		time.Sleep(100 * time.Second)
		check("to be renewed, and Google is away", nil)
		time.Sleep(100 * time.Second)
		check("still valid", nil)
		time.Sleep(200 * time.Second)
		check("no longer valid", identity.ErrKeys)
		g.down.Store(false)
		time.Sleep(5 * time.Second)
		check("fetched", nil)
		time.Sleep(800 * time.Second)
		check("to be renewed", nil)
		time.Sleep(time.Second)
		before := g.fetches.Load()
		time.Sleep(500 * time.Second)
		if check("renewed before that", nil); g.fetches.Load() != before {
			t.Error("fetched again")
		}
	})
}

func TestAlgorithm(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	header := encode([]byte(`{"alg":"ES256"}`))
	for token, want := range map[string]string{
		header + ".x." + encode(make([]byte, 64)): "ES256 64", header + ".x.": "ES256 0", header + ".x": " 0", header + ".x.!": " 0", "!.x.AA": " 0", "": " 0", "..": " 0",
	} {
		if name, size := identity.Algorithm(token); fmt.Sprint(name, " ", size) != want {
			t.Errorf("%q: %s, %d bytes", token, name, size)
		}
	}
}
