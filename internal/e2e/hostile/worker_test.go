package hostile

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// changed is the data of a message.
func changed(operation, teamID, user, version string) string {
	return fmt.Sprintf(`{"operation":%q,"team_id":%s,"user":%s,"version":%s,"source":"event","event_id":"Ev1"}`, operation, quoted(teamID), user, version)
}

func insert(user string) string { return changed("insert", team, user, "11") }

// envelope is a push with any body.
func envelope(body string, edits ...edit) *message {
	return newMessage(http.MethodPost, "/", body, "Content-Type: application/json").edited(edits)
}

// deliver pushes a message as Pub/Sub does. deliverWith adds fields.
func deliver(data string) *message { return deliverWith(data, "", "") }

func deliverWith(data, inMessage, beside string) *message {
	return envelope(fmt.Sprintf(`{"message":{"data":"%s","messageId":"1","publishTime":"2021-02-26T19:13:55.749Z"%s},"subscription":"projects/p/subscriptions/s"%s}`,
		base64.StdEncoding.EncodeToString([]byte(data)), inMessage, beside))
}

// somebody is an insert with its own id, so that each is written.
func somebody(id string) string { return insert(`{"id":"` + id + `","name":"x"}`) }

// workerEnvelopes are pushes that Pub/Sub would not send.
func workerEnvelopes() []hostile {
	data := base64.StdEncoding.EncodeToString([]byte(somebody("U0FORGED")))
	message := func(inner string) *message { return envelope(`{"message":` + inner + `}`) }
	return []hostile{
		{name: "nothing", send: envelope(""), status: 400},
		{name: "not JSON", send: envelope("hello"), status: 400},
		{name: "null", send: envelope("null"), status: 400},
		{name: "a list", send: envelope("[]"), status: 400},
		{name: "an object with nothing", send: envelope("{}"), status: 400},
		{name: "the change itself", send: envelope(somebody("U0FORGED")), status: 400},
		{name: "a CloudEvent", send: envelope(`{"specversion":"1.0","type":"google.cloud.pubsub.topic.v1.messagePublished","data":{"message":{"data":"` + data + `","messageId":"1"}}}`), status: 400},
		{name: "no message", send: envelope(`{"subscription":"s"}`), status: 400},
		{name: "message is null", send: message("null"), status: 400},
		{name: "message is text", send: message(`"x"`), status: 400},
		{name: "message is a list", send: message(`[{"messageId":"1"}]`), status: 400},
		{name: "no id", send: message(`{"data":"` + data + `"}`), status: 400},
		{name: "id is a number", send: message(`{"messageId":1,"data":"` + data + `"}`), status: 400},
		{name: "id is empty", send: message(`{"messageId":"","data":"` + data + `"}`), status: 400},
		{name: "an id of 100,000 digits", send: message(`{"messageId":"` + strings.Repeat("1", 100_000) + `","data":"` + data + `"}`), status: 400},
		{name: "an id with a newline", send: deliverWith(somebody("U0NEWLINE"), "", "").edited([]edit{replace(`"messageId":"1"`, `"messageId":"\n{\"severity\":\"ERROR\"}"`)}), status: 200, effect: 1},
		{name: "id under the old name", send: message(`{"message_id":"1","data":"` + base64.StdEncoding.EncodeToString([]byte(somebody("U0OLD"))) + `"}`), status: 200, effect: 1},
		{name: "id under both names", send: deliverWith(somebody("U0BOTH"), `,"message_id":"2"`, ""), status: 200, effect: 1},
		{name: "id twice", send: deliverWith(somebody("U0TWICE"), `,"messageId":"2"`, ""), status: 400},
		{name: "id in another case", send: message(`{"MessageID":"1","data":"` + data + `"}`), status: 400},
		{name: "Message", send: envelope(`{"Message":{"messageId":"1","data":"` + data + `"}}`), status: 400},
		{name: "two messages", send: envelope(`{"message":{"messageId":"1","data":"` + data + `"},"message":{"messageId":"2"}}`), status: 400},
		{name: "no data", send: message(`{"messageId":"1"}`), status: 400},
		{name: "data is empty", send: deliver(""), status: 400},
		{name: "data is not base64", send: message(`{"messageId":"1","data":"!!!!"}`), status: 400},
		{name: "data in URL-safe base64", send: message(`{"messageId":"1","data":"__--"}`), status: 400},
		{name: "data without its padding", send: message(`{"messageId":"1","data":"eyJ"}`), status: 400},
		{name: "data with newlines", send: message(`{"messageId":"1","data":"` + data[:8] + `\r\n` + data[8:] + `"}`), status: 400},
		{name: "data is an object", send: message(`{"messageId":"1","data":` + somebody("U0FORGED") + `}`), status: 400},
		{name: "data is a list of numbers", send: message(`{"messageId":"1","data":[123,125]}`), status: 400},
		{name: "attributes are null", send: deliverWith(somebody("U0NULL"), `,"attributes":null`, ""), status: 200, effect: 1},
		{name: "attributes are numbers", send: deliverWith(somebody("U0FORGED"), `,"attributes":{"a":1}`, ""), status: 400},
		{name: "attributes are a list", send: deliverWith(somebody("U0FORGED"), `,"attributes":["a"]`, ""), status: 400},
		{name: "attributes are nested", send: deliverWith(somebody("U0FORGED"), `,"attributes":{"a":{"b":"c"}}`, ""), status: 400},
		{name: "attributes say otherwise", send: deliverWith(somebody("U0ATTRIBUTES"), `,"attributes":{"operation":"delete","team_id":"../T1"}`, ""), status: 200, effect: 1},
		{name: "deliveryAttempt is text", send: deliverWith(somebody("U0FORGED"), "", `,"deliveryAttempt":"5"`), status: 400},
		{name: "deliveryAttempt is a fraction", send: deliverWith(somebody("U0FORGED"), "", `,"deliveryAttempt":1.5`), status: 400},
		{name: "deliveryAttempt has an exponent", send: deliverWith(somebody("U0FORGED"), "", `,"deliveryAttempt":1e2`), status: 400},
		{name: "deliveryAttempt beyond 64 bits", send: deliverWith(somebody("U0FORGED"), "", `,"deliveryAttempt":99999999999999999999`), status: 400},
		{name: "deliveryAttempt below zero", send: deliverWith(somebody("U0BELOW"), "", `,"deliveryAttempt":-1`), status: 200, effect: 1},
		{name: "deliveryAttempt is null", send: deliverWith(somebody("U0NOATTEMPT"), "", `,"deliveryAttempt":null`), status: 200, effect: 1},
		{name: "subscription is a number", send: envelope(`{"message":{"messageId":"1","data":"` + data + `"},"subscription":1}`), status: 400},
		{name: "publishTime in words", send: message(`{"messageId":"1","publishTime":"now","data":"` + data + `"}`), status: 400},
		{name: "publishTime is a number", send: message(`{"messageId":"1","publishTime":1648596712,"data":"` + data + `"}`), status: 400},
		{name: "an ordering key", send: deliverWith(somebody("U0ORDER"), `,"orderingKey":"x"`, ""), status: 200, effect: 1},
		{name: "10,000 lists", send: envelope(nested("[", "", "]", 10_001)), status: 400},
		{name: "9,000 lists beside the message", send: deliverWith(somebody("U0BESIDE"), "", `,"x":`+nested("[", "", "]", 9_000)), status: 200, effect: 1},
		{name: "invalid UTF-8", send: envelope("{\"message\":{\"messageId\":\"\xff\"}}"), status: 400},
		{name: "1 MiB and a byte", send: envelope(strings.Repeat(" ", 1<<20+1)), status: 413},
		{name: "20 MiB in chunks", send: envelope(strings.Repeat(" ", 20<<20), chunked(1<<20, "")), status: 413},
		{name: "gzip", send: envelope("\x1f\x8b\x08\x00", with("Content-Encoding: gzip")), status: 400},
		{name: "a form", send: envelope("message=1", set("Content-Type", "application/x-www-form-urlencoded")), status: 400},
		{name: "another topic's path", send: deliver(somebody("U0TOPIC")).edited([]edit{target("/projects/p/topics/t?token=x")}), status: 200, effect: 1},
		{name: "a path with dots for a topic", send: deliver(somebody("U0FORGED")).edited([]edit{target("/projects/p/topics/..")}), status: 307, server: true, none: true, header: map[string]string{"Location": "/projects/p"}},
		{name: "GET at the root", send: envelope("", method("GET")), status: 405, header: map[string]string{"Allow": "POST"}},
	}
}

