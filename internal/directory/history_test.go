package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// history applies messages to one user, and returns the records of them.
func history(t *testing.T, changes ...Change) (all []*Record, last *User) {
	t.Helper()
	for i, c := range changes {
		c.TeamID, c.Version = "T1", Version(i+1)*1_000_000
		c, err := NewChange(c)
		if err != nil {
			t.Fatal(err)
		}
		next, outcome, err := Apply(last, c, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var r *Record
		if outcome != Unchanged {
			if r, err = RecordOf(last, next, c, time.Unix(9, 0)); err != nil {
				t.Fatal(err)
			}
		}
		all, last = append(all, r), &next
	}
	return all, last
}

func event(op Operation, user string) Change {
	return Change{Operation: op, User: json.RawMessage(user), Source: FromEvent}
}

func listing(user string) Change {
	return Change{Operation: Insert, User: json.RawMessage(user), Source: FromSync, InList: true}
}

func asked(fields string) Change {
	return Change{Operation: Update, User: json.RawMessage(`{"id":"U1","profile":{"fields":` + fields + `}}`), Source: FromProfile}
}

// TestRecordOf: what the last of some messages leaves in the history.
func TestRecordOf(t *testing.T) {
	const ada = `{"id":"U1","name":"ada","tz":"Europe/London","is_admin":true,"deleted":false,"updated":5,"color":"x","profile":{"title":"Analyst","email":"","avatar_hash":"h1","image_72":"https://i/1","status_text":"busy"}}`
	with := func(old, new string) string { return strings.Replace(ada, old, new, 1) }
	joined := event(Insert, ada)
	first := joined
	first.Source, first.InList, first.FirstLoad = FromSync, true, true
	remove := Change{Operation: Delete, User: json.RawMessage(`{"id":"U1"}`), Source: FromSync}
	operator := func(op Operation) Change {
		return Change{Operation: op, User: json.RawMessage(`{"id":"U1"}`), Source: FromOperator}
	}
	forgotten := event(Update, `{"id":"U1","name":"ada","is_forgotten":true,"profile":{"email":"a@b"}}`)
	forgottenAtFirst := forgotten
	forgottenAtFirst.Operation, forgottenAtFirst.Source, forgottenAtFirst.FirstLoad = Insert, FromSync, true
	const all = `{"image":"h1","is_admin":true,"name":"ada","profile.title":"Analyst","tz":"Europe/London"}`
	for _, tt := range []struct {
		name     string
		messages []Change
		want     RecordType // empty for no record
		changed  string
		before   string
		after    string
	}{
		{"joined", []Change{joined}, UserCreated, "image is_admin name profile.title tz", `{}`, all},
		{"first load", []Change{first}, "", "", "", ""},
		{"first load of somebody forgotten", []Change{forgottenAtFirst}, "", "", "", ""},
		{"first load of somebody known", []Change{event(Insert, with("Analyst", "Baker")), first}, UserUpdated, "profile.title", `{"profile.title":"Baker"}`, `{"profile.title":"Analyst"}`},
		{"after the first load", []Change{first, event(Update, with("Analyst", "Baker"))}, UserUpdated, "profile.title", `{"profile.title":"Analyst"}`, `{"profile.title":"Baker"}`},
		{"title taken away", []Change{joined, event(Update, with("Analyst", ""))}, UserUpdated, "profile.title", `{"profile.title":"Analyst"}`, `{}`},
		{"status", []Change{joined, event(Update, with("busy", "idle"))}, "", "", "", ""},
		{"status and title", []Change{joined, event(Update, strings.Replace(with("busy", "idle"), "Analyst", "", 1))}, UserUpdated, "profile.title", `{"profile.title":"Analyst"}`, `{}`},
		{"huddle", []Change{joined, event(Update, with(`"status_text"`, `"huddle_state":"in_a_huddle","status_text"`))}, "", "", "", ""},
		{"updated and color", []Change{joined, event(Update, strings.Replace(with(`"updated":5`, `"updated":6`), `"x"`, `"y"`, 1))}, "", "", "", ""},
		{"picture", []Change{joined, event(Update, strings.Replace(with("h1", "h2"), "i/1", "i/2", 1))}, UserUpdated, "image", `{"image":"h1"}`, `{"image":"h2"}`},
		{"another way to say empty", []Change{joined, event(Update, with(`"email":""`, `"email":null,"phone":[]`))}, "", "", "", ""},
		{"role", []Change{joined, event(Update, with(`"is_admin":true`, `"is_admin":false,"is_owner":true`))}, UserUpdated, "is_admin is_owner", `{"is_admin":true}`, `{"is_owner":true}`},
		{"custom field", []Change{joined, event(Update, with(`"status_text"`, `"fields":{"Xf1":{"value":"x","alt":""},"Xf2":{"value":"","alt":""}},"status_text"`))},
			UserUpdated, "profile.fields.Xf1", `{}`, `{"profile.fields.Xf1":{"alt":"","value":"x"}}`},
		{"first profile", []Change{joined, asked(`{"Xf1":{"value":"x"}}`)}, "", "", "", ""},
		{"second profile", []Change{joined, asked(`{"Xf1":{"value":"x"}}`), asked(`{"Xf1":{"value":"y"}}`)},
			UserUpdated, "profile.fields.Xf1", `{"profile.fields.Xf1":{"value":"x"}}`, `{"profile.fields.Xf1":{"value":"y"}}`},
		{"deactivated", []Change{joined, event(Update, `{"id":"U1","name":"ada","deleted":true,"profile":{"title":"Analyst","avatar_hash":"h1"}}`)},
			UserDeactivated, "deleted is_admin tz", `{"is_admin":true,"tz":"Europe/London"}`, `{"deleted":true}`},
		{"reactivated", []Change{event(Insert, with(`"deleted":false`, `"deleted":true`)), event(Update, ada)}, UserReactivated, "deleted", `{"deleted":true}`, `{}`},
		{"removed", []Change{joined, remove}, UserRemoved, "image is_admin name profile.title tz", all, `{}`},
		{"removed twice", []Change{joined, remove, remove}, "", "", "", ""},
		{"removed before", []Change{remove}, "", "", "", ""},
		{"back again", []Change{joined, remove, joined}, UserCreated, "image is_admin name profile.title tz", `{}`, all},
		{"reset", []Change{joined, operator(Reset)}, UserRemoved, "image is_admin name profile.title tz", all, `{}`},
		{"forgotten", []Change{joined, forgotten}, UserForgotten, "", "", ""},
		{"forgotten at once", []Change{event(Insert, string(forgotten.User))}, UserForgotten, "", "", ""},
		{"forgotten when removed", []Change{joined, remove, forgotten}, UserForgotten, "", "", ""},
		{"forgotten twice", []Change{joined, forgotten, forgotten}, "", "", "", ""},
		{"told after forgotten", []Change{joined, forgotten, joined}, "", "", "", ""},
		{"lifted", []Change{joined, forgotten, operator(Lift)}, UserRemoved, "", `{}`, `{}`},
		{"listed as told", []Change{joined, listing(ada)}, "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, _ := history(t, tt.messages...)
			got := all[len(all)-1]
			if tt.want == "" {
				if got != nil {
					t.Fatalf("a record of %s %v", got.Type, got.Changed)
				}
				return
			}
			if got == nil {
				t.Fatal("no record")
			}
			want := &Record{ID: got.ID, Type: tt.want, TeamID: "T1", UserID: "U1", At: time.Unix(int64(len(all)), 0).UTC(), Source: tt.messages[len(all)-1].Source,
				Changed: strings.Fields(tt.changed), Before: json.RawMessage(tt.before), After: json.RawMessage(tt.after), ExpireAt: time.Unix(9, 0)}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRecordID: the id is the same for a message that comes again, and different for any other.
func TestRecordID(t *testing.T) {
	c := Change{Operation: Update, TeamID: "T1", UserID: "U1", User: json.RawMessage(`{"id":"U1"}`), Version: 1, Source: FromEvent, EventID: "Ev1"}
	again := c
	again.EventID = "Ev2"
	if recordID(c) != recordID(again) || ValidateID("record", recordID(c)) != nil {
		t.Errorf("%s, again %s", recordID(c), recordID(again))
	}
	seen := map[string]bool{recordID(c): true}
	for i, change := range []func(*Change){
		func(c *Change) { c.Operation = Insert }, func(c *Change) { c.TeamID = "T2" }, func(c *Change) { c.UserID = "U2" },
		func(c *Change) { c.Version = 2 }, func(c *Change) { c.Source = FromSync }, func(c *Change) { c.User = json.RawMessage(`{"id":"U1","x":1}`) },
	} {
		other := c
		change(&other)
		if seen[recordID(other)] {
			t.Errorf("change %d has the same id", i)
		}
		seen[recordID(other)] = true
	}
}

// TestChangedFields: they include the status, which history leaves out.
func TestChangedFields(t *testing.T) {
	_, before := history(t, event(Insert, `{"id":"U1","profile":{"title":"a","status_text":"b","status_emoji":":c:"}}`))
	_, after := history(t, event(Insert, `{"id":"U1","profile":{"title":"d","status_text":"e"}}`))
	got, err := ChangedFields(before, *after)
	if diff := cmp.Diff([]string{"profile.title", "status"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestHistoryIsWhole: whatever is said in whatever order, the records add up to what
// readers see in the end.
func TestHistoryIsWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	for range 2000 {
		var messages []Change
		for range 1 + rng.IntN(12) {
			user := fmt.Sprintf(`{"id":"U1","name":%q,"deleted":%s,"is_forgotten":%s,"tz":%s,"updated":%d,"profile":{"title":%q,"status_text":%q,"fields":%s},"enterprise_user":%s}`,
				one("ada", "eve"), one("true", "false", "0"), one("true", "false", "false", "false", "false", "false"), one("null", `"A"`, `"B"`), rng.IntN(3),
				one("", "a", "b"), one("", "a", "b"), one("{}", "[]", "null", `{"Xf1":{"value":"1"}}`, `{"Xf2":{"value":"2","alt":""}}`), one("null", "{}", `{"id":"E1","is_admin":true}`))
			c := []Change{event(Insert, user), event(Insert, user), listing(user), listing(user),
				{Operation: Delete, User: json.RawMessage(user), Source: FromSync}, {Operation: Lift, User: json.RawMessage(user), Source: FromOperator},
				{Operation: Reset, User: json.RawMessage(user), Source: FromOperator}}[rng.IntN(7)]
			messages = append(messages, c)
		}
		all, last := history(t, messages...)
		var got map[string]json.RawMessage
		for _, r := range all {
			if r != nil {
				got = replay(t, got, *r)
			}
		}
		r, err := RecordOf(nil, *last, Change{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]json.RawMessage
		if r != nil && r.Type == UserCreated {
			want = replay(t, nil, *r)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%v (-want +got):\n%s", messages, diff)
		}
	}
}

// replay is what a subscriber does with a record.
func replay(t *testing.T, fields map[string]json.RawMessage, r Record) map[string]json.RawMessage {
	t.Helper()
	if r.Type == UserRemoved || r.Type == UserForgotten {
		return nil
	}
	after := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.After, &after); err != nil {
		t.Fatal(err)
	}
	fields = maps.Clone(fields)
	for _, path := range r.Changed {
		delete(fields, path)
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	maps.Copy(fields, after)
	return fields
}

// TestRecordCursor: text that comes from a stranger is a cursor of ours, or refused.
func TestRecordCursor(t *testing.T) {
	for _, c := range []RecordCursor{{}, {time.UnixMicro(1648596712000001).UTC(), "abc"}} {
		if got, err := ParseRecordCursor(c.String()); err != nil || got != c {
			t.Errorf("%+v is read as %+v, error %v", c, got, err)
		}
	}
	for _, text := range []string{"", "x", "e30", "WzEsIi8iXQ", "WzEsImEiLDJd", "WzEsImEiXQ=="} {
		if c, err := ParseRecordCursor(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
}
