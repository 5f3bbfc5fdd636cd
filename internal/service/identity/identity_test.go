package identity

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/api/idtoken"
)

// google answers for the address of the keys of service accounts' tokens.
type google struct {
	key     *rsa.PrivateKey
	fetches atomic.Int32
	down    atomic.Bool
	maxAge  string
}

func (g *google) RoundTrip(r *http.Request) (*http.Response, error) {
	g.fetches.Add(1)
	time.Sleep(100 * time.Millisecond)
	if g.down.Load() {
		return nil, errors.New("no route to host")
	}
	encode := base64.RawURLEncoding.EncodeToString
	body := fmt.Sprintf(`{"keys":[{"kid":"k1","kty":"RSA","alg":"RS256","n":%q,"e":%q}]}`, encode(g.key.N.Bytes()), encode(big.NewInt(int64(g.key.E)).Bytes()))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Cache-Control": {g.maxAge}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// token is good for a day. One of another kid is forged.
func (g *google) token(t *testing.T, kid string) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	content := part(map[string]string{"alg": "RS256", "kid": kid}) + "." + part(map[string]any{"aud": "a", "exp": time.Now().Add(24 * time.Hour).Unix()})
	sum := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(nil, g.key, 5, sum[:]) // 5 is crypto.SHA256
	if err != nil {
		t.Fatal(err)
	}
	return content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// inBubble runs f with a validator whose keys may be kept for 1000 seconds.
func inBubble(t *testing.T, f func(*testing.T, *google, *idtoken.Validator)) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		g := &google{key: key, maxAge: "public, max-age=1000, must-revalidate"}
		v, err := NewValidator(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		f(t, g, v)
	})
}

// TestOneFetch: however many tokens come at once, good and forged, the keys are fetched once.
func TestOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := v.Validate(t.Context(), g.token(t, "k1"), "a"); err != nil {
					t.Error(err)
				}
				if _, err := v.Validate(t.Context(), g.token(t, "k2"), "a"); err == nil || errors.Is(err, ErrKeys) {
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

// TestKeysAway: without keys nothing is known of any token, and Google is asked no more than every five seconds.
func TestKeysAway(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		g.down.Store(true)
		for range 100 { // ten seconds
			for _, kid := range []string{"k1", "k2"} {
				if _, err := v.Validate(t.Context(), g.token(t, kid), "a"); !errors.Is(err, ErrKeys) {
					t.Fatalf("%s: %v", kid, err)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := g.fetches.Load(); n > 3 {
			t.Errorf("%d fetches in ten seconds", n)
		}
		g.down.Store(false)
		time.Sleep(retryInterval)
		if _, err := v.Validate(t.Context(), g.token(t, "k1"), "a"); err != nil {
			t.Errorf("Google is back: %v", err)
		}
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Validate(hurried, g.token(t, "k1"), "a"); err != nil {
			t.Errorf("the keys are there: %v", err)
		}
	})
}

// TestKeysAreKept: as long as they are valid nobody waits for them, and an outage meanwhile is not noticed.
func TestKeysAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, g *google, v *idtoken.Validator) {
		check := func(what string, want error) {
			t.Helper()
			start := time.Now()
			_, err := v.Validate(t.Context(), g.token(t, "k1"), "a")
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
		check("no longer valid", ErrKeys)
		g.down.Store(false)
		time.Sleep(retryInterval)
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

func TestMaxAge(t *testing.T) {
	for said, want := range map[string]time.Duration{
		"max-age=300": 300 * time.Second, "public, Max-Age=300": 300 * time.Second, "": 0, "no-cache": 0, "max-age=x": 0, "max-age": 0, "s-maxage=7": 0,
	} {
		if got := maxAge(http.Header{"Cache-Control": {said}}); got != want {
			t.Errorf("%q: %v", said, got)
		}
	}
	if got := maxAge(http.Header{"Cache-Control": {"max-age=300"}, "Age": {"100"}}); got != 200*time.Second {
		t.Errorf("an old answer: %v", got)
	}
}

func TestAlgorithm(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	header := encode([]byte(`{"alg":"ES256"}`))
	for token, want := range map[string]string{
		header + ".x." + encode(make([]byte, 64)): "ES256 64", header + ".x.": "ES256 0", header + ".x": " 0", header + ".x.!": " 0", "!.x.AA": " 0", "": " 0", "..": " 0",
	} {
		if name, size := Algorithm(token); fmt.Sprint(name, " ", size) != want {
			t.Errorf("%q: %s, %d bytes", token, name, size)
		}
	}
}
