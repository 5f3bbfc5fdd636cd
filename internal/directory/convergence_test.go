package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settle delivers messages in an order given by rng, each up to three times. It
// redelivers those that fail for want of their insert, as Pub/Sub would. A lift is
// delivered before what Slack said after it (see [Parts.settled]).
func settle(t *testing.T, rng *rand.Rand, messages []Change) *User {
	t.Helper()
	var queue []Change
	for _, m := range messages {
		for range 1 + rng.IntN(3) {
			queue = append(queue, m)
		}
	}
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	queue = liftsInTime(queue)
	var stored *User
	for {
		var failed []Change
		for _, m := range queue {
			u, outcome, err := Apply(stored, m, now)
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

// liftsInTime moves each lift before whatever has a higher version.
func liftsInTime(queue []Change) []Change {
	var ordered []Change
	for _, m := range queue {
		at := len(ordered)
		if m.Operation == Lift {
			if i := slices.IndexFunc(ordered, func(o Change) bool { return o.Version > m.Version }); i >= 0 {
				at = i
			}
		}
		ordered = slices.Insert(ordered, at, m)
	}
	return ordered
}

// FuzzConvergence: the same messages in any order, any number of times, end in the same document.
func FuzzConvergence(f *testing.F) {
	for seed := range uint64(1000) {
		f.Add(seed, seed*7919+1)
	}
	f.Fuzz(func(t *testing.T, content, order uint64) {
		messages := randomMessages(rand.New(rand.NewPCG(content, 1)))
		want := settle(t, rand.New(rand.NewPCG(order, 2)), messages)
		got := settle(t, rand.New(rand.NewPCG(order, 3)), messages)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("two orders of %s end differently:\n%s", describe(messages), diff)
		}
		if want != nil {
			checkAgainst(t, *want, messages)
		}
	})
}

// checkAgainst compares a document with what the newest messages say, worked out without Apply.
func checkAgainst(t *testing.T, got User, messages []Change) {
	t.Helper()
	newest := map[string]Version{}
	take := func(part string, v Version) { newest[part] = max(newest[part], v) }
	for _, m := range messages {
		switch {
		case strings.Contains(string(m.User), "is_forgotten"):
			take("forgotten", m.Version)
		case m.Operation == Insert || m.Operation == Update && m.Source != FromProfile:
			take("said", m.Version)
			take(string(m.Source), m.Version)
		default:
			take(string(m.Operation), m.Version)
		}
	}
	if newest["forgotten"] > 0 && newest["forgotten"] >= newest["lift"] {
		if got.Kind != Forgotten {
			t.Errorf("not forgotten after %s", describe(messages))
		}
		return
	}
	if newest["lift"] > 0 || newest["reset"] > 0 {
		return // TestLift, TestReset
	}
	said := max(newest["event"], newest["sync"])
	if got.SlackVersion != said || got.Removed != (newest["delete"] > said) {
		t.Errorf("slack_version %d, removed %v, after %s", got.SlackVersion, got.Removed, describe(messages))
	}
}

func describe(messages []Change) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "\n%s @%d %s in list: %v %s", m.Operation, m.Version, m.Source, m.InList, m.User)
	}
	return b.String()
}

// randomMessages makes few versions and few values, so that ties and clashes of shape are common.
func randomMessages(rng *rand.Rand) []Change {
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	value := func() string { return one(`null`, `"a"`, `"b"`, `{}`, `[]`, `{"x":1}`, `{"x":{"y":2}}`, `0`) }
	object := func() string {
		var o strings.Builder
		o.WriteString(`{"id":"U1"`)
		for _, key := range []string{"tz", "locale", "is_admin", "enterprise_user", "x"} {
			if rng.IntN(3) == 0 {
				o.WriteString(`,"` + key + `":` + value())
			}
		}
		if rng.IntN(3) > 0 {
			o.WriteString(`,"updated":` + one("0", "3600", "7200", "7201"))
		}
		switch rng.IntN(4) {
		case 0:
			o.WriteString(`,"profile":` + value())
		case 1, 2:
			o.WriteString(`,"profile":{"title":` + value() + `,"y":` + value() + `,"fields":` + one(`{}`, `[]`, `null`, `{"Xf1":{"value":"a"}}`, `{"Xf1":{"value":"b"}}`) +
				`,"huddle_state_expiration_ts":` + one("0", "3600", "9000") + `}`)
		}
		if rng.IntN(6) == 0 {
			o.WriteString(`,"team_id":` + one(`"T1"`, `"T2"`))
		}
		if rng.IntN(8) == 0 {
			o.WriteString(`,"deleted":true`)
		}
		if rng.IntN(20) == 0 {
			o.WriteString(`,"is_forgotten":true`)
		}
		return o.String() + "}"
	}
	var messages []Change
	for range 1 + rng.IntN(8) {
		v := Version(1+rng.IntN(6)) * hour / 2
		switch rng.IntN(12) {
		case 0, 1:
			messages = append(messages, change(Delete, v, `{"id":"U1"}`))
		case 2:
			messages = append(messages, change([]Operation{Lift, Reset}[rng.IntN(2)], v, `{"id":"U1"}`))
		case 3, 4:
			messages = append(messages, profile(v, one(`{}`, `[]`, `{"Xf1":{"value":"a"}}`, `{"Xf2":{}}`)))
		case 5, 6, 7:
			c := listed(v, object())
			c.InList = rng.IntN(3) > 0
			messages = append(messages, c)
		default:
			messages = append(messages, change([]Operation{Insert, Update, Update}[rng.IntN(3)], v, object()))
		}
	}
	return messages
}
