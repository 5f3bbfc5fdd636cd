package hostile

import (
	"encoding/json"
	"strings"
)

// wrongIDs would change the path of a document, or make it invalid.
var wrongIDs = []struct{ name, id string }{
	{"empty", ""}, {"slash", "T1/users/U1"}, {"slash first", "/T1"}, {"dot", "."}, {"dots", ".."}, {"up and away", "../../x"},
	{"reserved", "__T1__"}, {"a percent sign", "T1%2FU1"}, {"65 characters", "T" + strings.Repeat("1", 64)}, {"2,000 characters", "T" + strings.Repeat("1", 1999)},
	{"NUL", "T1\x00"}, {"newline", "T1\n"}, {"space", " T1"}, {"another script", "Т1"}, {"full width", "Ｔ１"}, {"backslash", `T1\U1`}, {"a wildcard", "*"}, {"a dash first", "-T1"},
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // encoding a string cannot fail
	}
	return string(b)
}

// noWorkspace is the status for an event with that team id. Without a workspace it is ignored.
func noWorkspace(id string) int {
	if id == "" {
		return 200
	}
	return 400
}

// webhookIDs are events with wrong ids.
func webhookIDs() (all []hostile) {
	for _, w := range wrongIDs {
		all = append(all,
			hostile{name: "team id: " + w.name, send: post(strings.Replace(joined, `"`+team+`"`, quoted(w.id), 1)), status: noWorkspace(w.id)},
			hostile{name: "user id: " + w.name, send: event(`{"type":"team_join","event_ts":"1.0","user":{"id":` + quoted(w.id) + `}}`), status: 400})
	}
	for _, id := range []string{"null", "1", "true", `["T1"]`, `{"id":"T1"}`} {
		all = append(all,
			hostile{name: "team id is " + id, send: post(strings.Replace(joined, `"`+team+`"`, id, 1)), status: 200}, // without a workspace
			hostile{name: "user id is " + id, send: event(`{"type":"team_join","event_ts":"1.0","user":{"id":` + id + `}}`), status: 400})
	}
	return append(all,
		hostile{name: "the longest ids", send: post(strings.NewReplacer(team, "T"+strings.Repeat("1", 63), "U0WILHELMINA", "U"+strings.Repeat("_", 63)).Replace(joined)), status: 200, effect: 1},
		hostile{name: "an event id longer than an attribute may be", send: post(strings.Replace(joined, "Ev1", strings.Repeat("E", 1025), 1)), status: 400},
		hostile{name: "an event id with a NUL", send: post(strings.Replace(joined, "Ev1", `Ev\u0000`, 1)), status: 200, effect: 1})
}

// workerIDs are messages with wrong ids.
func workerIDs() (all []hostile) {
	for _, w := range wrongIDs {
		for _, operation := range []string{"insert", "delete"} {
			all = append(all,
				hostile{name: operation + " of user id: " + w.name, send: deliver(changed(operation, team, `{"id":`+quoted(w.id)+`}`, "11")), status: 400},
				hostile{name: operation + " in team id: " + w.name, send: deliver(changed(operation, w.id, `{"id":"U1"}`, "11")), status: 400})
		}
	}
	return append(all,
		hostile{name: "the longest ids", send: deliver(changed("insert", team, `{"id":"U`+strings.Repeat("_", 63)+`"}`, "11")), status: 200, effect: 1},
		hostile{name: "an unknown workspace", send: deliver(changed("insert", "T"+strings.Repeat("1", 63), `{"id":"U1"}`, "11")), status: 200},
		hostile{name: "far in the future", send: deliver(changed("insert", team, `{"id":"U0FUTURE"}`, "7258118400000000")), status: 400})
}
