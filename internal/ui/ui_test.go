package ui

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var sincePattern = regexp.MustCompile(`since=[A-Z0-9]+-\d+`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, assetsPath, "/assets/HASH/")
	got = sincePattern.ReplaceAllString(got, "since=EPOCH-0")
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", name, diff)
	}
}

func TestPages(t *testing.T) {
	many := &fake{workspaces: []directory.Workspace{{ID: "T0HIDDEN", Hidden: true}, {ID: "T0OTHER"}, {ID: team, Name: "Marlow & Finch"}}}
	for i := range 120 {
		many.users = append(many.users, user(t, fmt.Sprintf(`{"id":"U%03d","name":"n%d"}`, i, i)))
	}
	after := directory.CursorOf(many.users[49])
	tests := []struct {
		name   string
		fake   *fake
		path   string
		status int
	}{
		{"table", people(t), "/", 200},
		{"nobody", &fake{}, "/", 200},
		{"empty workspace", &fake{workspaces: []directory.Workspace{{ID: team}}}, "/?team=" + team, 200},
		{"middle page", many, "/?team=" + team + "&after=" + after.String(), 200},
		{"person", people(t), "/users/" + team + "/U1", 200},
		{"deactivated", people(t), "/users/" + team + "/U2", 200},
		{"removed", people(t), "/users/" + team + "/U4", 200},
		{"forgotten", people(t), "/users/" + team + "/U5", 200},
		{"no such person", people(t), "/users/" + team + "/U404", 404},
		{"no such workspace", people(t), "/?team=T404", 404},
		{"no such path", people(t), "/admin", 404},
		{"bad cursor", people(t), "/?after=x", 400},
		{"both ways", people(t), "/?after=" + after.String() + "&before=" + after.String(), 400},
		{"store away", &fake{err: errors.New("firestore: rpc error: internal detail")}, "/", 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(t, serving(t, tt.fake), tt.path)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			golden(t, strings.ReplaceAll(tt.name, " ", "-"), w.Body.String())
			checkMarkup(t, w.Body.String())
			checkHeaders(t, w.Header())
		})
	}
}

func checkHeaders(t *testing.T, got http.Header) {
	t.Helper()
	for key, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' https://*.slack-edge.com https://*.gravatar.com https://*.wp.com http://127.0.0.1:9" +
			"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
		"Cache-Control":          "no-store",

		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got.Get(key) != want {
			t.Errorf("%s: %q, want %q", key, got.Get(key), want)
		}
	}
}

// checkMarkup checks that nothing is inline that the policy refuses, and that no address runs code.
func checkMarkup(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && n.FirstChild != nil || n.Data == "style" || n.Data == "iframe" {
			t.Errorf("<%s> on the page", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("attribute %s on <%s>", a.Key, n.Data)
			}
			if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "#") &&
				!strings.HasPrefix(a.Val, "slack://user?") && !strings.HasPrefix(a.Val, "mailto:") && !strings.HasPrefix(a.Val, "tel:") && !strings.HasPrefix(a.Val, "http://127.0.0.1:9/") {
				t.Errorf("%s=%q on <%s>", a.Key, a.Val, n.Data)
			}
		}
	}
}

// hostileProfile defines a custom field of each type; the test puts hostile text in the place of %s.
const hostileProfile = `{"sections":[{"id":"Ps1","label":"%s"}],"fields":[{"id":"Xf1","section_id":"Ps1","label":"%s","hint":"%s","type":"text"},{"id":"Xf2","label":"%s","type":"link"},
	{"id":"Xf3","label":"Manager","type":"user"},{"id":"Xf4","label":"%s","type":"date"},{"id":"Xf5","label":"%s","type":"%s"}]}`

