package fullsync

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// customFields returns what users.profile.get says in the invented workspace, and what is stored.
func (w *world) customFields(t *testing.T, id string) (slack, stored map[string]any) {
	t.Helper()
	person, ok := w.slack.Person(id)
	if !ok {
		t.Fatalf("%s is not in Slack", id)
	}
	// Absent, null, [] and {} all say that there are none.
	read := func(raw json.RawMessage) map[string]any {
		var fields map[string]any
		if json.Unmarshal(raw, &fields) != nil || fields == nil {
			return map[string]any{}
		}
		return fields
	}
	var profile struct {
		Fields json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(person.ProfileObject(false), &profile); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Profile struct {
			Fields json.RawMessage `json:"fields"`
		} `json:"profile"`
	}
	if err := json.Unmarshal(w.user(t, id).Slack, &document); err != nil {
		t.Fatal(err)
	}
	return read(profile.Fields), read(document.Profile.Fields)
}

// withProfiles returns the people who have a profile to ask for.
func (w *world) withProfiles(t *testing.T) []string {
	t.Helper()
	ids, err := w.store.ProfilesDue(t.Context(), team, 1000)
	if err != nil || len(ids) == 0 {
		t.Fatalf("%d people have profiles, error %v", len(ids), err)
	}
	return ids
}

func withProfiles(n int) func(*Options) { return func(o *Options) { o.Profiles = n } }

// TestProfiles: round by round everybody's custom fields become known, changed people come first,
// and edits that send no event are found.
func TestProfiles(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 60, Seed: 3})
	if s := w.sync(t, withProfiles(20)); s.Profiles != (syncs.Profiles{}) {
		t.Errorf("a first load asked for profiles: %+v", s.Profiles)
	}
	people := w.withProfiles(t)
	for rest := len(people); rest > 0; {
		s := w.sync(t, withProfiles(20))
		// The last round asks again about those whose fields are the oldest.
		want := syncs.Profiles{Budget: 20, Due: 20, Asked: 20, People: len(people), NeverAsked: max(0, rest-20)}
		if s.Profiles != want || s.Updated > 0 {
			t.Fatalf("%+v, want %+v; %d repairs", s.Profiles, want, s.Updated)
		}
		rest = s.Profiles.NeverAsked
	}
	check := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			slack, stored := w.customFields(t, id)
			if diff := gocmp.Diff(slack, stored); diff != "" {
				t.Errorf("%s: custom fields (-Slack +stored):\n%s", id, diff)
			}
		}
	}
	check(people...)

	must(t)(nil, w.slack.ClearFields(people[3]))
	must(t)(w.slack.Retitle(people[3])) // its event is lost
	must(t)(nil, w.slack.EditFields(people[5]))
	w.sync(t) // brings the title, and the newer updated with it
	w.taken()
	w.sync(t, withProfiles(1))
	if published := w.taken(); len(published) != 1 || published[0].UserID != people[3] || published[0].Source != directory.FromProfile {
		t.Errorf("whoever Slack has changed is not the first to be asked about: %+v", published)
	}
	check(people[3])
	w.sync(t, withProfiles(len(people)+5))
	check(people...)

	var defined struct {
		Fields []struct{ ID, Label string } `json:"fields"`
	}
	if profile, err := w.store.TeamProfile(t.Context(), team); err != nil || json.Unmarshal(profile, &defined) != nil || len(defined.Fields) == 0 || defined.Fields[0].Label == "" {
		t.Errorf("the definitions of the fields are %s, error %v", profile, err)
	}
}

// clocked counts what a sync does by the clock, more often on a slow machine: it saves its record and extends its lease.
type clocked struct {
	Store
	saves, leases *atomic.Int64
}

func (c clocked) PutSync(ctx context.Context, s syncs.Sync) error {
	c.saves.Add(1)
	return c.Store.PutSync(ctx, s)
}

