package directory

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const team = "T1"

// now is after every version in these tests.
var now = time.Unix(1_800_000_000, 0)

func change(op Operation, v Version, user string) Change {
	c := Change{Operation: op, TeamID: team, User: json.RawMessage(user), Version: v, Source: FromEvent, UserID: "U1"}
	switch op {
	case Delete:
		c.Source = FromSync
	case Lift, Reset:
		c.Source = FromOperator
	}
	return c
}

func listed(v Version, user string) Change {
	c := change(Insert, v, user)
	c.Source, c.InList = FromSync, true
	return c
}

func profile(v Version, fields string) Change {
	c := change(Update, v, `{"id":"U1","profile":{"fields":`+fields+`}}`)
	c.Source = FromProfile
	return c
}

// fold applies changes in order; each must succeed.
func fold(t *testing.T, changes ...Change) *User {
	t.Helper()
	var stored *User
	for _, c := range changes {
		u, _, err := Apply(stored, c, now)
		if err != nil {
			t.Fatalf("apply %s@%d: %v", c.Operation, c.Version, err)
		}
		stored = &u
	}
	return stored
}

// TestApplyTable covers every cell of the table of apply rules.
func TestApplyTable(t *testing.T) {
	const ada, grace = `{"id":"U1","name":"ada"}`, `{"id":"U1","name":"grace"}`
	inserted := change(Insert, 10, ada)
	removed := []Change{inserted, change(Delete, 20, `{"id":"U1"}`)}
	unseen := []Change{change(Delete, 20, ada)}
	tests := []struct {
		name    string
		stored  []Change
		c       Change
		outcome Outcome
		err     error
		user    string // username afterwards
		version Version
		removed bool
	}{
		{"nothing, insert", nil, inserted, Created, nil, "ada", 10, false},
		{"nothing, listed", nil, listed(10, ada), Created, nil, "ada", 10, false},
		{"nothing, update", nil, change(Update, 10, ada), "", ErrUnknownUser, "", 0, false},
		{"nothing, update of somebody of another workspace", nil, change(Update, 10, `{"id":"U1","name":"ada","team_id":"T2"}`), Created, nil, "ada", 10, false},
		{"nothing, custom fields", nil, profile(10, `{"Xf1":{"value":"x"}}`), "", ErrUnknownUser, "", 0, false},
		{"nothing, delete", nil, change(Delete, 10, ada), Removed, nil, "", 10, true},
		{"nothing, reset", nil, change(Reset, 10, ada), Removed, nil, "", 10, true},
		{"nothing, lift", nil, change(Lift, 10, ada), Removed, nil, "", 10, true},

		{"newer, insert", []Change{inserted}, change(Insert, 9, grace), Unchanged, nil, "ada", 10, false},
		{"newer, update", []Change{inserted}, change(Update, 9, grace), Unchanged, nil, "ada", 10, false},
		{"newer, listed", []Change{inserted}, listed(9, grace), Updated, nil, "ada", 10, false}, // another part
		{"newer, delete", []Change{inserted}, change(Delete, 9, grace), Updated, nil, "ada", 10, false},

		{"repeat, insert", []Change{inserted}, inserted, Unchanged, nil, "ada", 10, false},
		{"repeat, update", []Change{inserted}, change(Update, 10, ada), Unchanged, nil, "ada", 10, false},
		{"tie, insert wins", []Change{inserted}, change(Insert, 10, grace), Updated, nil, "grace", 10, false},
		{"tie, insert loses", []Change{change(Insert, 10, grace)}, inserted, Unchanged, nil, "grace", 10, false},
		{"tie, update wins", []Change{inserted}, change(Update, 10, grace), Updated, nil, "grace", 10, false},
		{"tie, the event wins over a listing", []Change{inserted}, listed(10, grace), Updated, nil, "ada", 10, false},
		{"tie, delete", []Change{inserted}, change(Delete, 10, ada), Updated, nil, "ada", 10, false},

		{"older, insert", []Change{inserted}, change(Insert, 11, grace), Updated, nil, "grace", 11, false},
		{"older, update", []Change{inserted}, change(Update, 11, grace), Updated, nil, "grace", 11, false},
		{"older, listed", []Change{inserted}, listed(11, grace), Updated, nil, "grace", 11, false},
		{"older, custom fields", []Change{inserted}, profile(11, `{"Xf1":{}}`), Updated, nil, "ada", 10, false},
		{"older, delete", []Change{inserted}, change(Delete, 11, ada), Removed, nil, "ada", 11, true},
		{"older, reset", []Change{inserted}, change(Reset, 11, ada), Removed, nil, "", 11, true},
		{"older, lift of nothing", []Change{inserted}, change(Lift, 11, ada), Updated, nil, "ada", 10, false},

		{"removed, late insert", removed, change(Insert, 15, grace), Updated, nil, "grace", 20, true},
		{"removed, repeated insert", removed, inserted, Unchanged, nil, "ada", 20, true},
		{"removed, repeated delete", removed, removed[1], Unchanged, nil, "ada", 20, true},
		{"removed, newer delete", removed, change(Delete, 21, ada), Updated, nil, "ada", 21, true},
		{"removed, newer insert", removed, change(Insert, 21, grace), Updated, nil, "grace", 21, false},
		{"removed, newer update", removed, change(Update, 21, grace), Updated, nil, "grace", 21, false},
		{"removed, newer custom fields", removed, profile(21, `{"Xf1":{}}`), Updated, nil, "ada", 20, true},
		{"removed unseen, custom fields", unseen, profile(21, `{"Xf1":{}}`), Updated, nil, "", 20, true},
		{"removed unseen, late insert", unseen, inserted, Updated, nil, "ada", 20, true},
		{"removed, tie with insert", removed, change(Insert, 20, grace), Updated, nil, "grace", 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored := fold(t, tt.stored...)
			got, outcome, err := Apply(stored, tt.c, now)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if outcome != tt.outcome {
				t.Errorf("outcome %q, want %q", outcome, tt.outcome)
			}
			if err != nil {
				return
			}
			if got.Name != tt.user || got.Version != tt.version || got.Removed != tt.removed {
				t.Errorf("got %q@%d removed=%v, want %q@%d removed=%v", got.Name, got.Version, got.Removed, tt.user, tt.version, tt.removed)
			}
			if got.Removed != !got.ExpireAt.IsZero() || got.Removed != (got.SortName == "") || got.Removed != (got.Fingerprint == 0) {
				t.Errorf("removed=%v with expire_at %v, sort_name %q, fingerprint %d", got.Removed, got.ExpireAt, got.SortName, got.Fingerprint)
			}
		})
	}
}

