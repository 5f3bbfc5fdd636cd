package hostile

import (
	"net/http"
	"net/url"
	"strings"
)

const form = "Content-Type: application/x-www-form-urlencoded"

// bearer is a request's token.
func (w *world) bearer() string { return "Authorization: Bearer " + w.programToken }

// refused is the answer with one of Slack's errors.
func refused(code string) string { return `{"ok":false,"error":"` + code + `"}` }

// call posts a form to a method.
func (w *world) call(method, body string, edits ...edit) *message {
	return newMessage(http.MethodPost, "/api/"+method, body, form, w.bearer()).edited(edits)
}

// json posts JSON to a method.
func (w *world) json(method, body string) *message {
	return newMessage(http.MethodPost, "/api/"+method, body, "Content-Type: application/json", w.bearer())
}

// apiArguments are wrong ids, limits, cursors and times.
func apiArguments(w *world) (all []hostile) {
	add := func(name, method, argument, value, code string) {
		all = append(all, hostile{name: name, send: w.call(method, argument+"="+url.QueryEscape(value)), status: 200, body: refused(code)})
	}
	for _, id := range wrongIDs {
		add("users.info: "+id.name, "users.info", "user", id.id, "user_not_found")
		add("users.info of several: "+id.name, "users.info", "users", "U0WILHELMINA,"+id.id+",U1", "user_not_found")
		add("users.profile.get: "+id.name, "users.profile.get", "user", id.id, "user_not_found")
		if id.id != "" {
			add("team.info: "+id.name, "team.info", "team", id.id, "team_not_found")
		}
	}
	for _, limit := range []string{"-1", "1001", "1e3", "0x10", "٣", "1.0", " 1", "1 ", "99999999999999999999", "null", "true", "[1]", "1,2", "NaN", "1\x00", "1\n", "--1", "1_0"} {
		add("limit "+limit, "users.list", "limit", limit, "invalid_limit")
	}
	for _, cursor := range []string{"x", "../..", "AAAA", "=", "%", "{}", "null", "e30=", "bnVsbA==", "\x00", "Ö", strings.Repeat("A", 60_000), "dXNlcjpVMDAwMDAwMDA=", `"`, "' OR 1=1 --"} {
		add("cursor "+cursor[:min(20, len(cursor))], "users.list", "cursor", cursor, "invalid_cursor")
	}
	for _, since := range []string{"-1", "1e9", "now", "9999999999999", "1.0000001", "1.-1", "0x1", "٣", "1.2.3", "NaN", "2026-01-01", "1,5", "\x00", " 1"} {
		add("updated_since "+since, "users.list", "updated_since", since, "invalid_arguments")
	}
	for _, value := range []string{"everybody", "ACTIVE", "active\x00", "active,deactivated", strings.Repeat("x", 60_000)} {
		short := value[:min(20, len(value))]
		add("status "+short, "users.list", "status", value, "invalid_arguments")
		add("kind "+short, "users.list", "kind", value, "invalid_arguments")
	}
	for _, address := range []string{"", "@", "x", "*@profile.example", "wilhelmina@profile.example\x00", "%", "' OR 1=1 --", strings.Repeat("x", 60_000) + "@example.com", "../../x"} {
		add("address "+address[:min(20, len(address))], "users.lookupByEmail", "email", address, "users_not_found")
	}
	add("a time zone of 60 KB", "users.list", "tz", strings.Repeat("x", 60_000), "invalid_arguments")
	return all
}

