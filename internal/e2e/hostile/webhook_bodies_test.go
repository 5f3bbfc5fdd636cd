package hostile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// sign returns Slack's signature of a text.
func sign(text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func nested(open, middle, end string, levels int) string {
	return strings.Repeat(open, levels) + middle + strings.Repeat(end, levels)
}

// padded is JSON of exactly that size.
func padded(size int) string {
	const format = `{"type":"block_actions","pad":"%s"}`
	return fmt.Sprintf(format, strings.Repeat("x", size-len(format)+2))
}

// about is a team_join with more fields in the user object.
func about(more string) string {
	return inner(`{"type":"team_join","event_ts":"946000000.000001","user":{"id":"U0NEW","x":` + more + `}}`)
}

// webhookBodies are signed bodies that Slack would not send.
func webhookBodies() []hostile {
	at := func(ts string) *message {
		return event(`{"type":"user_change","event_ts":` + ts + `,"user":` + profile + `}`)
	}
	without := func(ts string) *message {
		return post(`{"type":"event_callback","team_id":"` + team + `","event_time":` + ts + `,"event":{"type":"user_change","user":` + profile + `}}`)
	}
	return []hostile{
		{name: "nothing", send: post(""), status: 400},
		{name: "a space", send: post(" "), status: 400},
		{name: "1 MiB", send: post(padded(1 << 20)), status: 200},
		{name: "1 MiB and a byte", send: post(padded(1<<20 + 1)), status: 413},
		{name: "8 MiB", send: post(padded(8 << 20)), status: 413},
		{name: "1 MiB of spaces", send: post(strings.Repeat(" ", 1<<20)), status: 400},
		{name: "an object of 120 kB", send: post(about(`"` + strings.Repeat("x", 120_000) + `"`)), status: 200, effect: 1},
		{name: "an object of 1 MB", send: post(about(`"` + strings.Repeat("x", 1_000_000) + `"`)), status: 400},

		{name: "a word", send: post("hello"), status: 400},
		{name: "null", send: post("null"), status: 400},
		{name: "true", send: post("true"), status: 400},
		{name: "a number", send: post("1e400"), status: 400},
		{name: "a string", send: post(`"url_verification"`), status: 400},
		{name: "a list", send: post("[" + hello + "]"), status: 400},
		{name: "two objects", send: post(hello + hello), status: 400},
		{name: "cut short", send: post(joined[:len(joined)-1]), status: 400},
		{name: "a trailing comma", send: post(`{"type":"url_verification",}`), status: 400},
		{name: "single quotes", send: post(`{'type':'url_verification'}`), status: 400},
		{name: "a comment", send: post(`{"type":"url_verification"/**/}`), status: 400},
		{name: "NaN", send: post(`{"type":"x","n":NaN}`), status: 400},
		{name: "a number with a leading zero", send: post(`{"type":"x","n":01}`), status: 400},
		{name: "an object without a type", send: post(`{}`), status: 200},

		{name: "10,000 lists", send: post(nested("[", "", "]", 10_001)), status: 400},
		{name: "10,000 objects", send: post(nested(`{"a":`, "1", "}", 10_001)), status: 400},
		{name: "500,000 brackets that stay open", send: post(strings.Repeat("[", 500_000)), status: 400},
		{name: "9,000 lists in an unread field", send: post(`{"type":"x","n":` + nested("[", "", "]", 9_000) + `}`), status: 200},
		{name: "9,000 lists in a user", send: post(about(nested("[", "", "]", 9_000))), status: 400},
		{name: "9,000 objects in a user", send: post(about(nested(`{"a":`, "1", "}", 9_000))), status: 400},
		{name: "128 lists in a user", send: post(about(nested("[", "", "]", 128))), status: 200, effect: 1},
		{name: "129 lists around something in a user", send: post(about(nested("[", "1", "]", 129))), status: 400},

		{name: "type twice", send: post(`{"type":"url_verification","type":"app_rate_limited","challenge":"x"}`), status: 400},
		{name: "type twice, once escaped", send: post(`{"type":"url_verification","t\u0079pe":"x"}`), status: 400},
		{name: "Type", send: post(`{"Type":"url_verification","challenge":"x"}`), status: 200},
		{name: "type and TYPE", send: post(`{"type":"url_verification","TYPE":"x","challenge":"hello"}`), status: 200, body: "hello"},
		{name: "team_id and Team_ID", send: post(strings.Replace(joined, `"event_id"`, `"Team_ID":"T0OTHER/..","event_id"`, 1)), status: 200, effect: 1},
		{name: "user twice", send: event(`{"type":"user_change","event_ts":"1.0","user":` + profile + `,"user":{"id":"U2"}}`), status: 400},
		{name: "user and User", send: event(`{"type":"user_change","event_ts":"1.0","user":` + profile + `,"User":{"id":"../x"}}`), status: 200, effect: 1},
		{name: "only User", send: event(`{"type":"user_change","event_ts":"1.0","User":` + profile + `}`), status: 400},
		{name: "id twice", send: event(`{"type":"user_change","event_ts":"1.0","user":{"id":"U1","id":"U2"}}`), status: 400},
		{name: "only ID", send: event(`{"type":"user_change","event_ts":"1.0","user":{"ID":"U1"}}`), status: 400},
		{name: "a key twice deep in the user", send: post(about(`[{"a":{"b":1,"b":2}}]`)), status: 400},
		{name: "keys that differ only in case", send: post(about(`{"a":1,"A":2}`)), status: 200, effect: 1},
		{name: "a type with a Kelvin sign", send: post(`{"type":"url_verification","challenge":"hello","to\u212aen":"x"}`), status: 200, body: "hello"},

		{name: "type is a number", send: post(`{"type":7}`), status: 200},
		{name: "type is a list", send: post(`{"type":["event_callback"]}`), status: 200},
		{name: "a type of 1 MB", send: post(`{"type":"` + strings.Repeat("x", 1_000_000) + `"}`), status: 200},
		{name: "challenge is a number", send: post(`{"type":"url_verification","challenge":1}`), status: 200},
		{name: "challenge is markup", send: post(`{"type":"url_verification","challenge":"<script>alert(1)</script>"}`), status: 200, body: "<script>alert(1)</script>",
			header: map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}},
		{name: "challenge splits the answer", send: post(`{"type":"url_verification","challenge":"\r\n\r\nHTTP/1.1 200 OK\r\n"}`), status: 200, body: "\r\n\r\nHTTP/1.1 200 OK\r\n"},
		{name: "event is null", send: event("null"), status: 200},
		{name: "event is text", send: event(`"user_change"`), status: 200},
		{name: "event is a list", send: event("[]"), status: 200},
		{name: "event's type is an object", send: event(`{"type":{"user_change":1}}`), status: 200},
		{name: "event of an unknown type", send: event(`{"type":"user_change ","user":` + profile + `}`), status: 200},
		{name: "user is null", send: event(`{"type":"user_change","event_ts":"1.0","user":null}`), status: 400},
		{name: "user is an id", send: event(`{"type":"user_change","event_ts":"1.0","user":"U1"}`), status: 400},
		{name: "user is a list", send: event(`{"type":"user_change","event_ts":"1.0","user":[` + profile + `]}`), status: 400},
		{name: "user is true", send: event(`{"type":"user_change","event_ts":"1.0","user":true}`), status: 400},
		{name: "a huge exponent", send: post(about("1e999999999")), status: 200, effect: 1},
		{name: "a number of 100,000 digits", send: post(about(strings.Repeat("9", 100_000))), status: 200, effect: 1},
		{name: "a number of 500,000 digits", send: post(about(strings.Repeat("9", 500_000))), status: 400},

		{name: "event_ts is a number", send: at("1648596712.000001"), status: 200, effect: 1},
		{name: "event_ts is null, event_time is there", send: at("null"), status: 200, effect: 1},
		{name: "event_ts is true", send: at("true"), status: 400},
		{name: "event_ts is an object", send: at(`{"t":1}`), status: 400},
		{name: "event_ts with an exponent", send: at("1e9"), status: 400},
		{name: "event_ts out of all bounds", send: at("1e400"), status: 400},
		{name: "event_ts below zero", send: at(`"-1648596712.0"`), status: 400},
		{name: "event_ts is zero", send: at(`"0.000000"`), status: 400},
		{name: "event_ts with spaces", send: at(`" 1648596712.0"`), status: 400},
		{name: "event_ts in hexadecimal", send: at(`"0x62433CE8"`), status: 400},
		{name: "event_ts with a minus after the point", send: at(`"1648596712.-1"`), status: 400},
		{name: "event_ts in the year 2200", send: at(`"7258118400.0"`), status: 400},
		{name: "event_ts in the year 9999", send: at(`"253402300799.0"`), status: 400},
		{name: "event_ts of 100,000 digits", send: at(strings.Repeat("9", 100_000)), status: 400},
		{name: "event_time is text", send: without(`"1648596712"`), status: 200, effect: 1},
		{name: "event_time is a fraction", send: without("1648596712.9"), status: 200, effect: 1},
		{name: "event_time is in words", send: without(`"today"`), status: 400},
		{name: "event_time is a list", send: without("[1648596712]"), status: 400},
	}
}
