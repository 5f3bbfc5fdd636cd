package hostile

import (
	"fmt"
	"net/http"
	"strings"
)

// prying are paths that scanners try.
var prying = []string{"/.env", "/.git/config", "/debug/pprof/", "/debug/vars", "/metrics", "/wp-login.php", "/actuator/env", "/server-status", "/cgi-bin/x", "/etc/passwd"}

// routes are wrong paths and methods for a service with a single route. behind is the status for
// that path with something appended.
func routes(path string, behind int) []hostile {
	on := func(method, target string, edits ...edit) *message {
		return newMessage(method, target, "").edited(edits)
	}
	to := func(target string) map[string]string { return map[string]string{"Location": target} }
	allow := map[string]string{"Allow": http.MethodPost}
	all := []hostile{
		{name: "GET", send: on("GET", path), status: 405, header: allow},
		{name: "HEAD", send: on("HEAD", path), status: 405, header: allow},
		{name: "PUT", send: on("PUT", path), status: 405, header: allow},
		{name: "DELETE", send: on("DELETE", path), status: 405},
		{name: "PATCH", send: on("PATCH", path), status: 405},
		{name: "TRACE", send: on("TRACE", path, with("Cookie: x")), status: 405},
		{name: "OPTIONS", send: on("OPTIONS", path), status: 405},
		{name: "PROPFIND", send: on("PROPFIND", path), status: 405},
		{name: "method in lower case", send: on("POST", path, method("post")), status: 405},
		{name: "a method of 10,000 letters", send: on("POST", path, method(strings.Repeat("P", 10_000))), status: 405},
		{name: "a method with a quote", send: on("POST", path, method(`PO"ST`)), status: 400, server: true},
		{name: "an override", send: on("GET", path, with("X-HTTP-Method-Override: POST", "X-Method-Override: POST", "X-HTTP-Method: POST")), status: 405},
		{name: "an override in the query", send: on("GET", path+"?_method=POST"), status: 405},
		{name: "CONNECT", send: on("CONNECT", "metadata.google.internal:80"), status: 404},
		{name: "OPTIONS *", send: on("OPTIONS", "*"), status: 400, none: true},
		{name: "GET *", send: on("GET", "*"), status: 400, none: true},

		{name: "a slash at the end", send: on("POST", path+"/"), status: 404},
		{name: "two slashes", send: on("POST", "/"+path), status: 307, header: to(path)},
		{name: "dots", send: on("POST", "/x/.."+path), status: 307, header: to(path)},
		{name: "a dot", send: on("POST", "/."+path), status: 307, header: to(path)},
		{name: "dots beyond the root", send: on("POST", "/../../.."+path), status: 307, header: to(path)},
		{name: "percent-encoded dots", send: on("POST", "/x/%2e%2e"+path), status: 404},
		{name: "doubly percent-encoded dots", send: on("POST", "/x/%252e%252e"+path), status: 404},
		{name: "percent-encoded slashes", send: on("POST", "/"+strings.ReplaceAll(path[1:], "/", "%2F")), status: 404},
		{name: "backslashes", send: on("POST", strings.ReplaceAll(path, "/", `\`)), status: 400, server: true},
		{name: "NUL after the path", send: on("POST", path+"%00"), status: behind},
		{name: "a newline after the path", send: on("POST", path+"%0d%0aX:y"), status: behind},
		{name: "parameters after a semicolon", send: on("POST", path+";x=y"), status: behind},
		{name: "a fragment", send: on("POST", path+"#x"), status: behind},
		{name: "in upper case", send: on("POST", strings.ToUpper(path)), status: 404},
		{name: "half a percent escape", send: on("POST", path+"%2"), status: 400, server: true},
		{name: "no slash", send: on("POST", path[1:]), status: 400, server: true},
		{name: "a path of 60 KB", send: on("POST", path+strings.Repeat("/x", 30_000)), status: 404},
		{name: "a path of 100 KB", send: on("POST", path+strings.Repeat("/x", 50_000)), status: 431, server: true},
		{name: "invalid UTF-8 after the path", send: on("POST", path+"%ff\xff"), status: behind},
		{name: "another host's address", send: on("GET", "http://evil.example"+path), status: 405},
		{name: "another host's address, two slashes", send: on("POST", "http://evil.example/"+path), status: 307, header: to(path)},
		{name: "a file's address", send: on("GET", "file:///etc/passwd"), status: 404},

		{name: "HTTP/0.9", send: raw("GET %s\r\n\r\n", path), status: 400, server: true},
		{name: "HTTP/1.0", send: on("GET", path, proto("HTTP/1.0"), without("Host")), status: 405},
		{name: "HTTP/1.9", send: on("GET", path, proto("HTTP/1.9")), status: 405},
		{name: "HTTP/2 without an upgrade", send: raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), status: 400, none: true},
		{name: "HTTP/3.0", send: on("GET", path, proto("HTTP/3.0")), status: 505, server: true, body: "505 HTTP Version Not Supported: unsupported protocol version"},
		{name: "HTTP in lower case", send: on("GET", path, proto("http/1.1")), status: 400, server: true},
		{name: "an upgrade to HTTP/2", send: on("GET", path, set("Connection", "Upgrade, HTTP2-Settings, close"), with("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")), status: 405},
		{name: "an upgrade to a WebSocket", send: on("GET", path, set("Connection", "Upgrade, close"), with("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")), status: 405},
		{name: "TLS", send: raw("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03%s\r\n\r\n", strings.Repeat("x", 100)), status: 400, server: true},
		{name: "the PROXY protocol", send: raw("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n", path), status: 400, server: true},
		{name: "an empty line and nothing", send: raw("\r\n\r\n"), status: 400, server: true},

		{name: "no host", send: on("POST", path, without("Host")), status: 400, server: true, body: "400 Bad Request: missing required Host header"},
		{name: "two hosts", send: on("POST", path, with("Host: evil.example")), status: 400, server: true},
		{name: "a host with a path", send: on("POST", path, set("Host", "evil.example/x")), status: 400, server: true, body: "400 Bad Request: malformed Host header"},
		{name: "a host with a space", send: on("POST", path, set("Host", "evil .example")), status: 400, server: true, body: "400 Bad Request: malformed Host header"},
		{name: "another host", send: on("POST", "/"+path, set("Host", "evil.example")), status: 307, header: to(path)},
		{name: "a header without a colon", send: on("POST", path, with("Hello")), status: 400, server: true},
		{name: "a space before the colon", send: on("POST", path, with("X-Y : z")), status: 400, server: true, body: "400 Bad Request: invalid header name"},
		{name: "a header without a name", send: on("POST", path, with(": x")), status: 400, server: true},
		{name: "NUL in a header", send: on("POST", path, with("X-Y: \x00")), status: 400, server: true},
		{name: "an unknown expectation", send: on("POST", path, with("Expect: 200-maybe")), status: 417, server: true, none: true},
	}
	for _, p := range prying {
		all = append(all, hostile{name: "GET " + p, send: on("GET", p), status: 404})
	}
	return all
}

// webhookFraming is about the end of a signed request's body.
func webhookFraming() []hostile {
	n := len(joined)
	second := "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	length := func(values ...string) edit {
		return func(m *message) {
			without("Content-Length")(m)
			for _, v := range values {
				with("Content-Length: " + v)(m)
			}
		}
	}
	keep := without("Connection")
	return []hostile{
		{name: "length too small by one", send: post(joined, length(fmt.Sprint(n-1))), status: 401},
		{name: "length too small, the rest a request", send: post(joined, length("0"), keep, body(second)), status: 401, more: []int{200}},
		{name: "length too large by one, and the end", send: post(joined, length(fmt.Sprint(n+1)), half), status: 400},
		{name: "length of 9 EB", send: post(joined, length("9223372036854775807"), half), status: 413},
		{name: "length of 1 MiB, and nothing", send: post("", length("1048576"), half), status: 400},
		{name: "length beyond 64 bits", send: post(joined, length("18446744073709551616")), status: 400, server: true},
		{name: "length below zero", send: post(joined, length("-1")), status: 400, server: true},
		{name: "length with a plus", send: post(joined, length(fmt.Sprintf("+%d", n))), status: 400, server: true},
		{name: "length in hexadecimal", send: post(joined, length(fmt.Sprintf("0x%x", n))), status: 400, server: true},
		{name: "length in words", send: post(joined, length("all")), status: 400, server: true},
		{name: "length is empty", send: post(joined, length("")), status: 400, server: true},
		{name: "two lengths that differ", send: post(joined, length(fmt.Sprint(n), "0")), status: 400, server: true},
		{name: "two lengths that agree", send: post(joined, length(fmt.Sprint(n), fmt.Sprint(n))), status: 200, effect: 1},
		{name: "two lengths in one", send: post(joined, length(fmt.Sprintf("%d, %d", n, n))), status: 400, server: true},
		{name: "no length", send: post(joined, length()), status: 401},

		{name: "in chunks", send: post(joined, chunked(100, "")), status: 200, effect: 1},
		{name: "in chunks of a byte", send: post(hello, chunked(1, "")), status: 200, body: "hello"},
		{name: "1 MiB in chunks", send: post(padded(1<<20), chunked(8<<10, "")), status: 200},
		{name: "1 MiB and a byte in chunks", send: post(padded(1<<20+1), chunked(8<<10, "")), status: 413},
		{name: "8 MiB in chunks", send: post(padded(8<<20), chunked(64<<10, "")), status: 413},
		{name: "chunks without an end", send: post(joined, chunks(fmt.Sprintf("%x\r\n%s\r\n", n, joined)), half), status: 400},
		{name: "a chunk's size in words", send: post(joined, chunks("all\r\n"+joined+"\r\n0\r\n\r\n")), status: 400},
		{name: "a chunk's size below zero", send: post(joined, chunks("-1\r\n"+joined+"\r\n0\r\n\r\n")), status: 400},
		{name: "a chunk's size with 0x", send: post(joined, chunks(fmt.Sprintf("0x%x\r\n%s\r\n0\r\n\r\n", n, joined))), status: 400},
		{name: "a chunk's size beyond 64 bits", send: post(joined, chunks("11111111111111111\r\n"+joined+"\r\n0\r\n\r\n")), status: 400},
		{name: "a chunk larger than its size", send: post(joined, chunks(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n-1, joined))), status: 400},
		{name: "a chunk with an extension", send: post(joined, chunks(fmt.Sprintf("%x;x=y\r\n%s\r\n0\r\n\r\n", n, joined))), status: 200, effect: 1},
		{name: "a chunk with an extension of 100 KB", send: post(joined, chunks(fmt.Sprintf("%x;%s\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", 100_000), joined))), status: 400},
		{name: "chunks that are mostly extensions", send: post(joined, chunks(strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n \r\n", 500)+"0\r\n\r\n")), status: 400},
		{name: "a trailer", send: post(joined, chunked(100, "X-Slack-Retry-Num: 1\r\n")), status: 200, effect: 1},
		{name: "a trailer of 1 MB", send: post(joined, chunked(100, "X: "+strings.Repeat("x", 1<<20)+"\r\n")), status: 400},

		{name: "length and chunks", send: post(joined, chunked(100, ""), with("Content-Length: 3")), status: 200, effect: 1},
		{name: "length and chunks, the rest a request", send: post("", chunks("0\r\n\r\n"+second), with("Content-Length: 5"), keep), status: 400},
		{name: "chunks twice", send: post(joined, chunked(100, ""), with("Transfer-Encoding: chunked")), status: 501, server: true, body: "Unsupported transfer encoding"},
		{name: "gzip and chunks", send: post(joined, chunked(100, ""), set("Transfer-Encoding", "gzip, chunked")), status: 501, server: true, body: "Unsupported transfer encoding"},
		{name: "identity", send: post(joined, with("Transfer-Encoding: identity")), status: 501, server: true, body: "Unsupported transfer encoding"},
		{name: "chunks after a tab", send: post(joined, chunked(100, ""), set("Transfer-Encoding", "\tchunked")), status: 200, effect: 1},
		{name: "xchunked", send: post(joined, chunked(100, ""), set("Transfer-Encoding", "xchunked")), status: 501, server: true, body: "Unsupported transfer encoding"},
		{name: "chunks after a vertical tab", send: post(joined, chunked(100, ""), set("Transfer-Encoding", "\x0bchunked")), status: 400, server: true},
		{name: "chunks over HTTP/1.0", send: post(joined, chunked(100, ""), proto("HTTP/1.0")), status: 401},
		{name: "bare newlines", send: raw("%s", strings.ReplaceAll(post(joined).wire(), "\r\n", "\n")), status: 200, effect: 1},
		{name: "carriage return within a header", send: post(joined, with("X: y\rConnection: keep-alive")), status: 400, server: true},
		{name: "an expectation of 100-continue", send: post(joined, with("Expect: 100-continue")), status: 200, effect: 1},
		{name: "a second request after the first", send: post(joined, keep, func(m *message) { m.body += second }), status: 200, effect: 1, more: []int{200}},
	}
}