// apiRequests are wrong tokens, bodies, methods and paths.
func apiRequests(w *world) (all []hostile) {
	add := func(name string, send *message, body string) {
		all = append(all, hostile{name: name, send: send, status: 200, body: body})
	}
	bare := func(lines ...string) *message {
		return newMessage(http.MethodPost, "/api/auth.test", "", lines...)
	}
	guess := "rct_" + strings.Repeat("A", len(w.programToken)-len("rct_"))
	for name, line := range map[string]string{
		"no scheme": w.programToken, "Basic": "Basic " + w.programToken, "Slack's token": "Bearer xoxb-1-2-3", "a guess": "Bearer " + guess,
		"one letter short": "Bearer " + w.programToken[:len(w.programToken)-1], "one letter more": "Bearer " + w.programToken + "A", "in lower case": "Bearer " + strings.ToLower(w.programToken),
		"twice": "Bearer " + w.programToken + "," + w.programToken, "a wildcard": "Bearer *", "null": "Bearer null", "20 KB": "Bearer rct_" + strings.Repeat("A", 20_000),
		"in the form of its hash": "Bearer " + strings.Repeat("0", 64), "invalid UTF-8": "Bearer rct_\xff\xfe", "dots": "Bearer ../../tokens",
	} {
		add("token: "+name, bare("Authorization: "+line), refused("invalid_auth"))
	}
	add("token: none", bare(), refused("not_authed"))
	add("token: empty", bare("Authorization: Bearer "), refused("not_authed"))
	add("token: in the query", newMessage("GET", "/api/auth.test?token="+w.programToken, ""), refused("not_authed"))
	add("token: in JSON", newMessage("POST", "/api/auth.test", `{"token":"`+w.programToken+`"}`, "Content-Type: application/json"), refused("not_authed"))
	add("token: in a cookie", bare("Cookie: d="+w.programToken), refused("not_authed"))
	add("token: a right one in the form, a wrong one in the header", newMessage("POST", "/api/auth.test", "token="+w.programToken, form, "Authorization: Bearer "+guess), refused("invalid_auth"))
	add("token: proxy's header", bare("Proxy-Authorization: Bearer "+w.programToken, "X-Forwarded-Authorization: Bearer "+w.programToken), refused("not_authed"))

	for _, method := range []string{"", "users", "users.list/", "/users.list", "USERS.LIST", "users.list%00", "users.list.json", "users.list;x=y", "..%2fapi%2fusers.list", "./users.list", "../api/users.list",
		"chat.postMessage", "admin.users.remove", "auth.revoke", "oauth.v2.access", "users.setPresence", "users.profile.set", "files.upload", "__proto__", "constructor", "users.list%0d%0aX:y", "ｕsers.list", strings.Repeat("x", 50_000)} {
		add("method "+method[:min(30, len(method))], w.call(method, ""), refused("unknown_method"))
	}
	for _, verb := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "HEAD", "get", "post", strings.Repeat("P", 10_000)} {
		add("verb "+verb[:min(10, len(verb))], newMessage(verb, "/api/users.list", "", w.bearer()), refused("unknown_method"))
	}
	for name, body := range map[string]string{"a list": "[]", "null": "null", "a number": "1", "a text": `"x"`, "true": "true"} {
		add("JSON: "+name, w.json("users.list", body), refused("json_not_object"))
	}
	for name, body := range map[string]string{"half": "{", "two": "{}{}", "something after it": "{}x", "not JSON": "x", "100,000 brackets": strings.Repeat("[", 60_000), "single quotes": "{'limit':1}", "a trailing comma": `{"limit":1,}`, "NUL": "\x00", "a comment": "{}//x"} {
		add("JSON: "+name, w.json("users.list", body), refused("invalid_json"))
	}
	for name, body := range map[string]string{"an object within": `{"limit":{}}`, "lists in lists": `{"limit":[[1]]}`, "a list of numbers": `{"users":[1]}`, "65 members": "{" + strings.TrimSuffix(manyOf(65, `"a#":1,`), ",") + "}"} {
		add("JSON: "+name, w.json("users.list", body), refused("invalid_arguments"))
	}
	for name, contentType := range map[string]string{"text": "text/plain", "multipart": "multipart/form-data; boundary=b", "XML": "application/xml", "empty": "", "nonsense": "///", "JSON and more": "application/jsonp"} {
		add("type: "+name, w.call("users.list", "limit=1", set("Content-Type", contentType)), refused("invalid_post_type"))
	}
	for name, body := range map[string]string{"half a percent escape": "limit=%2", "no hexadecimal": "limit=%zz", "invalid UTF-8": "limit=%ff", "a name in invalid UTF-8": "%fe=1", "semicolons": "a=1;b=2", "65 arguments": manyOf(65, "a#=1&")} {
		add("form: "+name, w.call("users.list", body), refused("invalid_form_data"))
	}
	for name, query := range map[string]string{"half a percent escape": "limit=%2", "invalid UTF-8": "limit=%ff", "semicolons": "a=1;b=2", "65 arguments": manyOf(65, "a#=1&")} {
		add("query: "+name, newMessage("GET", "/api/users.list?"+query, "", w.bearer()), refused("invalid_arguments"))
	}
	add("a form of 64 KiB and a byte", w.call("users.list", "x="+strings.Repeat("x", 64<<10-1)), refused("invalid_arguments"))
	add("a form of 20 MB", w.call("users.list", "x="+strings.Repeat("x", 20<<20)), refused("invalid_arguments"))
	add("20 MB in chunks", w.call("users.list", "x="+strings.Repeat("x", 20<<20), chunked(64<<10, "")), refused("invalid_arguments"))
	add("a form that ends early", w.call("users.list", "limit=1", set("Content-Length", "100"), half), refused("request_timeout"))
	for _, p := range append([]string{"/", "/api", "/API/users.list", "/apix/users.list", "//api/users.list", "/x/../api/users.list", "/mcp/", "/MCP", "/mcp/..", "/.well-known/oauth-authorization-server"}, prying...) {
		all = append(all, hostile{name: "GET " + p, send: newMessage("GET", p, "", w.bearer()), status: 404})
	}
	return append(all, apiMCP(w)...)
}

// apiMCP are requests of the Model Context Protocol.
func apiMCP(w *world) (all []hostile) {
	mcp := func(body string, lines ...string) *message {
		return newMessage("POST", "/mcp", body, append(lines, "Content-Type: application/json", "Accept: application/json, text/event-stream")...)
	}
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, tt := range []struct {
		name   string
		send   *message
		status int
		body   string
	}{
		{"no token", mcp(ping), 401, "not_authed\n"},
		{"another scheme", mcp(ping, "Authorization: Basic "+w.programToken), 401, "not_authed\n"},
		{"a wrong token", mcp(ping, "Authorization: Bearer x"), 401, "invalid_auth\n"},
		{"a token in the query", mcp(ping, "X: y").edited([]edit{target("/mcp?token=" + w.programToken)}), 401, "not_authed\n"},
		{"a batch", mcp("["+ping+"]", w.bearer()), 400, "json_not_object\n"},
		{"64 KiB and a byte", mcp(strings.Repeat(" ", 64<<10)+"x", w.bearer()), 413, "invalid_arguments\n"},
		{"a body that ends early", mcp(ping, w.bearer()).edited([]edit{set("Content-Length", "1000"), half}), 408, "request_timeout\n"},
	} {
		all = append(all, hostile{name: "mcp: " + tt.name, send: tt.send, status: tt.status, body: tt.body})
	}
	return all
}

// manyOf repeats a pattern with # as a different letter pair each time.
func manyOf(n int, pattern string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(pattern, "#", string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return b.String()
}
