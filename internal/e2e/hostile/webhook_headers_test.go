package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"rollcall/internal/fakeslack"
)

const (
	signature = "X-Slack-Signature"
	timestamp = "X-Slack-Request-Timestamp"
)

// slackLines are the headers with Slack's signature of body at a time.
func slackLines(key string, at time.Time, body string) []string {
	h := fakeslack.Sign(key, at, []byte(body))
	return []string{"Content-Type: application/json", timestamp + ": " + h.Get(timestamp), signature + ": " + h.Get(signature)}
}

// post is Slack's request.
func post(body string, edits ...edit) *message {
	return newMessage(http.MethodPost, "/slack/events", body, slackLines(secret, time.Now(), body)...).edited(edits)
}

// postAt is signed at another time.
func postAt(ago time.Duration, body string) *message {
	return newMessage(http.MethodPost, "/slack/events", body, slackLines(secret, time.Now().Add(-ago), body)...)
}

// stamped is signed with an arbitrary timestamp.
func stamped(text string) *message {
	body := joined
	return post(body, set(timestamp, text), set(signature, sign("v0:"+text+":"+body)))
}

const hello = `{"type":"url_verification","challenge":"hello"}`

// inner is the event_callback of an event.
func inner(event string) string {
	return `{"type":"event_callback","team_id":"` + team + `","event_id":"Ev1","event_time":946000000,"event":` + event + `}`
}

func event(event string, edits ...edit) *message { return post(inner(event), edits...) }

// joined is an event that the webhook publishes if it is signed.
var joined = inner(`{"type":"team_join","event_ts":"946000000.000001","user":` + profile + `}`)

