package directory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a person with every field of the core.
func sample() (top, profile, enterprise map[string]string) {
	fill := func(core map[string]coreField) map[string]string {
		m := map[string]string{}
		for name := range core {
			switch {
			case strings.HasPrefix(name, "is_"):
				m[name] = `true`
			case name == "status_expiration":
				m[name] = `1700000000`
			default:
				m[name] = `"` + name + `"`
			}
		}
		return m
	}
	top = fill(coreTop)
	top["team_id"], top["id"], top["deleted"] = `"T1"`, `"U1"`, `false`
	delete(top, "is_forgotten")
	return top, fill(coreProfile), fill(coreEnterpriseUser)
}

// write makes an object of them, in any order, with noise: keys that are not core,
// and empty ones in all of Slack's ways.
func write(rng *rand.Rand, top, profile, enterprise map[string]string) string {
	noise := []string{"updated", "locale", "color", "presence", "is_stranger", "huddle_state", "tz_offset", "x", "fields"}
	text := func(core map[string]coreField, m map[string]string, more ...string) string {
		var members []string
		for name, value := range m {
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
		for name := range core {
			if _, set := m[name]; !set && rng.IntN(2) == 0 {
				members = append(members, fmt.Sprintf("%q:%s", name, []string{`null`, `""`, `0`, `false`, `{}`, `[]`, `-0`, `0.0`, `0e5`}[rng.IntN(9)]))
			}
		}
		for _, name := range noise {
			if rng.IntN(3) == 0 {
				members = append(members, fmt.Sprintf("%q:%d", name, rng.IntN(1000)))
			}
		}
		members = append(members, more...)
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, ", ") + "}"
	}
	return text(coreTop, top, `"profile":`+text(coreProfile, profile), `"enterprise_user":`+text(coreEnterpriseUser, enterprise))
}

// TestFingerprint: equal cores have equal fingerprints whatever else an object has
// and in whatever way it says "empty"; each core field that changes changes it.
func TestFingerprint(t *testing.T) {
	of := func(user string) int64 {
		t.Helper()
		u, err := FromListing(team, []byte(user))
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		return u.Fingerprint
	}
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		top, profile, enterprise := sample()
		for _, m := range []map[string]string{top, profile, enterprise} { // some people lack some of it
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if name != "id" && name != "team_id" && rng.IntN(4) == 0 {
					delete(m, name)
				}
			}
		}
		want := of(write(rng, top, profile, enterprise))
		if got := of(write(rng, top, profile, enterprise)); got != want {
			t.Fatalf("seed %d: one core has the fingerprints %d and %d", seed, want, got)
		}
	}
	for _, part := range []struct {
		name  string
		core  map[string]coreField
		which int
	}{{"", coreTop, 0}, {"profile.", coreProfile, 1}, {"enterprise_user.", coreEnterpriseUser, 2}} {
		for name, field := range part.core {
			top, profile, enterprise := sample()
			before := write(rand.New(rand.NewPCG(1, 1)), top, profile, enterprise)
			m := []map[string]string{top, profile, enterprise}[part.which]
			switch m[name] {
			case "true":
				m[name] = "false"
			case "", "false":
				m[name] = "true"
			default:
				m[name] = `"another"`
			}
			after := write(rand.New(rand.NewPCG(2, 2)), top, profile, enterprise)
			if name == "is_forgotten" {
				continue // nothing else counts then
			}
			if changed := of(before) != of(after); changed == field.shownOnly {
				t.Errorf("%s%s: changed the fingerprint: %v", part.name, name, changed)
			}
			want := []string{part.name + name}
			if field.shownOnly {
				want = nil
			}
			if diff, err := CoreDifferences([]byte(before), []byte(after)); err != nil || cmp.Diff(want, diff) != "" {
				t.Errorf("%s%s: differences %q, error %v", part.name, name, diff, err)
			}
		}
	}
}
