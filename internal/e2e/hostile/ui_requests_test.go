package hostile

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// listPaths have the same parameters.
var listPaths = []string{"/", "/users/count", "/users.csv", "/users.json", "/events"}

// changePaths all read the parameters of changes.
var changePaths = []string{"/changes", "/changes.csv", "/changes.json", "/changes/count", "/changes/events"}

// uiChanges are about the list of changes, which is empty.
func uiChanges(t *testing.T, w *world) (all []hostile) {
	cursor := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	for name, query := range map[string]string{
		"unknown type":               "type=user.promoted",
		"a type without its prefix":  "type=created",
		"a type in upper case":       "type=USER.CREATED",
		"a good type and a bad one":  "type=user.created&type=*",
		"two types in one":           "type=user.created,user.updated",
		"a user with slashes":        "user=" + url.QueryEscape("U0WILHELMINA/../x"),
		"a user of dots":             "user=..",
		"a reserved user":            "user=__id7__",
		"a user with a NUL":          "user=U0WILHELMINA%00",
		"a user of 2,000 letters":    "user=" + strings.Repeat("U", 2000),
		"a user that is not UTF-8":   "user=%ff",
		"a day in words":             "oldest=yesterday",
		"a day that does not exist":  "latest=2022-02-30",
		"a day with a time":          "oldest=2022-03-30T00:00:00Z",
		"a day as a number":          "oldest=1648641600",
		"the year 0":                 "oldest=0000-01-01",
		"the year 1":                 "oldest=0001-01-01",
		"the year 9999":              "latest=9999-12-31",
		"the year 12000":             "latest=12000-01-01",
		"a negative year":            "latest=-001-01-01",
		"a cursor of words":          "after=hello",
		"a cursor of a person":       "after=" + cursor(`["a",1,"U1"]`),
		"a cursor of the beginning":  "after=" + cursor(`[0,""]`),
		"a cursor at no record":      "before=" + cursor(`[1648641600000000,""]`),
		"a cursor at no time":        "before=" + cursor(`[0,"a"]`),
		"a cursor before all time":   "after=" + cursor(`[-9223372036854775808,"a"]`),
		"a cursor after all time":    "after=" + cursor(`[9223372036854775807,"a"]`),
		"a cursor beyond 64 bits":    "after=" + cursor(`[99999999999999999999,"a"]`),
		"a cursor at a fraction":     "after=" + cursor(`[1.5,"a"]`),
		"a cursor of other types":    "after=" + cursor(`["1",2]`),
		"a cursor of nulls":          "before=" + cursor("[null,null]"),
		"a cursor at another path":   "after=" + cursor(`[1648641600000000,"a/b/c"]`),
		"a cursor at a reserved id":  "before=" + cursor(`[1648641600000000,"__id1__"]`),
		"both directions":            "after=" + cursor(`[1648641600000000,"a"]`) + "&before=" + cursor(`[1648641600000000,"a"]`),
		"invalid percent escapes":    "type=%zz",
		"10,000 lists in a cursor":   "after=" + cursor(nested("[", "", "]", 10_001)),
		"a semicolon":                "user=U1;type=user.created",
		"a percent sign in the name": "%zz=1",
	} {
		for _, path := range changePaths {
			all = append(all, hostile{name: path + ": " + name, send: w.get(t, path+"?"+query), status: 400})
		}
	}
	for name, query := range map[string]string{"no such workspace": "team=T404", "a team with slashes": "team=" + url.QueryEscape(team+"/changes"), "a team of dots": "team=..", "two teams": "team=T404&team=" + team} {
		for _, path := range changePaths {
			all = append(all, hostile{name: path + ": " + name, send: w.get(t, path+"?"+query), status: 404})
		}
	}
	for name, query := range map[string]string{
		"nothing":                       "",
		"every type":                    "type=user.created&type=user.updated&type=user.deactivated&type=user.reactivated&type=user.removed&type=user.forgotten",
		"one type 3,000 times":          strings.Repeat("type=user.created&", 3_000),
		"empty values":                  "type=&user=&oldest=&latest=&after=&before=",
		"nobody by that id":             "user=U404",
		"the last day before the first": "oldest=2022-03-31&latest=2022-03-30",
		"the first and the last day":    "oldest=1970-01-01&latest=9998-12-31",
		"a place before everything":     "before=" + cursor(`[1,"a"]`),
		"a place after everything":      "after=" + cursor(`[253000000000000000,"a"]`),
		"unknown parameters":            "types=user.created&limit=1000000&fields=before",
	} {
		all = append(all,
			hostile{name: "/changes with " + name, send: w.get(t, "/changes?"+query), status: 200, holds: ">Changes</h1>"},
			hostile{name: "/changes.csv with " + name, send: w.get(t, "/changes.csv?"+query), status: 200,
				body: "\ufeffat_utc,type,user_id,real_name,changed,before,after,source,written_at_utc,id,team_id\n", header: map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
			hostile{name: "/changes.json with " + name, send: w.get(t, "/changes.json?"+query), status: 200, body: "[]\n", header: map[string]string{"Content-Type": "application/json"}},
			hostile{name: "/changes/events with " + name, send: w.get(t, "/changes/events?since=hello&"+query), status: 200, holds: "retry: 1000", stream: true})
	}
	return append(all,
		hostile{name: "changes with markup in the user", send: w.get(t, "/changes?user=%3Cscript%3E"), status: 400},
		hostile{name: "HEAD of changes", send: newMessage("HEAD", "/changes", "", w.token(t)), status: 200},
		hostile{name: "HEAD of an invalid export of changes", send: newMessage("HEAD", "/changes.csv?oldest=x", "", w.token(t)), status: 400},
		hostile{name: "DELETE of changes", send: newMessage("DELETE", "/changes", "", w.token(t), "Sec-Fetch-Site: same-origin"), status: 405, header: map[string]string{"Allow": "GET, HEAD"}},
		hostile{name: "changes as another site's script", send: w.get(t, "/changes.json", with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script")), status: 403},
		hostile{name: "a slash after changes", send: w.get(t, "/changes/"), status: 404},
	)
}

// uiParameters are about the query string.
func uiParameters(t *testing.T, w *world) (all []hostile) {
	cursor := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	for name, query := range map[string]string{
		"unknown status":             "show=everything",
		"status in upper case":       "show=ACTIVE",
		"unknown kind":               "kind=root",
		"unknown order":              "sort=__name__",
		"an order with a direction":  "sort=name%20desc",
		"a query of 501 bytes":       "q=" + strings.Repeat("a", 501),
		"a query of 60 KB":           "q=" + strings.Repeat("a", 60_000),
		"a time zone of 101 bytes":   "tz=" + strings.Repeat("a", 101),
		"invalid percent escapes":    "q=%zz",
		"half a percent escape":      "q=%2",
		"a semicolon":                "q=a;show=all",
		"invalid UTF-8":              "q=%ff%fe",
		"invalid UTF-8 in a zone":    "tz=%c0%af",
		"an overlong NUL":            "team=%c0%80",
		"a cursor of words":          "after=hello",
		"a cursor of markup":         "after=%3Cscript%3E",
		"a cursor that is empty":     "after=" + cursor("[]"),
		"a cursor that is null":      "after=" + cursor("null"),
		"a cursor of nulls":          "after=" + cursor("[null,null,null]"),
		"a cursor of an object":      "after=" + cursor(`{"SortName":"a","ID":"U1"}`),
		"a cursor of six":            "after=" + cursor(`["a",1,"U1",1,1,1]`),
		"a cursor of other types":    "after=" + cursor(`[1,"a",[]]`),
		"a cursor beyond 64 bits":    "after=" + cursor(`["a",99999999999999999999,"U1"]`),
		"a cursor at a fraction":     "after=" + cursor(`["a",1.5,"U1"]`),
		"a cursor at another path":   "after=" + cursor(`["a",1,"U1/x/y"]`),
		"a cursor at a reserved id":  "before=" + cursor(`["a",1,"__id1__"]`),
		"a cursor at dots":           "before=" + cursor(`["a",1,".."]`),
		"a cursor with a long name":  "before=" + cursor(`["`+strings.Repeat("a", 2000)+`",1,"U1"]`),
		"a cursor with newlines":     "after=" + url.QueryEscape("WyJh\r\nIiwxLCJVMSJd"),
		"a cursor with its padding":  "after=" + url.QueryEscape(cursor(`["a",1,"U1"]`)+"=="),
		"10,000 lists in a cursor":   "after=" + cursor(nested("[", "", "]", 10_001)),
		"both directions":            "after=" + cursor(`["a",1,"U1"]`) + "&before=" + cursor(`["a",1,"U1"]`),
		"15,000 parameters":          strings.Repeat("a&", 15_000),
		"a percent sign in the name": "%zz=1",
	} {
		for i, path := range listPaths {
			if i == 0 || len(query) < 20 {
				all = append(all, hostile{name: path + ": " + name, send: w.get(t, path+"?"+query), status: 400})
			}
		}
	}
	for name, query := range map[string]string{
		"no such workspace":       "team=T404",
		"a team with slashes":     "team=" + url.QueryEscape(team+"/users/U0WILHELMINA"),
		"a team of dots":          "team=..",
		"a reserved team":         "team=__x__",
		"a team with a NUL":       "team=" + team + "%00",
		"a team of 2,000 letters": "team=" + strings.Repeat("T", 2000),
		"two teams":               "team=T404&team=" + team,
	} {
		for _, path := range append(listPaths, "/status") {
			all = append(all, hostile{name: path + ": " + name, send: w.get(t, path+"?"+query), status: 404})
		}
	}
	somebody, nobody := "Wilhelmina Drucker", "Nobody"
	for _, h := range []struct{ name, query, holds string }{
		{"markup in the query", "q=%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"markup in the zone", "tz=%22%3E%3Cimg%20src=x%3E", "&#34;&gt;&lt;img src=x&gt;"},
		{"a quote in the query", "q=%22%20autofocus%20onfocus=x", "&#34; autofocus"},
		{"NUL in the query", "q=wil%00", nobody}, // two words, and the second is empty
		{"a newline in the query", "q=wil%0d%0aX-Injected:%201", "X-Injected"},
		{"only marks", "q=%cc%81%cc%81", somebody},
		{"60 words", "q=" + strings.Repeat("w+", 60), somebody},
		{"SQL", "q=' OR 1=1 --", "OR 1=1"},
		{"a wildcard", "q=*", somebody},
		{"a template", "q={{.}}${7*7}", "{{.}}${7*7}"},
		{"two queries", "q=wilhelmina&q=zzz", somebody},
		{"unknown parameters", "admin=true&debug=1&team[]=x", somebody},
		{"an empty cursor", "after=&before=", somebody},
		{"a cursor before everything", "before=" + cursor(`["",-9223372036854775808,"A"]`), "Hostile"},
		{"a cursor after everything", "after=" + cursor(`["zzzz",9223372036854775807,"z"]`), "Hostile"},
		{"parameters in upper case", "Q=zzz&SHOW=everything", somebody},
		{"count is anything", "count=%3Cscript%3E", "1 person"},
	} {
		query := strings.NewReplacer(" ", "%20").Replace(h.query)
		all = append(all, hostile{name: "list with " + h.name, send: w.get(t, "/?"+query), status: 200, holds: h.holds})
	}
	return all
}

// uiRequests are about paths, methods and headers.
func uiRequests(t *testing.T, w *world) []hostile {
	on := func(method, target string, edits ...edit) *message {
		return newMessage(method, target, "", w.token(t)).edited(edits)
	}
	sync := func(body string, lines ...string) *message {
		return newMessage(http.MethodPost, "/sync", body, append(lines, w.token(t), "Content-Type: application/x-www-form-urlencoded")...)
	}
	const same = "Sec-Fetch-Site: same-origin"
	person := "/users/" + team + "/U0WILHELMINA"
	to := func(target string) map[string]string { return map[string]string{"Location": target} }
	long := strings.Repeat("x", 60_000)
	all := []hostile{
		{name: "no such person", send: on("GET", "/users/"+team+"/U404"), status: 404},
		{name: "a person of another workspace", send: on("GET", "/users/T404/U0WILHELMINA"), status: 404},
		{name: "a person with percent-encoded slashes", send: on("GET", "/users/"+team+"/U0WILHELMINA%2Fx"), status: 404},
		{name: "a workspace of dots", send: on("GET", "/users/%2e%2e/U0WILHELMINA"), status: 404},
		{name: "a reserved id", send: on("GET", "/users/"+team+"/__id7__"), status: 404},
		{name: "NUL after the id", send: on("GET", person+"%00"), status: 404},
		{name: "a newline after the id", send: on("GET", person+"%0d%0a"), status: 404},
		{name: "an id of 60 KB", send: on("GET", "/users/"+team+"/"+long), status: 404},
		{name: "a slash after the id", send: on("GET", person+"/"), status: 404},
		{name: "two slashes within", send: on("GET", "/users//"+team+"/U0WILHELMINA"), status: 307, header: to(person), body: fmt.Sprintf("<a href=\"%s\">Temporary Redirect</a>.\n\n", person)},
		{name: "two slashes and a host", send: on("GET", "//evil.example/"), status: 307, header: to("/evil.example/"), body: "<a href=\"/evil.example/\">Temporary Redirect</a>.\n\n"},
		{name: "a backslash and a host", send: on("GET", "/\\evil.example/"), status: 404},
		{name: "dots out of the assets", send: on("GET", "/assets/../../etc/passwd"), status: 307, header: to("/etc/passwd"), body: "<a href=\"/etc/passwd\">Temporary Redirect</a>.\n\n"},
		{name: "percent-encoded dots out of the assets", send: on("GET", "/assets/%2e%2e%2f%2e%2e%2fetc/passwd"), status: 404},
		{name: "assets by another hash", send: on("GET", "/assets/000000000000/base.css"), status: 404},
		{name: "another host's address", send: on("GET", "http://evil.example"+person), status: 200, holds: "Wilhelmina"},
		{name: "CONNECT", send: on("CONNECT", "metadata.google.internal:80"), status: 405},
		{name: "OPTIONS *", send: on("OPTIONS", "*"), status: 400, none: true},
		{name: "OPTIONS", send: on("OPTIONS", "/"), status: 405},
		{name: "TRACE", send: on("TRACE", "/"), status: 405},
		{name: "DELETE of a person", send: on("DELETE", person, with(same)), status: 405, header: map[string]string{"Allow": "GET, HEAD"}},
		{name: "method in lower case", send: on("GET", "/", method("get")), status: 405},
		{name: "PUT of an export", send: on("PUT", "/users.csv", with(same)), status: 405},
		{name: "an override to DELETE", send: on("GET", person, with("X-HTTP-Method-Override: DELETE")), status: 200, holds: "Wilhelmina"},
		{name: "HEAD of the list", send: on("HEAD", "/"), status: 200},
		{name: "HEAD of a person", send: on("HEAD", person), status: 200},
		{name: "HEAD of the events", send: on("HEAD", "/events"), status: 200, header: map[string]string{"Content-Type": "text/event-stream"}},
		{name: "HEAD of an export", send: on("HEAD", "/users.csv"), status: 200, header: map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		{name: "HEAD of an invalid export", send: on("HEAD", "/users.csv?sort=x"), status: 400},
		{name: "HEAD of nothing", send: on("HEAD", "/nowhere"), status: 404},

		{name: "a range of the list", send: w.get(t, "/", with("Range: bytes=0-10")), status: 200, holds: "Wilhelmina"},
		{name: "a range of an export", send: w.get(t, "/users.json", with("Range: bytes=0-10,20-30")), status: 200, holds: "Wilhelmina"},
		{name: "10,000 ranges", send: w.get(t, "/", with("Range: bytes=0-"+strings.Repeat(",0-", 10_000))), status: 200, holds: "Wilhelmina"},
		{name: "if nothing matches", send: w.get(t, "/", with("If-None-Match: *", "If-Modified-Since: Wed, 30 Mar 2099 00:00:00 GMT")), status: 200, holds: "Wilhelmina"},
		{name: "if something matches", send: w.get(t, "/", with(`If-Match: "x"`)), status: 200, holds: "Wilhelmina"},
		{name: "a GET with a body", send: w.get(t, "/", with("Content-Length: 5"), body("hello")), status: 200, holds: "Wilhelmina"},
		{name: "a GET with a form of 20 MB", send: w.get(t, "/status?team="+team, with("Content-Type: multipart/form-data; boundary=b", "Content-Length: 20000000"), body(strings.Repeat("x", 20_000_000))), status: 200, holds: "Status of Hostile"},
		{name: "languages without end", send: w.get(t, "/users/count", with("Accept-Language: "+strings.Repeat("en-", 20_000)+"en")), status: 200, body: `<span id="count">1 person</span>`},
		{name: "10,000 languages", send: w.get(t, "/users/count", with("Accept-Language: "+strings.Repeat("de;q=0.1,", 6_000)+"de")), status: 200, body: `<span id="count">1 person</span>`},
		{name: "a language with a percent-encoded NUL", send: w.get(t, "/users/count", with("Accept-Language: %00")), status: 200, body: `<span id="count">1 person</span>`},
		{name: "encodings without end", send: w.get(t, "/users/count", with("Accept-Encoding: "+strings.Repeat("x;q=0,", 9_000)+"y")), status: 200, body: `<span id="count">1 person</span>`},
		{name: "a cookie of 50 KB", send: w.get(t, "/users/count", with("Cookie: x="+long[:50_000])), status: 200, body: `<span id="count">1 person</span>`},
		{name: "another host", send: w.get(t, person, set("Host", "evil.example")), status: 200, holds: "Wilhelmina"},
		{name: "another host, forwarded", send: w.get(t, person, with("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Original-URL: /users.csv", "X-Rewrite-URL: /users.csv")), status: 200, holds: "Wilhelmina"},
		{name: "htmx's header, a query that splits", send: w.get(t, "/?q=%0d%0aX-Injected:%201", with("HX-Trigger: find")), status: 200, holds: "X-Injected",
			header: map[string]string{"X-Injected": "", "HX-Replace-Url": "/?q=%0D%0AX-Injected%3A+1"}},
		{name: "htmx's header, another path", send: w.get(t, "/nowhere%0d%0aX:y", with("HX-Trigger: find")), status: 404, header: map[string]string{"HX-Replace-Url": "/nowhere%0D%0AX:y"}},

		{name: "events from nowhere", send: w.get(t, "/events?since=hello"), status: 200, holds: "retry: 1000", stream: true},
		{name: "events from before the beginning", send: w.get(t, "/events?since=AAAAAAAA--9223372036854775808"), status: 200, holds: "retry: 1000", stream: true},
		{name: "events from a forged place", send: w.get(t, "/events", with("Last-Event-ID: AAAAAAAA-99999999999999999999")), status: 200, holds: "retry: 1000", stream: true},
		{name: "a sync that began in the future", send: w.get(t, "/status?started=9223372036854775807"), status: 200, holds: `hx-trigger="every 30s, refresh"`},
		{name: "a sync that began at no time", send: w.get(t, "/status?started=-9223372036854775808"), status: 200, holds: `hx-trigger="every 30s, refresh"`},
		{name: "a sync that began in words", send: w.get(t, "/status?started=%3Cscript%3E"), status: 200, holds: `hx-trigger="every 30s, refresh"`},

		{name: "sync from another site", send: sync("", "Sec-Fetch-Site: cross-site"), status: 403},
		{name: "sync from a sister site", send: sync("", "Sec-Fetch-Site: same-site"), status: 403},
		{name: "sync from another origin", send: sync("", "Origin: https://evil.example"), status: 403},
		{name: "sync from no origin", send: sync("", "Origin: null"), status: 403},
		{name: "sync from another port", send: sync("", "Origin: https://rollcall.example:8443"), status: 403},
		{name: "sync without an origin", send: sync(""), status: 403},
		{name: "a person as another site's script", send: w.get(t, person, with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script")), status: 403},
		{name: "a person in another site's frame", send: w.get(t, person, with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")), status: 403},
		{name: "an export as a sister site's image", send: w.get(t, "/users.json", with("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")), status: 403},
		{name: "a list that another site's script fetches", send: w.get(t, "/", with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: https://evil.example")), status: 403},
		{name: "a person by another site's link", send: w.get(t, person, with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")), status: 200, holds: "Wilhelmina"},
		{name: "sync by GET", send: w.get(t, "/sync"), status: 404},
		{name: "sync in another path", send: newMessage("POST", "/Sync", "", same, w.token(t)), status: 405},
		{name: "sync of a workspace with slashes", send: sync("team="+url.QueryEscape(team+"/x"), same), status: 400},
		{name: "sync of dots", send: sync("team=..", same), status: 400},
		{name: "sync that splits the answer", send: sync("team=T1%0d%0aX-Injected:%201", same), status: 400, header: map[string]string{"X-Injected": ""}},
		{name: "sync with invalid percent escapes", send: sync("team=%zz", same), status: 400},
		{name: "sync with a form of 10 KB", send: sync("team="+strings.Repeat("T", 10<<10), same), status: 413},
		{name: "sync with a form of 20 MB", send: sync("team="+strings.Repeat("T", 20<<20), same), status: 413},
		{name: "sync with a form of 20 MB in chunks", send: sync("team="+strings.Repeat("T", 20<<20), same).edited([]edit{chunked(64<<10, "")}), status: 413},
		{name: "sync with a form that ends early", send: sync("team=T1", same).edited([]edit{set("Content-Length", "100"), half}), status: 400, holds: "This form could not be read"},
		{name: "sync of a workspace in the query", send: newMessage("POST", "/sync?team=../x", "", same, w.token(t)), status: 303, effect: 1},
		{name: "sync of a person", send: newMessage("POST", person, "", same, w.token(t)), status: 405},
	}
	for _, p := range prying {
		all = append(all, hostile{name: "GET " + p, send: on("GET", p), status: 404})
	}
	return all
}
