package hostile

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// orgPaths have the same parameters.
var orgPaths = []string{"/org", "/org/reports"}

// uiPeople are about one person, as JSON and as events, and about the tree of managers.
func uiPeople(t *testing.T, w *world) (all []hostile) {
	person := "/users/" + team + "/U0WILHELMINA"
	const same = "Sec-Fetch-Site: same-origin"
	script := with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script")
	bare := func(target string) *message { return newMessage(http.MethodGet, target, "") }
	for name, query := range map[string]string{
		"somebody with slashes":     "of=" + url.QueryEscape("U0WILHELMINA/../x"),
		"somebody of dots":          "of=..",
		"somebody reserved":         "of=__id7__",
		"somebody with a NUL":       "of=U0WILHELMINA%00",
		"somebody of 2,000 letters": "of=" + strings.Repeat("U", 2000),
		"somebody not in UTF-8":     "of=%ff",
		"markup":                    "of=%3Cscript%3E",
		"no such workspace":         "of=U0WILHELMINA&team=T404",
		"a team with slashes":       "of=U0WILHELMINA&team=" + url.QueryEscape(team+"/users"),
		"two teams":                 "of=U0WILHELMINA&team=T404&team=" + team,
	} {
		status := 404
		if name == "somebody not in UTF-8" {
			status = 400
		}
		for _, path := range orgPaths {
			all = append(all, hostile{name: path + ": " + name, send: w.get(t, path+"?"+query), status: status})
		}
	}
	for _, path := range orgPaths {
		all = append(all,
			hostile{name: path + " with invalid percent escapes", send: w.get(t, path+"?of=%zz"), status: 400},
			hostile{name: path + " with a semicolon", send: w.get(t, path+"?of=U0WILHELMINA;team=T404"), status: 400},
			hostile{name: path + " as another site's script", send: w.get(t, path, script), status: 403},
			hostile{name: path + " by POST", send: newMessage(http.MethodPost, path, "", same, w.token(t)), status: 405},
			hostile{name: path + " with a slash after it", send: w.get(t, path+"/"), status: 404},
			hostile{name: path + " without a token", send: bare(path), status: 401})
	}
	for name, path := range map[string]string{
		"nobody":                  "/users/" + team + "/U404.json",
		"no id":                   "/users/" + team + "/.json",
		"an ending twice":         person + ".json.json",
		"an ending in upper case": person + ".JSON",
		"another workspace":       "/users/T404/U0WILHELMINA.json",
		"a workspace of dots":     "/users/%2e%2e/U0WILHELMINA.json",
		"slashes in the id":       "/users/" + team + "/x%2FU0WILHELMINA.json",
		"NUL before the ending":   person + "%00.json",
		"a slash after it":        person + ".json/",
		"an id of 60 KB":          "/users/" + team + "/" + strings.Repeat("U", 60_000) + ".json",
	} {
		all = append(all, hostile{name: "a person as JSON: " + name, send: w.get(t, path), status: 404})
	}
	for name, path := range map[string]string{
		"another workspace":   "/users/T404/U0WILHELMINA/events",
		"a workspace of dots": "/users/%2e%2e/U0WILHELMINA/events",
		"a reserved id":       "/users/" + team + "/__id7__/events",
		"NUL after the id":    person + "%00/events",
		"a slash after it":    person + "/events/",
	} {
		all = append(all, hostile{name: "a person's events: " + name, send: w.get(t, path), status: 404})
	}
	return append(all,
		hostile{name: "the tree", send: w.get(t, "/org"), status: 200, holds: "Who reports to whom"},
		hostile{name: "the tree for another site's link", send: w.get(t, "/org", with("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")), status: 200, holds: "Who reports to whom"},
		hostile{name: "the tree of nobody", send: w.get(t, "/org?of=U404"), status: 404},
		hostile{name: "reports of nobody", send: w.get(t, "/org/reports?of=U404"), status: 404},
		hostile{name: "reports of the top", send: w.get(t, "/org/reports"), status: 404},
		hostile{name: "HEAD of the tree", send: newMessage(http.MethodHead, "/org", "", w.token(t)), status: 200},
		hostile{name: "a person as JSON", send: w.get(t, person+".json"), status: 200, holds: `"real_name": "Wilhelmina Drucker"`, header: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}},
		hostile{name: "a person as JSON, with unknown parameters", send: w.get(t, person+".json?callback=alert&fields=*"), status: 200, holds: `"real_name": "Wilhelmina Drucker"`, header: map[string]string{"Content-Type": "application/json"}},
		hostile{name: "a person as JSON for another site's script", send: w.get(t, person+".json", script), status: 403},
		hostile{name: "a person as JSON without a token", send: bare(person + ".json"), status: 401},
		hostile{name: "PUT of a person as JSON", send: newMessage(http.MethodPut, person+".json", "{}", same, w.token(t)), status: 405},
		hostile{name: "HEAD of a person as JSON", send: newMessage(http.MethodHead, person+".json", "", w.token(t)), status: 200, header: map[string]string{"Content-Type": "application/json"}},
		hostile{name: "a person's events from nowhere", send: w.get(t, person+"/events?since=hello"), status: 200, holds: "retry: 1000", stream: true},
		hostile{name: "a person's events from a forged place", send: w.get(t, person+"/events", with("Last-Event-ID: AAAAAAAA-99999999999999999999")), status: 200, holds: "retry: 1000", stream: true},
		hostile{name: "a person's events for another site's script", send: w.get(t, person+"/events", script), status: 403},
		hostile{name: "a person's events without a token", send: bare(person + "/events"), status: 401},
	)
}
