package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ui/iaptest"
)

const assertion = "X-Goog-IAP-JWT-Assertion"

// get is a browser's request through Identity-Aware Proxy.
func (w *world) get(t *testing.T, target string, edits ...edit) *message {
	t.Helper()
	return newMessage(http.MethodGet, target, "", w.token(t)).edited(edits)
}

// token is the header of a signed-in viewer.
func (w *world) token(t *testing.T) string {
	t.Helper()
	return assertion + ": " + w.proxy.Token(t, iaptest.Claims(audience, viewer))
}

// uiTokens are about the viewer's identity.
func uiTokens(t *testing.T, w *world) []hostile {
	claims := func(changes map[string]any) map[string]any {
		c := iaptest.Claims(audience, viewer)
		maps.Copy(c, changes)
		return c
	}
	header := func(changes map[string]any) map[string]any {
		h := iaptest.Header()
		maps.Copy(h, changes)
		return h
	}
	claiming := func(changes map[string]any) string { return w.proxy.Token(t, claims(changes)) }
	headed := func(changes map[string]any, sign func([]byte) []byte) string {
		return iaptest.Sign(t, header(changes), claims(nil), sign)
	}
	signed := func(b []byte) func([]byte) []byte { return func([]byte) []byte { return b } }
	hs256 := func(key []byte) func([]byte) []byte {
		return func(content []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(content)
			return mac.Sum(nil)
		}
	}
	good := claiming(nil)
	parts := strings.Split(good, ".")
	other := iaptest.New(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := func(content []byte) []byte {
		sum := sha256.Sum256(content)
		b, err := rsa.SignPKCS1v15(nil, rsaKey, 5, sum[:]) // 5 is crypto.SHA256
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	der := func(content []byte) []byte {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		b, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	forged := map[string]string{
		"empty":                         "",
		"one part":                      "x",
		"three parts of nothing":        "..",
		"garbage":                       "x.y.z",
		"four parts":                    good + ".x",
		"two parts":                     parts[0] + "." + parts[1],
		"alg none":                      headed(map[string]any{"alg": "none"}, signed(nil)),
		"alg none, signature kept":      headed(map[string]any{"alg": "none"}, w.proxy.ES256),
		"alg NONE":                      headed(map[string]any{"alg": "NONE"}, signed(make([]byte, 64))),
		"no alg":                        headed(map[string]any{"alg": nil}, w.proxy.ES256),
		"alg is a list":                 headed(map[string]any{"alg": []string{"ES256"}}, w.proxy.ES256),
		"HS256 with the public key":     headed(map[string]any{"alg": "HS256"}, hs256(w.proxy.PublicKey(t))),
		"HS256, labelled as ES256":      headed(nil, hs256(w.proxy.PublicKey(t))),
		"RS256 with the attacker's key": headed(map[string]any{"alg": "RS256"}, rs256),
		"RS256, 64 bytes":               headed(map[string]any{"alg": "RS256"}, w.proxy.ES256),
		"ES384":                         headed(map[string]any{"alg": "ES384"}, w.proxy.ES256),
		"an unknown key":                headed(map[string]any{"kid": "k2"}, w.proxy.ES256),
		"a key by URL":                  headed(map[string]any{"kid": "../../etc/passwd", "jku": "https://evil.example/k", "x5u": "https://evil.example/k"}, w.proxy.ES256),
		"another's key":                 other.Token(t, claims(nil)),
		"an embedded key":               iaptest.Sign(t, header(map[string]any{"jwk": map[string]string{"kty": "EC"}}), claims(nil), other.ES256),
		"no signature":                  headed(nil, signed(nil)),
		"a signature of one byte":       headed(nil, signed([]byte{1})),
		"a signature of 31 bytes":       headed(nil, signed(make([]byte, 31))),
		"a signature of zeros":          headed(nil, signed(make([]byte, 64))),
		"a signature of 128 bytes":      headed(nil, signed(make([]byte, 128))),
		"a signature in DER":            headed(nil, der),
		"claims changed":                parts[0] + "." + strings.Split(claiming(map[string]any{"email": "root@example.com"}), ".")[1] + "." + parts[2],
		"signature of another token":    strings.Join(parts[:2], ".") + "." + strings.Split(claiming(map[string]any{"sub": "2"}), ".")[2],
		"another audience":              claiming(map[string]any{"aud": "/projects/2/locations/europe-west1/services/ui"}),
		"no audience":                   claiming(map[string]any{"aud": nil}),
		"empty audience":                claiming(map[string]any{"aud": ""}),
		"a list of audiences":           claiming(map[string]any{"aud": []string{audience}}),
		"audience with an extra slash":  claiming(map[string]any{"aud": audience + "/"}),
		"another issuer":                claiming(map[string]any{"iss": "https://accounts.google.com"}),
		"issuer without https":          claiming(map[string]any{"iss": "cloud.google.com/iap"}),
		"no issuer":                     claiming(map[string]any{"iss": nil}),
		"expired":                       claiming(map[string]any{"exp": ago(time.Minute)}),
		"no expiry":                     claiming(map[string]any{"exp": nil}),
		"expiry is text":                claiming(map[string]any{"exp": "9999999999"}),
		"expiry beyond 64 bits":         claiming(map[string]any{"exp": 1e300}),
		"issued in an hour":             claiming(map[string]any{"iat": ago(-time.Hour)}),
		"issued at the end of time":     claiming(map[string]any{"iat": int64(1) << 62}),
		"good, in quotes":               `"` + good + `"`,
		"good, as a bearer":             "Bearer " + good,
		"good, with padding":            good + "=",
		"good twice in one":             good + "," + good,
		"good, with a NUL in base64":    parts[0] + ".AA" + parts[1] + "." + parts[2],
		"60 KB of letters":              strings.Repeat("A", 60_000),
		"60 KB of dots":                 strings.Repeat(".", 60_000),
		"60 KB of claims":               claiming(map[string]any{"email": strings.Repeat("a", 45_000), "aud": "x"}),
	}
	var all []hostile
	for _, name := range slices.Sorted(maps.Keys(forged)) {
		all = append(all, hostile{name: "token: " + name, send: newMessage("GET", "/", "", assertion+": "+forged[name]), status: 401})
	}
	without := func(method, target string, lines ...string) *message { return newMessage(method, target, "", lines...) }
	return append(all,
		hostile{name: "no token", send: without("GET", "/"), status: 401},
		hostile{name: "no token, a person", send: without("GET", "/users/"+team+"/U0WILHELMINA"), status: 401},
		hostile{name: "no token, changes", send: without("GET", "/changes"), status: 401},
		hostile{name: "no token, an export of changes", send: without("GET", "/changes.json"), status: 401},
		hostile{name: "no token, an export", send: without("GET", "/users.csv"), status: 401},
		hostile{name: "no token, the events", send: without("GET", "/events"), status: 401},
		hostile{name: "no token, a sync", send: without("POST", "/sync", "Sec-Fetch-Site: same-origin"), status: 401},
		hostile{name: "no token, a path that must be cleaned", send: without("GET", "//users.csv"), status: 401},
		hostile{name: "no token, a path that is not there", send: without("GET", "/nowhere"), status: 401},
		hostile{name: "no token, OPTIONS *", send: without("OPTIONS", "*"), status: 401},
		hostile{name: "no token, health and a path", send: without("GET", "/health/../users.csv"), status: 401},
		hostile{name: "no token, percent-encoded health", send: without("GET", "/%68ealth"), status: 200, body: "ok\n"},
		hostile{name: "only the headers that are not signed", send: without("GET", "/", "X-Goog-Authenticated-User-Email: accounts.google.com:"+viewer, "X-Goog-Authenticated-User-ID: accounts.google.com:1"), status: 401},
		hostile{name: "good as authorization", send: without("GET", "/", "Authorization: Bearer "+good), status: 401},
		hostile{name: "good as a cookie", send: without("GET", "/", "Cookie: GCP_IAAP_AUTH_TOKEN="+good), status: 401},
		hostile{name: "good in the query", send: without("GET", "/?"+assertion+"="+good), status: 401},
		hostile{name: "a wrong token after the good one", send: without("GET", "/", assertion+": "+good, assertion+": x"), status: 401},
		hostile{name: "the good one twice", send: without("GET", "/", assertion+": "+good, assertion+": "+good), status: 401},
		hostile{name: "good in lower case", send: without("GET", "/", strings.ToLower(assertion)+": "+good), status: 200, holds: "Signed in as </span><bdi>" + viewer},
		hostile{name: "good, and another name beside it", send: without("GET", "/", assertion+": "+good, "X-Goog-Authenticated-User-Email: root@example.com"), status: 200, holds: "Signed in as </span><bdi>" + viewer},
		hostile{name: "an address of markup", send: without("GET", "/", assertion+": "+claiming(map[string]any{"email": "<script>alert(1)</script>"})), status: 200, holds: "&lt;script&gt;"},
		hostile{name: "an address that is a number", send: without("GET", "/", assertion+": "+claiming(map[string]any{"email": 7})), status: 200, holds: "Wilhelmina"},
	)
}