// TestHostilePeople: names and other fields are shown as text, never as markup.
func TestHostilePeople(t *testing.T) {
	nasty := []string{
		`<script>alert(1)</script>`, `\" onmouseover=\"alert(1)`, `' onload='x`, `\u202egnp.exe`, `</td></table><h1>`, `</pre></code></details>`,
		`=cmd|'/c calc'!A1`, `{{ .Secret }}`, `&lt;b&gt;`, strings.Repeat("W", 10_000), "\\u0000", "-->", "]]>",
	}
	for i, s := range nasty {
		f := &fake{workspaces: []directory.Workspace{{ID: team, Name: s, URL: "javascript:alert(1)"}, {ID: "T2", Name: s}}}
		f.users = []directory.User{user(t, fmt.Sprintf(`{"id":"U%d","name":"%[2]s","tz":"%[2]s","profile":{"real_name":"%[2]s","display_name":"%[2]s","title":"%[2]s","email":"%[2]s",
			"status_text":"%[2]s","status_emoji":"%[2]s","image_72":"javascript:alert('%[2]s')","image_192":"data:text/html,%[2]s","phone":"%[2]s","pronouns":"%[2]s","skype":"%[2]s",
			"fields":{"Xf1":{"value":"%[2]s","alt":"%[2]s"},"Xf2":{"value":"javascript:alert(1)//%[2]s","alt":"%[2]s"},"Xf3":{"value":"%[2]s"},"Xf4":{"value":"%[2]s"},"Xf5":{"value":"%[2]s"}}},"%[2]s":"%[2]s"}`, i, s))}
		o := testOptions(t, f)
		if err := o.Store.(*sqlite.Store).PutTeamProfile(t.Context(), team, json.RawMessage(strings.ReplaceAll(hostileProfile, "%s", s))); err != nil {
			t.Fatal(err)
		}
		h := New(t.Context(), o)
		for _, path := range []string{"/", fmt.Sprintf("/users/%s/U%d", team, i)} {
			w := get(t, h, path)
			if w.Code != http.StatusOK {
				t.Errorf("%.40q: status %d", s, w.Code)
			}
			checkMarkup(t, w.Body.String())
			if root, err := html.Parse(strings.NewReader(w.Body.String())); err != nil || count(root, "h1") != 1 || count(root, "img") != 0 || count(root, "main") != 1 {
				t.Errorf("%.40q breaks the page", s)
			}
		}
	}
}

// TestExpiry: a status shows its end, and disappears once it has ended.
func TestExpiry(t *testing.T) {
	for expires, shown := range map[int64]bool{0: true, noon.Unix() + 60: true, noon.Unix(): false, noon.Unix() - 60: false} {
		f := people(t)
		f.users = []directory.User{user(t, fmt.Sprintf(`{"id":"U1","profile":{"status_text":"At lunch","status_emoji":":pizza:","status_expiration":%d}}`, expires))}
		for _, path := range []string{"/", "/users/" + team + "/U1"} {
			page := get(t, serving(t, f), path).Body.String()
			if strings.Contains(page, "🍕") != shown || strings.Contains(page, fmt.Sprintf(`data-expires="%d"`, expires)) != (shown && expires > 0) {
				t.Errorf("%s, which expires at %d:\n%s", path, expires, page)
			}
		}
	}
}

// TestImages: an image that the Content-Security-Policy refuses is left out, so browsers have nothing to block.
func TestImages(t *testing.T) {
	h := &handler{Options: Options{ImageSources: []string{"http://127.0.0.1:9"}}}
	for address, want := range map[string]bool{
		"https://avatars.slack-edge.com/a.png": true, "https://secure.gravatar.com/avatar/1?d=x": true, "https://i0.wp.com/a.png": true,
		"http://127.0.0.1:9/a.svg": true, "https://a.slack-edge.com:444/a.png": false, "http://a.slack-edge.com/a.png": false,
		"https://slack-edge.com.evil.example/a.png": false, "https://evilslack-edge.com/a.png": false, "https://example.com/a.png": false,
		"http://127.0.0.1:91/a.svg": false, "javascript:alert(1)": false, "data:image/png,x": false, "https://evil.example/.slack-edge.com": false, "": false, "%": false,
	} {
		if got := h.image(address); got != map[bool]string{true: address}[want] {
			t.Errorf("%q: %q", address, got)
		}
	}
}

func count(root *html.Node, element string) (n int) {
	for d := range root.Descendants() {
		if d.Type == html.ElementNode && d.Data == element {
			n++
		}
	}
	return n
}

// TestPagesLinkUp: following Next to the end, and Previous back, shows everybody once each way.
func TestPagesLinkUp(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range 173 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%03d"}`, i)))
	}
	h := serving(t, f)
	var forward, backward []string
	last := "/"
	for path := last; path != ""; {
		ids, links := read(t, get(t, h, path).Body.String())
		forward = append(forward, ids...)
		last, path = path, links["next"]
	}
	for path := last; path != ""; {
		ids, links := read(t, get(t, h, path).Body.String())
		backward = append(ids, backward...)
		path = links["prev"]
	}
	if len(forward) != 173 {
		t.Errorf("%d people", len(forward))
	}
	if diff := cmp.Diff(forward, backward); diff != "" {
		t.Errorf("(-forward +backward):\n%s", diff)
	}
}