// webhookHeaders are about signature, timestamp and the header in general.
func webhookHeaders() []hostile {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	digits := func(s string) string { return strings.TrimPrefix(s, "v0=") }
	sig := func(f func(string) string) *message { return post(joined, change(signature, f)) }
	unsigned := newMessage(http.MethodPost, "/slack/events", joined, "Content-Type: application/json")
	many := make([]string, 1500)
	for i := range many {
		many[i] = fmt.Sprintf("X-%d: %d", i, i)
	}
	return []hostile{
		{name: "no signature", send: post(joined, without(signature)), status: 401},
		{name: "no timestamp", send: post(joined, without(timestamp)), status: 401},
		{name: "neither", send: unsigned, status: 401},
		{name: "both empty", send: post(joined, set(signature, ""), set(timestamp, "")), status: 401},
		{name: "signature of zeros", send: sig(func(string) string { return "v0=" + strings.Repeat("0", 64) }), status: 401},
		{name: "v1", send: sig(func(s string) string { return "v1=" + digits(s) }), status: 401},
		{name: "V0", send: sig(func(s string) string { return "V0=" + digits(s) }), status: 401},
		{name: "no version", send: sig(digits), status: 401},
		{name: "version alone", send: sig(func(string) string { return "v0=" }), status: 401},
		{name: "digits in upper case", send: sig(func(s string) string { return "v0=" + strings.ToUpper(digits(s)) }), status: 200, effect: 1},
		{name: "one digit short", send: sig(func(s string) string { return s[:len(s)-1] }), status: 401},
		{name: "one byte short", send: sig(func(s string) string { return s[:len(s)-2] }), status: 401},
		{name: "one byte more", send: sig(func(s string) string { return s + "00" }), status: 401},
		{name: "not hexadecimal", send: sig(func(s string) string { return s[:len(s)-1] + "g" }), status: 401},
		{name: "last digit changed", send: sig(func(s string) string {
			return s[:len(s)-1] + string("0123456789abcdef"[15-strings.IndexByte("0123456789abcdef", s[len(s)-1])])
		}), status: 401},
		{name: "two in one header", send: sig(func(s string) string { return s + "," + s }), status: 401},
		{name: "in quotes", send: sig(func(s string) string { return `"` + s + `"` }), status: 401},
		{name: "spaces around", send: sig(func(s string) string { return "  " + s + "\t " }), status: 200, effect: 1},
		{name: "a space within", send: sig(func(s string) string { return s[:10] + " " + s[10:] }), status: 401},
		{name: "in base64", send: sig(func(string) string { return "v0=" + strings.Repeat("QUJD", 11) }), status: 401},
		{name: "signature of 60 KB", send: sig(func(s string) string { return s + strings.Repeat("0", 60_000) }), status: 401},
		{name: "the right one twice", send: post(joined, func(m *message) { m.lines = append(m.lines, m.lines[len(m.lines)-2]) }), status: 401},
		{name: "a wrong one after the right one", send: post(joined, with(signature+": v0="+strings.Repeat("0", 64))), status: 401},
		{name: "a second timestamp", send: post(joined, with(timestamp+": "+now)), status: 401},
		{name: "a second timestamp in lower case", send: post(joined, with(strings.ToLower(timestamp)+": "+now)), status: 401},
		{name: "names in lower case", send: post(joined, rename(signature, strings.ToLower(signature)), rename(timestamp, strings.ToLower(timestamp))), status: 200, effect: 1},
		{name: "names in upper case", send: post(joined, rename(signature, strings.ToUpper(signature)), rename(timestamp, strings.ToUpper(timestamp))), status: 200, effect: 1},
		{name: "names with underscores", send: post(joined, rename(signature, "X_Slack_Signature"), rename(timestamp, "X_Slack_Request_Timestamp")), status: 401},
		{name: "signature in the trailer", send: post(joined, rename(signature, "X-Was"), set("Trailer", signature), chunked(100, signature+": v0="+strings.Repeat("0", 64)+"\r\n")), status: 401},
		{name: "signature folded", send: sig(func(s string) string { return s[:30] + "\r\n " + s[30:] }), status: 401},
		{name: "signature in the query", send: post(joined, without(signature), target("/slack/events?X-Slack-Signature=v0=00")), status: 401},
		{name: "Slack's old token", send: newMessage("POST", "/slack/events", `{"token":"`+secret+`","type":"url_verification","challenge":"x"}`), status: 401},
		{name: "secret as a bearer token", send: newMessage("POST", "/slack/events", hello, "Authorization: Bearer "+secret), status: 401},

		{name: "replayed after five minutes", send: postAt(301*time.Second, joined), status: 401},
		{name: "four minutes old", send: postAt(4*time.Minute, joined), status: 200, effect: 1},
		{name: "from six minutes ahead", send: postAt(-6*time.Minute, joined), status: 401},
		{name: "replayed with a new timestamp", send: postAt(time.Hour, joined).edited([]edit{set(timestamp, now)}), status: 401},
		{name: "signature of another body", send: post(hello, body(joined), set("Content-Length", strconv.Itoa(len(joined)))), status: 401},
		{name: "signature of no body", send: post("", body(joined), set("Content-Length", strconv.Itoa(len(joined)))), status: 401},
		{name: "a newline after the signed body", send: post(joined, body(joined+"\n"), set("Content-Length", strconv.Itoa(len(joined)+1))), status: 401},
		{name: "signed with another secret", send: newMessage("POST", "/slack/events", joined, slackLines("guess", time.Now(), joined)...), status: 401},
		{name: "signed with no secret", send: newMessage("POST", "/slack/events", joined, slackLines("", time.Now(), joined)...), status: 401},
		{name: "body and timestamp shifted", send: post(now[9:]+":"+joined, set(timestamp, now[:9])), status: 401},
		{name: "timestamp in words", send: stamped("now"), status: 401},
		{name: "timestamp as a fraction", send: stamped(now + ".5"), status: 401},
		{name: "timestamp in milliseconds", send: stamped(now + "000"), status: 401},
		{name: "timestamp in hexadecimal", send: stamped(fmt.Sprintf("0x%x", time.Now().Unix())), status: 401},
		{name: "timestamp with an exponent", send: stamped(now[:9] + "e1"), status: 401},
		{name: "timestamp of 1970", send: stamped("0"), status: 401},
		{name: "timestamp below zero", send: stamped("-" + now), status: 401},
		{name: "the smallest timestamp", send: stamped("-9223372036854775808"), status: 401},
		{name: "the largest timestamp", send: stamped("9223372036854775807"), status: 401},
		{name: "timestamp beyond 64 bits", send: stamped("18446744073709551616"), status: 401},
		{name: "timestamp of 10,000 digits", send: stamped(strings.Repeat("9", 10_000)), status: 401},
		{name: "two timestamps in one header", send: stamped(now + "," + now), status: 401},
		{name: "timestamp in Arabic digits", send: stamped("١٦٤٨٥٩٦٧١٢"), status: 401},

		{name: "65 KB of header unsigned", send: newMessage("POST", "/slack/events", "", "X-Long: "+strings.Repeat("x", 65<<10)), status: 401},
		{name: "a header of 1 MB", send: post(joined, with("X-Long: "+strings.Repeat("x", 1<<20))), status: 431, server: true},
		{name: "1,500 headers", send: post(joined, with(many...)), status: 200, effect: 1},
		{name: "forwarded for and by everybody", send: post(joined, with("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: evil.example", "Forwarded: for=127.0.0.1")), status: 200, effect: 1},
		{name: "retry headers with markup", send: post(joined, with("X-Slack-Retry-Num: <script>", `X-Slack-Retry-Reason: ","severity":"ERROR`)), status: 200, effect: 1},
		{name: "a retry reason of 50 KB", send: post(joined, with("X-Slack-Retry-Reason: "+strings.Repeat("x", 50_000))), status: 200, effect: 1},
		{name: "a forged trace", send: post(joined, with(`Traceparent: 00-","x":"-1-01`, "X-Cloud-Trace-Context: \x01/../../1;o=1")), status: 400, server: true},
	}
}

