package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const team = "T1"

func change(op Operation, v Version, user string) Change {
	return Change{Operation: op, TeamID: team, User: json.RawMessage(user), Version: v, Source: FromEvent}
}

func partial(v Version, user string) Change {
	c := change(Update, v, user)
	c.Partial = true
	return c
}

// fold applies changes in order; each must succeed.
func fold(t *testing.T, changes ...Change) *User {
	t.Helper()
	var stored *User
	for _, c := range changes {
		u, _, err := Apply(stored, c)
		if err != nil {
			t.Fatalf("apply %s@%d: %v", c.Operation, c.Version, err)
		}
		stored = &u
	}
	return stored
}

// TestApplyTable holds every cell of the table of apply rules.
func TestApplyTable(t *testing.T) {
	const ada, grace = `{"id":"U1","name":"ada"}`, `{"id":"U1","name":"grace"}`
	inserted := change(Insert, 10, ada)
	removed := []Change{inserted, change(Delete, 20, `{"id":"U1"}`)}
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
		{"nothing, update", nil, change(Update, 10, ada), "", ErrUnknownUser, "", 0, false},
		{"nothing, update of a stranger", nil, change(Update, 10, `{"id":"U1","name":"ada","team_id":"T2"}`), Created, nil, "ada", 10, false},
		{"nothing, partial update of a stranger", nil, partial(10, `{"id":"U1","name":"ada","team_id":"T2"}`), "", ErrUnknownUser, "", 0, false},
		{"nothing, partial update", nil, partial(10, ada), "", ErrUnknownUser, "", 0, false},
		{"nothing, delete", nil, change(Delete, 10, ada), Removed, nil, "", 10, true},

		{"newer, insert", []Change{inserted}, change(Insert, 9, grace), Unchanged, nil, "ada", 10, false},
		{"newer, update", []Change{inserted}, change(Update, 9, grace), Unchanged, nil, "ada", 10, false},
		{"newer, partial update", []Change{inserted}, partial(9, grace), Unchanged, nil, "ada", 10, false},
		{"newer, delete", []Change{inserted}, change(Delete, 9, grace), Unchanged, nil, "ada", 10, false},

		{"repeat, insert", []Change{inserted}, inserted, Unchanged, nil, "ada", 10, false},
		{"repeat, update", []Change{inserted}, change(Update, 10, ada), Unchanged, nil, "ada", 10, false},
		{"repeat, partial update", []Change{inserted}, partial(10, grace), Unchanged, nil, "ada", 10, false},
		{"tie, insert wins", []Change{inserted}, change(Insert, 10, grace), Updated, nil, "grace", 10, false},
		{"tie, insert loses", []Change{change(Insert, 10, grace)}, inserted, Unchanged, nil, "grace", 10, false},
		{"tie, update wins", []Change{inserted}, change(Update, 10, grace), Updated, nil, "grace", 10, false},
		{"tie, delete", []Change{inserted}, change(Delete, 10, ada), Unchanged, nil, "ada", 10, false},

		{"older, insert", []Change{inserted}, change(Insert, 11, grace), Updated, nil, "grace", 11, false},
		{"older, update", []Change{inserted}, change(Update, 11, grace), Updated, nil, "grace", 11, false},
		{"older, partial update", []Change{inserted}, partial(11, grace), Updated, nil, "grace", 11, false},
		{"older, delete", []Change{inserted}, change(Delete, 11, ada), Removed, nil, "ada", 11, true},

		{"removed, late insert", removed, change(Insert, 15, grace), Updated, nil, "grace", 20, true},
		{"removed, repeated insert", removed, inserted, Unchanged, nil, "ada", 20, true},
		{"removed, repeated delete", removed, removed[1], Unchanged, nil, "ada", 20, true},
		{"removed, newer delete", removed, change(Delete, 21, ada), Updated, nil, "ada", 21, true},
		{"removed, newer insert", removed, change(Insert, 21, grace), Updated, nil, "grace", 21, false},
		{"removed, newer update", removed, change(Update, 21, grace), Updated, nil, "grace", 21, false},
		{"removed, newer partial update", removed, partial(21, `{"id":"U1","tz":"Asia/Tokyo"}`), Updated, nil, "ada", 21, false},
		{"removed unseen, partial update", []Change{change(Delete, 20, ada)}, partial(21, ada), "", ErrUnknownUser, "", 20, true},
		{"removed unseen, late insert", []Change{change(Delete, 20, ada)}, inserted, Updated, nil, "ada", 20, true},
		{"removed, tie with insert", removed, change(Insert, 20, grace), Updated, nil, "grace", 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored := fold(t, tt.stored...)
			got, outcome, err := Apply(stored, tt.c)
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

func TestPartialMerge(t *testing.T) {
	whole := `{"id":"U1","tz":"Europe/Rome","deleted":false,"new_field":[[1]],"profile":{"title":"Chef","status_text":"","fields":{"X1":{"value":"a"},"X2":{"value":"b"}}}}`
	tests := []struct{ name, patch, want string }{
		{"status only", `{"id":"U1","profile":{"status_text":"away"}}`,
			`{"id":"U1","tz":"Europe/Rome","deleted":false,"new_field":[[1]],"profile":{"title":"Chef","status_text":"away","fields":{"X1":{"value":"a"},"X2":{"value":"b"}}}}`},
		{"a custom field", `{"id":"U1","profile":{"fields":{"X2":{"value":"c"}}}}`,
			`{"id":"U1","tz":"Europe/Rome","deleted":false,"new_field":[[1]],"profile":{"title":"Chef","status_text":"","fields":{"X1":{"value":"a"},"X2":{"value":"c"}}}}`},
		{"null is a value", `{"id":"U1","tz":null,"profile":{"title":null}}`,
			`{"id":"U1","tz":null,"deleted":false,"new_field":[[1]],"profile":{"title":null,"status_text":"","fields":{"X1":{"value":"a"},"X2":{"value":"b"}}}}`},
		{"a list replaces", `{"id":"U1","profile":{"fields":[]},"new_field":[]}`,
			`{"id":"U1","tz":"Europe/Rome","deleted":false,"new_field":[],"profile":{"title":"Chef","status_text":"","fields":[]}}`},
		{"nothing new", `{"id":"U1","profile":{}}`, whole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fold(t, change(Insert, 1, whole), partial(2, tt.patch))
			if diff := cmp.Diff(decode(t, tt.want), decode(t, string(got.Slack))); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartialSurvivesOlderWhole(t *testing.T) {
	got := fold(t,
		change(Insert, 1, `{"id":"U1","profile":{"title":"Chef"}}`),
		partial(3, `{"id":"U1","profile":{"status_text":"away"}}`),
		change(Update, 2, `{"id":"U1","profile":{"title":"Head Chef","status_text":""}}`))
	if got.Title != "Head Chef" || got.StatusText != "away" || got.Version != 3 || got.SlackVersion != 2 {
		t.Errorf("got title %q, status %q, version %d, slack_version %d", got.Title, got.StatusText, got.Version, got.SlackVersion)
	}
	got = fold(t, change(Insert, 1, `{"id":"U1"}`), partial(3, `{"id":"U1"}`), change(Update, 4, `{"id":"U1"}`))
	if got.Overlay != nil {
		t.Errorf("a newer whole object leaves overlay %+v", got.Overlay)
	}
}

func TestPatchesStayBounded(t *testing.T) {
	changes := []Change{change(Insert, 1, `{"id":"U1"}`)}
	for v := range Version(1000) {
		changes = append(changes, partial(2+v, fmt.Sprintf(`{"id":"U1","profile":{"status_text":"%d"}}`, v)))
	}
	if got := fold(t, changes...); len(got.Overlay.Patches) != 1 {
		t.Errorf("%d patches are kept of 1,000 that replace each other, want 1", len(got.Overlay.Patches))
	}
}

func TestForgotten(t *testing.T) {
	known := []Change{
		change(Insert, 1, `{"id":"U1","name":"ada","profile":{"real_name":"Ada","email":"ada@example.com"}}`),
		partial(5, `{"id":"U1","profile":{"status_text":"Ada is away"}}`),
	}
	erase := change(Update, 3, `{"id":"U1","is_forgotten":true,"deleted":true,"name":"ada","profile":{"real_name":"Ada"}}`)
	late := change(Update, 9, `{"id":"U1","name":"ada"}`)
	want := fold(t, append(known, erase, late)...)
	for name, order := range map[string][]Change{
		"after what was known": append(known[:2:2], erase, late),
		"before a late one":    {known[0], erase, known[1], late},
		"behind a newer one":   {known[0], late, known[1], erase},
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
			if got.Kind != Forgotten || got.ID != "U1" {
				t.Errorf("got %s of kind %q", got.ID, got.Kind)
			}
		})
	}
}

func TestInvalidChange(t *testing.T) {
	good := change(Insert, 1, `{"id":"U1"}`)
	for name, spoil := range map[string]func(*Change){
		"operation":       func(c *Change) { c.Operation = "upsert" },
		"source":          func(c *Change) { c.Source = "" },
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
		"invalid UTF-8":   func(c *Change) { c.User = json.RawMessage("{\"id\":\"U1\",\"name\":\"\xff\"}") },
		"partial insert":  func(c *Change) { c.Partial = true },
		"key in capitals": func(c *Change) { c.User = json.RawMessage(`{"ID":"U1"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if _, _, err := Apply(nil, c); !errors.Is(err, ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
		})
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// settle delivers messages in an order given by rng, each up to three times, and
// those that fail for want of their insert again, as Pub/Sub would.
func settle(t *testing.T, rng *rand.Rand, messages []Change) *User {
	t.Helper()
	var queue []Change
	for _, m := range messages {
		for range 1 + rng.IntN(3) {
			queue = append(queue, m)
		}
	}
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	var stored *User
	for {
		var failed []Change
		for _, m := range queue {
			u, outcome, err := Apply(stored, m)
			switch {
			case errors.Is(err, ErrUnknownUser):
				failed = append(failed, m)
			case err != nil:
				t.Fatal(err)
			case outcome == Unchanged:
				if diff := cmp.Diff(*stored, u); diff != "" {
					t.Fatalf("unchanged, but (-want +got):\n%s", diff)
				}
			default:
				stored = &u
			}
		}
		if len(failed) == len(queue) || len(failed) == 0 {
			return stored
		}
		queue = failed
	}
}

// FuzzConvergence: the same messages in any order, any number of times, end in the same document.
func FuzzConvergence(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, seed*7919+1)
	}
	f.Fuzz(func(t *testing.T, content, order uint64) {
		messages := randomMessages(rand.New(rand.NewPCG(content, 1)))
		want := settle(t, rand.New(rand.NewPCG(order, 2)), messages)
		got := settle(t, rand.New(rand.NewPCG(order, 3)), messages)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("two orders of %s end differently:\n%s", describe(messages), diff)
		}
		if want == nil {
			return
		}
		// What the document says must also be what the newest messages say, told without Apply.
		var whole, part, removed Version
		erased := false
		for _, m := range messages {
			erased = erased || strings.Contains(string(m.User), "is_forgotten")
			switch {
			case m.Operation == Delete:
				removed = max(removed, m.Version)
			case m.Partial:
				part = max(part, m.Version)
			default:
				whole = max(whole, m.Version)
			}
		}
		if erased {
			return // TestForgotten
		}
		if want.SlackVersion != whole {
			t.Errorf("slack_version %d, want %d of %s", want.SlackVersion, whole, describe(messages))
		}
		if whole == 0 {
			part = 0 // nothing to merge into
		}
		if want.Removed != (removed > max(whole, part)) || want.Version != max(whole, part, removed) {
			t.Errorf("removed=%v at version %d of %s", want.Removed, want.Version, describe(messages))
		}
	})
}

func describe(messages []Change) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "\n%s partial=%v @%d %s %s", m.Operation, m.Partial, m.Version, m.Source, m.User)
	}
	return b.String()
}

// randomMessages makes few versions and few values, so that ties and clashes of shape are common.
func randomMessages(rng *rand.Rand) []Change {
	value := func() string {
		return []string{`null`, `"a"`, `"b"`, `{}`, `[]`, `{"x":1}`, `{"x":{"y":2}}`, `{"x":{"z":[]},"w":0}`}[rng.IntN(8)]
	}
	var messages []Change
	for range 1 + rng.IntN(8) {
		o := `{"id":"U1"`
		if rng.IntN(2) == 0 {
			o += `,"profile":` + value()
		}
		if rng.IntN(2) == 0 {
			o += `,"tz":` + value()
		}
		if rng.IntN(5) == 0 {
			o += `,"is_stranger":true`
		}
		if rng.IntN(25) == 0 {
			o += `,"is_forgotten":true`
		}
		c := change([]Operation{Insert, Update, Update, Delete}[rng.IntN(4)], Version(1+rng.IntN(6)), o+"}")
		c.Partial = c.Operation == Update && rng.IntN(2) == 0
		c.Source = []Source{FromEvent, FromSync}[rng.IntN(2)]
		messages = append(messages, c)
	}
	return messages
}

func decode(t *testing.T, s string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