// read returns the ids of the rows, and the page's links by rel.
func read(t *testing.T, page string) (ids []string, links map[string]string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	links = map[string]string{}
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case n.Data == "tr" && attr["id"] != "" && attr["class"] != "day":
			ids = append(ids, attr["id"])
		case n.Data == "a" && attr["rel"] != "":
			links[attr["rel"]] = attr["href"]
		}
	}
	return ids, links
}

func TestMethods(t *testing.T) {
	h := serving(t, people(t))
	for method, want := range map[string]int{http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405, http.MethodOptions: 405} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}
}

func TestAssets(t *testing.T) {
	h := serving(t, people(t))
	for name, contentType := range map[string]string{
		"open-props-1.7.23.css": "text/css; charset=utf-8", "base.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml",
	} {
		w := get(t, h, assetsPath+name)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != contentType || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/assets/", "/assets/0/base.css", assetsPath, assetsPath + "../ui.go", assetsPath + "missing"} {
		w := get(t, h, path)
		if w.Code == http.StatusTemporaryRedirect { // dots lead out of the folder
			w = get(t, h, w.Header().Get("Location"))
		}
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "<h1>Not found</h1>") {
			t.Errorf("%s: %d", path, w.Code)
		}
		checkHeaders(t, w.Header())
	}
}

// TestCompression: a browser receives gzip even if it accepts zstd, which is larger.
func TestCompression(t *testing.T) {
	h := serving(t, people(t))
	for _, path := range []string{"/", assetsPath + "open-props-1.7.23.css", assetsPath + "htmx-2.0.11.min.js", assetsPath + "base.css", assetsPath + "live.js"} {
		sizes := map[string]int{}
		for accept, want := range map[string]string{"": "", "gzip": "gzip", "gzip, deflate, br, zstd": "gzip"} {
			r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
			r.Header.Set("Accept-Encoding", accept)
			h.ServeHTTP(w, r)
			if got := w.Header().Get("Content-Encoding"); got != want {
				t.Errorf("%s, to a browser that accepts %q: %q, want %q", path, accept, got, want)
			}
			sizes[want] = w.Body.Len()
		}
		if 2*sizes["gzip"] > sizes[""] {
			t.Errorf("%s has %v bytes", path, sizes)
		}
	}
}

// TestRefusalsArePages: what net/http would refuse in plain text gets the error page.
func TestRefusalsArePages(t *testing.T) {
	h := serving(t, people(t))
	for _, tt := range []struct {
		name, method, path, site, allow, heading string
		status                                   int
	}{
		{"method", http.MethodDelete, "/users.csv", "same-origin", "GET, HEAD", "This does not work here", 405},
		{"method of the form", http.MethodPut, "/sync", "same-origin", "GET, HEAD, POST", "This does not work here", 405},
		{"another site's form", http.MethodPost, "/sync", "cross-site", "", "This request was refused", 403},
		{"no origin", http.MethodPost, "/sync", "", "", "This request was refused", 403},
		{"another site's script", http.MethodGet, "/users/" + team + "/U1", "cross-site", "", "This request was refused", 403},
	} {
		r, w := httptest.NewRequest(tt.method, tt.path, nil), httptest.NewRecorder()
		r.Header.Set("Sec-Fetch-Site", tt.site)
		h.ServeHTTP(w, r)
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow || !strings.Contains(w.Body.String(), "<h1>"+tt.heading+"</h1>") {
			t.Errorf("%s: %d, allow %q\n%s", tt.name, w.Code, w.Header().Get("Allow"), w.Body)
		}
		checkHeaders(t, w.Header())
		checkMarkup(t, w.Body.String())
	}
}

// TestErrorsStayInside: an error page does not show the store's error.
func TestErrorsStayInside(t *testing.T) {
	w := get(t, serving(t, &fake{err: errors.New("internal detail")}), "/")
	if strings.Contains(w.Body.String(), "internal detail") {
		t.Error("the page shows the store's error")
	}
}