// webhookEncodings are signed bodies in other encodings than UTF-8.
func webhookEncodings() []hostile {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(joined)) //nolint:errcheck // to memory
	z.Close()
	wide := func(first string) string {
		b := []byte(first)
		for _, unit := range utf16.Encode([]rune(hello)) {
			b = append(b, byte(unit), byte(unit>>8))
		}
		return string(b)
	}
	return []hostile{
		{name: "gzip", send: post(zipped.String(), with("Content-Encoding: gzip")), status: 400},
		{name: "gzip announced, plain sent", send: post(joined, with("Content-Encoding: gzip")), status: 200, effect: 1},
		{name: "gzip with the plain body's signature", send: post(joined, body(zipped.String()), set("Content-Length", strconv.Itoa(zipped.Len())), with("Content-Encoding: gzip")), status: 401},
		{name: "UTF-16", send: post(wide(""), set("Content-Type", "application/json; charset=utf-16le")), status: 400},
		{name: "UTF-16 with a byte order mark", send: post(wide("\xff\xfe")), status: 400},
		{name: "UTF-8 with a byte order mark", send: post("\ufeff" + hello), status: 400},
		{name: "labelled as UTF-7", send: post(`{"type":"url_verification","challenge":"+ADw-script+AD4-"}`, set("Content-Type", "application/json; charset=utf-7")), status: 200, body: "+ADw-script+AD4-",
			header: map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}},
		{name: "invalid UTF-8 in a string", send: post("{\"type\":\"url_verification\",\"challenge\":\"\xff\"}"), status: 400},
		{name: "an overlong slash", send: post("{\"type\":\"url_verification\",\"challenge\":\"\xc0\xaf\"}"), status: 400},
		{name: "a surrogate in UTF-8", send: post("{\"type\":\"url_verification\",\"challenge\":\"\xed\xa0\x80\"}"), status: 400},
		{name: "half a surrogate pair escaped", send: post(`{"type":"url_verification","challenge":"\ud83d"}`), status: 200, body: "\ufffd"},
		{name: "NUL between tokens", send: post("{\x00\"type\":\"url_verification\"}"), status: 400},
		{name: "NUL in a string", send: post("{\"type\":\"url_verification\",\"challenge\":\"\x00\"}"), status: 400},
		{name: "NUL escaped", send: post(`{"type":"url_verification","challenge":"\u0000"}`), status: 200, body: "\x00"},
		{name: "NUL at the end", send: post(hello + "\x00"), status: 400},
		{name: "only NUL", send: post(strings.Repeat("\x00", 100)), status: 400},
		{name: "a form", send: post("payload=%7B%22type%22%3A%22url_verification%22%7D", set("Content-Type", "application/x-www-form-urlencoded")), status: 400},
		{name: "a multipart form", send: post("--b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{}\r\n--b--\r\n", set("Content-Type", "multipart/form-data; boundary=b")), status: 400},
		{name: "XML with an entity", send: post(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`, set("Content-Type", "text/xml")), status: 400},
		{name: "JSON labelled as a form", send: post(hello, set("Content-Type", "application/x-www-form-urlencoded")), status: 200, body: "hello"},
		{name: "no content type", send: post(hello, without("Content-Type")), status: 200, body: "hello"},
	}
}