const hour = Version(3_600_000_000)

// TestJoin: what readers see of an event and a listing.
func TestJoin(t *testing.T) {
	tests := []struct {
		name    string
		changes []Change
		want    string // slack
	}{
		{"what only events have survives a listing, and the other way round", []Change{
			change(Insert, 1, `{"id":"U1","locale":"de-DE","profile":{"title":"Chef","fields":{"Xf1":{"value":"a"}}},"enterprise_user":{"id":"W1","x":1}}`),
			listed(2, `{"id":"U1","color":"e7392d","profile":{"title":"Head Chef","status_emoji_url":"u"},"enterprise_user":{"id":"W1","y":2}}`),
			change(Update, 3, `{"id":"U1","locale":"fr-FR","profile":{"title":"Cook"}}`),
		}, `{"color":"e7392d","enterprise_user":{"y":2},"id":"U1","locale":"fr-FR","profile":{"fields":{"Xf1":{"value":"a"}},"status_emoji_url":"u","title":"Cook"}}`},
		{"the core is that of one object", []Change{
			change(Insert, 1, `{"id":"U1","is_admin":true,"tz":"Europe/Rome","profile":{"title":"Chef","status_text":"away","image_original":"o"}}`),
			listed(2, `{"id":"U1","profile":{"title":"Cook"}}`),
		}, `{"id":"U1","profile":{"title":"Cook"}}`},
		{"if the newer one says deleted, nothing of the older remains", []Change{
			change(Insert, 1, `{"id":"U1","locale":"de-DE","tz":"Europe/Rome","profile":{"x":1,"fields":{"Xf1":{}}}}`),
			listed(2, `{"id":"U1","deleted":true,"profile":{}}`),
		}, `{"deleted":true,"id":"U1","profile":{"fields":{"Xf1":{}}}}`},
		{"a listing that is stale by updated is the older", []Change{
			change(Insert, hour, `{"id":"U1","updated":100,"name":"new"}`),
			listed(2*hour, `{"id":"U1","updated":99,"name":"old"}`),
		}, `{"id":"U1","name":"new","updated":100}`},
		{"but not for ever", []Change{
			change(Insert, hour, `{"id":"U1","updated":100,"name":"new"}`),
			listed(3*hour+1, `{"id":"U1","updated":99,"name":"old"}`),
		}, `{"id":"U1","name":"old","updated":99}`},
		{"without updated the version decides", []Change{
			change(Insert, hour, `{"id":"U1","updated":100,"name":"new"}`),
			listed(2*hour, `{"id":"U1","updated":0,"name":"old"}`),
		}, `{"id":"U1","name":"old","updated":0}`},
		{"huddles and presence are the events'", []Change{
			listed(1, `{"id":"U1","presence":"away","profile":{"huddle_state":"in_a_huddle","huddle_state_expiration_ts":99}}`),
		}, `{"id":"U1","profile":{}}`},
		{"a huddle survives a listing", []Change{
			change(Insert, 1, `{"id":"U1","presence":"active","profile":{"huddle_state":"in_a_huddle","huddle_state_expiration_ts":99,"huddle_state_call_id":"R1"}}`),
			listed(2, `{"id":"U1","profile":{"huddle_state":"default_unset"}}`),
		}, `{"id":"U1","presence":"active","profile":{"huddle_state":"in_a_huddle","huddle_state_call_id":"R1","huddle_state_expiration_ts":99}}`},
		{"until it expires", []Change{
			change(Insert, 1, `{"id":"U1","profile":{"huddle_state":"in_a_huddle","huddle_state_expiration_ts":99,"huddle_state_call_id":"R1"}}`),
			listed(100_000_000, `{"id":"U1","profile":{}}`),
		}, `{"id":"U1","profile":{}}`},
		{"an event without custom fields says nothing about them", []Change{
			listed(1, `{"id":"U1","profile":{}}`), profile(2, `{"Xf1":{"value":"a","alt":""}}`),
			change(Update, 3, `{"id":"U1","profile":{"fields":[]}}`), change(Update, 4, `{"id":"U1","profile":{"fields":null}}`),
		}, `{"id":"U1","profile":{"fields":{"Xf1":{"alt":"","value":"a"}}}}`},
		{"a profile says that there are none", []Change{
			change(Insert, 1, `{"id":"U1","profile":{"fields":{"Xf1":{"value":"a"}}}}`), profile(2, `[]`),
		}, `{"id":"U1","profile":{"fields":{}}}`},
		{"newer custom fields win, whatever their source", []Change{
			change(Insert, 1, `{"id":"U1"}`), profile(5, `{"Xf1":{"value":"b"}}`), change(Update, 4, `{"id":"U1","profile":{"fields":{"Xf1":{"value":"a"}}}}`),
		}, `{"id":"U1","profile":{"fields":{"Xf1":{"value":"b"}}}}`},
		{"a profile that is no object", []Change{change(Insert, 1, `{"id":"U1","profile":null}`), listed(2, `{"id":"U1","profile":[]}`)}, `{"id":"U1","profile":[]}`},
		{"and what the older has", []Change{change(Insert, 1, `{"id":"U1","profile":{"x":1,"title":"Chef"}}`), listed(2, `{"id":"U1","profile":null}`)}, `{"id":"U1","profile":{"x":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fold(t, tt.changes...)
			if diff := cmp.Diff(tt.want, string(got.Slack)); diff != "" {
				t.Errorf("slack (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForgotten(t *testing.T) {
	known := []Change{
		change(Insert, 1, `{"id":"U1","name":"ada","profile":{"real_name":"Ada","email":"ada@example.com","fields":{"Xf1":{"value":"ada"}}}}`),
		listed(5, `{"id":"U1","name":"ada"}`),
	}
	erase := change(Update, 3, `{"id":"U1","is_forgotten":true,"deleted":true,"name":"ada","profile":{"real_name":"Ada"}}`)
	late := change(Update, 9, `{"id":"U1","name":"ada"}`)
	fields := profile(10, `{"Xf1":{"value":"Ada"}}`)
	want := fold(t, append(known, erase, late, fields)...)
	for name, order := range map[string][]Change{
		"after what was known": append(known[:2:2], erase, fields, late),
		"before a late one":    {known[0], erase, known[1], late, fields},
		"behind a newer one":   {known[0], late, fields, known[1], erase},
		"first":                {erase, known[0], late, fields, known[1]},
	} {
		t.Run(name, func(t *testing.T) {
			got := fold(t, order...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			all, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.ToLower(string(all)), "ada") {
				t.Errorf("something personal is left: %s", all)
			}
			if got.Kind != Forgotten || got.ID != "U1" || !got.Deleted || got.Fingerprint <= 0 {
				t.Errorf("got %s of kind %q, fingerprint %d", got.ID, got.Kind, got.Fingerprint)
			}
		})
	}
}

// TestForgottenOfAnotherWorkspace: whoever Slack has forgotten stays out of the sums of users.list.
func TestForgottenOfAnotherWorkspace(t *testing.T) {
	got := fold(t, change(Insert, 1, `{"id":"U1","team_id":"T2","name":"ada"}`), change(Update, 2, `{"id":"U1","team_id":"T2","is_forgotten":true}`))
	if got.Kind != Forgotten || got.Fingerprint >= 0 {
		t.Errorf("kind %q, fingerprint %d", got.Kind, got.Fingerprint)
	}
	if got = fold(t, change(Insert, 1, `{"id":"U1","team_id":"T2","is_forgotten":true}`), listed(2, `{"id":"U1","team_id":"T2","is_forgotten":true}`)); got.Fingerprint <= 0 {
		t.Errorf("users.list has them, and the fingerprint is %d", got.Fingerprint)
	}
}

func TestLift(t *testing.T) {
	insert := change(Insert, 1, `{"id":"U1","name":"ada"}`)
	erase := change(Update, 3, `{"id":"U1","is_forgotten":true}`)
	lift := change(Lift, 5, `{"id":"U1"}`)
	again := listed(7, `{"id":"U1","name":"ada"}`)
	want := fold(t, insert, erase, lift, again)
	if want.Kind != Member || want.Name != "ada" || want.Removed {
		t.Errorf("after a lift %+v", want)
	}
	for name, order := range map[string][]Change{
		"lifted first":          {insert, lift, erase, again},
		"what came in between":  {change(Insert, 4, `{"id":"U1","name":"eve"}`), lift, again, erase, insert},
		"told anew, then erase": {lift, again, insert, erase},
	} {
		if diff := cmp.Diff(want, fold(t, order...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := fold(t, insert, lift, change(Update, 6, `{"id":"U1","is_forgotten":true}`)); got.Kind != Forgotten {
		t.Errorf("a newer erasure after a lift: %+v", got)
	}
}

func TestReset(t *testing.T) {
	got := fold(t, change(Insert, 1, `{"id":"U1","name":"ada","profile":{"fields":{"Xf1":{}}}}`), listed(2, `{"id":"U1","x":1}`), change(Reset, 3, `{"id":"U1"}`))
	if !got.Removed || len(got.Slack) > 0 || got.Parts.Told != nil || got.Parts.Listed != nil || got.Parts.Fields != nil {
		t.Errorf("after a reset %+v", got)
	}
	anew := listed(4, `{"id":"U1","name":"grace"}`)
	u, _, err := Apply(got, anew, now)
	if err != nil || u.Removed || string(u.Slack) != `{"id":"U1","name":"grace"}` {
		t.Errorf("told anew: %+v, error %v", u, err)
	}
}

// TestProfileIsNoChange: full syncs ask for everybody's profile in turn, so an answer must
// not move people to the top of those who changed last.
func TestProfileIsNoChange(t *testing.T) {
	got := fold(t, listed(1, `{"id":"U1"}`), change(Update, 2, `{"id":"U1","name":"ada"}`), profile(3, `{"Xf1":{"value":"a"}}`))
	if got.Version != 2 || got.Source != FromEvent {
		t.Errorf("after a profile, version %d from %s", got.Version, got.Source)
	}
}

// TestOtherWorkspaces: who is external follows from core fields and from whether users.list has them.
func TestOtherWorkspaces(t *testing.T) {
	info := func(v Version, user string) Change {
		c := listed(v, user)
		c.InList = false
		return c
	}
	for _, tt := range []struct {
		name     string
		changes  []Change
		external bool
	}{
		{"a member", []Change{change(Insert, 1, `{"id":"U1","team_id":"T1"}`)}, false},
		{"called a stranger by events", []Change{change(Insert, 1, `{"id":"U1","team_id":"T1","is_stranger":true}`)}, false},
		{"another team", []Change{change(Insert, 1, `{"id":"U1","team_id":"T2"}`)}, true},
		{"a sister workspace of an organisation", []Change{change(Insert, 1, `{"id":"U1","team_id":"T2","enterprise_user":{"teams":["T3","T1"]}}`)}, true},
		{"the same, and users.list has them", []Change{listed(1, `{"id":"U1","team_id":"T2","enterprise_user":{"teams":["T1"]}}`), change(Update, 2, `{"id":"U1","team_id":"T2"}`)}, false},
		{"the same, and gone from users.list", []Change{listed(1, `{"id":"U1","team_id":"T2","enterprise_user":{"teams":["T1"]}}`), change(Delete, 2, `{"id":"U1"}`), change(Update, 3, `{"id":"U1","team_id":"T2"}`)}, true},
		{"the organisation itself", []Change{change(Insert, 1, `{"id":"U1","team_id":"E1","enterprise_user":{"enterprise_id":"T1"}}`)}, false},
		{"users.list has them", []Change{change(Insert, 1, `{"id":"U1","team_id":"E1"}`), listed(2, `{"id":"U1","team_id":"E1"}`)}, false},
		{"and still does after an event", []Change{listed(1, `{"id":"U1","team_id":"E1"}`), change(Update, 2, `{"id":"U1","team_id":"E1"}`)}, false},
		{"gone from users.list, and back from elsewhere", []Change{listed(1, `{"id":"U1","team_id":"T1"}`), change(Delete, 2, `{"id":"U1"}`), change(Update, 3, `{"id":"U1","team_id":"T2"}`)}, true},
		{"and listed again", []Change{listed(1, `{"id":"U1"}`), change(Delete, 2, `{"id":"U1"}`), change(Update, 3, `{"id":"U1","team_id":"T2"}`), listed(4, `{"id":"U1","team_id":"T2"}`)}, false},
		{"users.info has them", []Change{change(Insert, 1, `{"id":"U1","team_id":"T2","is_stranger":true}`), info(2, `{"id":"U1","team_id":"T2"}`)}, true},
	} {
		got := fold(t, tt.changes...)
		if (got.Kind == External) != tt.external || (got.Fingerprint < 0) != tt.external {
			t.Errorf("%s: kind %q, fingerprint %d", tt.name, got.Kind, got.Fingerprint)
		}
	}
}

// TestFuture: what a broken clock has said does not freeze a person.
func TestFuture(t *testing.T) {
	year2200 := VersionOf(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	ahead := change(Insert, year2200, `{"id":"U1","name":"future"}`)
	if _, err := NewChange(ahead); !errors.Is(err, ErrInvalid) {
		t.Errorf("a message of the year 2200: error %v", err)
	}
	p, _, err := partsOf(ahead)
	if err != nil {
		t.Fatal(err)
	}
	stored, _, err := render(team, "U1", p)
	if err != nil {
		t.Fatal(err)
	}
	for name, old := range map[string]User{"": stored, "as an older release has it": {ID: "U1", TeamID: team, Name: "future", Version: year2200, SlackVersion: year2200,
		Source: FromEvent, Slack: json.RawMessage(`{"id":"U1","name":"future"}`)}} {
		got, outcome, err := Apply(&old, listed(100, `{"id":"U1","name":"ada"}`), now)
		if err != nil || outcome != Updated || got.Name != "ada" || got.Version != 100 {
			t.Errorf("%s: %s, %+v, error %v", name, outcome, got, err)
		}
	}
}

func TestInvalidChange(t *testing.T) {
	good := change(Insert, 1, `{"id":"U1"}`)
	for name, spoil := range map[string]func(*Change){
		"operation":       func(c *Change) { c.Operation = "upsert" },
		"source":          func(c *Change) { c.Source = "" },
		"lift by event":   func(c *Change) { c.Operation = Lift },
		"version 0":       func(c *Change) { c.Version = 0 },
		"version in ns":   func(c *Change) { c.Version = 1648596712000001000 },
		"no team":         func(c *Change) { c.TeamID = "" },
		"team as path":    func(c *Change) { c.TeamID = "T1/users/U2" },
		"no user":         func(c *Change) { c.User = nil },
		"null user":       func(c *Change) { c.User = json.RawMessage(`null`) },
		"array user":      func(c *Change) { c.User = json.RawMessage(`[]`) },
		"no id":           func(c *Change) { c.User = json.RawMessage(`{"name":"x"}`) },
		"number id":       func(c *Change) { c.User = json.RawMessage(`{"id":1}`) },
		"reserved id":     func(c *Change) { c.User = json.RawMessage(`{"id":"__x__"}`) },
		"dot id":          func(c *Change) { c.User = json.RawMessage(`{"id":".."}`) },
		"two values":      func(c *Change) { c.User = json.RawMessage(`{"id":"U1"}{}`) },
		"two ids":         func(c *Change) { c.User = json.RawMessage(`{"id":"U1","id":"U2"}`) },
		"invalid UTF-8":   func(c *Change) { c.User = json.RawMessage("{\"id\":\"U1\",\"name\":\"\xff\"}") },
		"key in capitals": func(c *Change) { c.User = json.RawMessage(`{"ID":"U1"}`) },
		"too deep": func(c *Change) {
			c.User = json.RawMessage(`{"id":"U1","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`)
		},
		"too large": func(c *Change) { c.User = json.RawMessage(`{"id":"U1","x":"` + strings.Repeat("x", maxUser) + `"}`) },
		"event id":  func(c *Change) { c.EventID = strings.Repeat("E", maxEventID+1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if got, err := NewChange(c); !errors.Is(err, ErrInvalid) || !cmp.Equal(got, Change{}) {
				t.Errorf("%+v, error %v, want ErrInvalid", got, err)
			}
		})
	}
	if c, err := NewChange(good); err != nil || c.UserID != "U1" {
		t.Errorf("%+v, error %v", c, err)
	}
	if _, err := NewChange(Change{Operation: Disconnect, TeamID: team, Version: 1, Source: FromEvent}); err != nil {
		t.Errorf("a workspace needs no user: %v", err)
	}
}