func (c clocked) Lease(ctx context.Context, teamID, holder string, until time.Time) error {
	c.leases.Add(1)
	return c.Store.Lease(ctx, teamID, holder, until)
}

// TestProfilesCost: each person asked about costs one Slack call, one message, two reads and
// one write, even if nothing has changed, and is not among those who changed last.
func TestProfilesCost(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 60})
	for range maxRecent { // later syncs read as many records
		w.sync(t, withProfiles(10)) // the first has the definitions of the fields written
	}
	w.taken()
	before := map[string]directory.Version{}
	for _, id := range w.withProfiles(t) {
		before[id] = w.user(t, id).Version
	}
	cost := func(profiles int) (s syncs.Sync) {
		c := clocked{saves: new(atomic.Int64), leases: new(atomic.Int64)}
		s = w.sync(t, func(o *Options) { c.Store, o.Profiles = o.Store, profiles; o.Store = c })
		saves, leases := int(c.saves.Load()), int(c.leases.Load())
		s.Reads, s.Writes = s.Reads-leases, s.Writes-leases-saves
		return s
	}
	without, with := cost(0), cost(10)
	if without.Unchanged != 60 || with.Unchanged != 60 || with.Profiles.Asked != 10 || len(w.taken()) != 10 {
		t.Errorf("%+v", with)
	}
	// Besides, there are the definitions of the fields, and two counts: of all and of those never asked.
	if calls, reads, writes := with.Calls-without.Calls, with.Reads-without.Reads, with.Writes-without.Writes; calls != 10+1 || reads != 2*10+3 || writes != 10 {
		t.Errorf("%d calls, %d reads, %d writes for 10 people", calls, reads, writes)
	}
	for id, v := range before {
		if now := w.user(t, id).Version; now != v {
			t.Errorf("%s seems to have changed: version %d, before %d", id, now, v)
		}
	}
}

// TestProfilesRefused: neither a missing scope nor people whom Slack does not answer for fail a sync.
func TestProfilesRefused(t *testing.T) {
	t.Run("no scope", func(t *testing.T) {
		w := newWorld(t, fakeslack.Options{People: 30, Scopes: "users:read,team:read"})
		w.sync(t)
		if s := w.sync(t, withProfiles(5)); s.Profiles != (syncs.Profiles{Budget: 5, NoScope: true}) {
			t.Errorf("%+v", s.Profiles)
		}
	})
	t.Run("dry run", func(t *testing.T) {
		w := newWorld(t, fakeslack.Options{People: 30})
		w.sync(t)
		w.taken()
		if s := w.sync(t, withProfiles(5), func(o *Options) { o.DryRun = true }); s.Profiles.Asked > 0 || len(w.taken()) > 0 {
			t.Errorf("%+v", s.Profiles)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		w := newWorld(t, fakeslack.Options{People: 60})
		w.sync(t)
		people := w.withProfiles(t)
		w.slack.SetFaults(fakeslack.Faults{InfoError: map[string]string{people[0]: "unknown_error", people[1]: "user_not_found"}, ProfileRateLimitEvery: 40, RetryAfter: 1})
		s := w.sync(t, withProfiles(100))
		if s.Profiles.Failed != 1 || s.Profiles.Asked != len(people)-2 || s.Profiles.NeverAsked != 2 {
			t.Errorf("%+v of %d people", s.Profiles, len(people))
		}
	})
	t.Run("nobody", func(t *testing.T) {
		w := newWorld(t, fakeslack.Options{People: 30})
		w.sync(t)
		refused := map[string]string{}
		for _, id := range w.withProfiles(t) {
			refused[id] = "unknown_error"
		}
		w.slack.SetFaults(fakeslack.Faults{InfoError: refused})
		if s := w.sync(t, withProfiles(100)); s.Profiles.Failed != maxUnreadable || s.Profiles.Asked != 0 {
			t.Errorf("%+v", s.Profiles)
		}
	})
}