// workerRoutes are [routes] with the answers of the Functions Framework, whose server accepts headers of 1 MiB
// and answers "OPTIONS *", and whose mux cleans paths. The server has no timeout for headers and idle
// connections either. That is fine: only Google's front end reaches the worker, and it has its own limits.
func workerRoutes() []hostile {
	all := routes("/projects/p/topics/t", 400)
	for i, h := range all {
		switch {
		case h.name == "OPTIONS *":
			all[i].status, all[i].server = http.StatusOK, true
		case h.status == http.StatusRequestHeaderFieldsTooLarge:
			all[i].status, all[i].server = http.StatusNotFound, false
		case h.name == "CONNECT":
			all[i].server, all[i].body = true, usual("worker", http.StatusNotFound)
		case h.status == http.StatusTemporaryRedirect, h.none && h.status == http.StatusBadRequest:
			all[i].server, all[i].none = true, true
		}
	}
	return append(all, hostile{name: "a path of 2 MB", send: newMessage("POST", strings.Repeat("/x", 1<<20), ""), status: 431, server: true})
}

// replace replaces text in the body.
func replace(old, with string) edit {
	return func(m *message) {
		m.body = strings.Replace(m.body, old, with, 1)
		set("Content-Length", fmt.Sprint(len(m.body)))(m)
	}
}

// workerChanges are invalid changes in valid envelopes.
func workerChanges() []hostile {
	const user = `{"id":"U0CHANGED"}`
	version := func(v string) *message { return deliver(changed("insert", team, user, v)) }
	object := func(more string) *message { return deliver(insert(`{"id":"U0CHANGED","x":` + more + `}`)) }
	swap := func(old, with string) *message { return deliver(strings.Replace(insert(user), old, with, 1)) }
	return []hostile{
		{name: "change is not JSON", send: deliver("hello"), status: 400},
		{name: "change is null", send: deliver("null"), status: 400},
		{name: "change is a list", send: deliver("[" + insert(user) + "]"), status: 400},
		{name: "two changes", send: deliver(insert(user) + insert(user)), status: 400},
		{name: "change with NUL", send: deliver(insert(user) + "\x00"), status: 400},
		{name: "change in UTF-16", send: deliver("{\x00}\x00"), status: 400},
		{name: "change with a byte order mark", send: deliver("\ufeff" + insert(user)), status: 400},
		{name: "unknown operation", send: deliver(changed("upsert", team, user, "11")), status: 400},
		{name: "operation in upper case", send: deliver(changed("INSERT", team, user, "11")), status: 400},
		{name: "operation is a number", send: swap(`"insert"`, "1"), status: 400},
		{name: "no operation", send: swap(`"operation":"insert",`, ""), status: 400},
		{name: "operation twice", send: swap(`{"operation"`, `{"operation":"delete","operation"`), status: 400},
		{name: "operation in two cases", send: deliver(strings.Replace(somebody("U0CASES"), `{"operation"`, `{"OPERATION":"delete","operation"`, 1)), status: 200, effect: 1},
		{name: "delete without an id", send: deliver(changed("delete", team, "{}", "11")), status: 400},
		{name: "delete without a user", send: deliver(`{"operation":"delete","team_id":"T1","version":11,"source":"event"}`), status: 400},
		{name: "update of nobody", send: deliver(changed("update", team, user, "11")), status: 409},
		{name: "a part of a user", send: swap(`"insert"`, `"update","partial":true`), status: 400},
		{name: "a partial insert", send: swap(`"source"`, `"partial":true,"source"`), status: 400},
		{name: "partial is text", send: swap(`"source"`, `"partial":"true","source"`), status: 400},
		{name: "unknown source", send: swap(`"event",`, `"me",`), status: 400},
		{name: "no source", send: swap(`"source":"event",`, ""), status: 400},
		{name: "no version", send: swap(`"version":11,`, ""), status: 400},
		{name: "version is zero", send: version("0"), status: 400},
		{name: "version below zero", send: version("-1648596712000001"), status: 400},
		{name: "version is a fraction", send: version("1648596712.5"), status: 400},
		{name: "version has an exponent", send: version("1e15"), status: 400},
		{name: "version is text", send: version(`"1648596712000001"`), status: 400},
		{name: "version is null", send: version("null"), status: 400},
		{name: "version is true", send: version("true"), status: 400},
		{name: "version in nanoseconds", send: version("1648596712000001000"), status: 400},
		{name: "version beyond 64 bits", send: version("99999999999999999999"), status: 400},
		{name: "version of 100,000 digits", send: version(strings.Repeat("9", 100_000)), status: 400},
		{name: "user is null", send: deliver(insert("null")), status: 400},
		{name: "user is text", send: deliver(insert(`"U1"`)), status: 400},
		{name: "user is a list", send: deliver(insert(`[{"id":"U1"}]`)), status: 400},
		{name: "user nested 9,000 deep", send: object(nested("[", "", "]", 9_000)), status: 400},
		{name: "user nested 130 deep", send: object(nested(`{"a":`, "1", "}", 129)), status: 400},
		{name: "user nested 128 deep", send: deliver(insert(`{"id":"U0DEEP","x":` + nested(`{"a":`, "1", "}", 127) + `}`)), status: 200, effect: 1},
		{name: "user of 120 kB", send: deliver(insert(`{"id":"U0LARGE","x":"` + strings.Repeat("x", 120_000) + `"}`)), status: 200, effect: 1},
		{name: "user of 200 kB", send: deliver(insert(`{"id":"U0LARGER","x":"` + strings.Repeat("x", 200_000) + `"}`)), status: 400},
		{name: "user of 900 kB", send: deliver(insert(`{"id":"U0LARGEST","x":"` + strings.Repeat("x", 900_000) + `"}`)), status: 413},
		{name: "user with a key twice", send: object(`{"a":1,"a":2}`), status: 400},
		{name: "user with invalid UTF-8", send: object("\"\xff\""), status: 400},
		{name: "user with half a surrogate pair", send: deliver(insert(`{"id":"U0HALF","name":"\ud83d"}`)), status: 200, effect: 1},
		{name: "user with keys that Firestore reserves", send: deliver(insert(`{"id":"U0KEYS","__name__":"x","":1,"a.b":{"__x__":[[1]]},"profile":{"\u0000":1}}`)), status: 200, effect: 1},
		{name: "user with values of other types", send: deliver(insert(`{"id":"U0TYPES","name":7,"deleted":"yes","tz":[],"updated":1e999,"profile":"none","is_bot":{}}`)), status: 200, effect: 1},
		{name: "user with a name of 60,000 letters", send: deliver(insert(`{"id":"U0NAME","profile":{"real_name":"` + strings.Repeat("é ", 30_000) + `"}}`)), status: 200, effect: 1},
		{name: "user with a huge exponent", send: deliver(insert(`{"id":"U0BOMB","updated":1e999999999,"x":-1E-999999999}`)), status: 200, effect: 1},
		{name: "an event id of 1,025 characters", send: swap("Ev1", strings.Repeat("E", 1025)), status: 400},
	}
}
