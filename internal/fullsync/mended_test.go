package fullsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/syncs"
)

// TestOnePersonFailsAlone: whoever cannot be read is counted, and fails nobody else.
func TestOnePersonFailsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 1100})
	external := w.slack.ExternalIDs()
	for _, id := range external[:3] {
		person, _ := w.slack.Person(id)
		if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(t)
	people := w.active(t)
	for _, id := range people[:4] {
		must(t)(w.slack.Retitle(id))
	}
	must(t)(w.slack.Retitle(external[2]))
	w.pass(time.Hour)
	w.slack.SetFaults(fakeslack.Faults{
		InfoError: map[string]string{people[0]: "user_is_haunted", external[0]: "user_is_haunted"},
		InfoOther: map[string]string{people[1]: people[9], external[1]: people[9]},
	})
	w.taken()
	for range 2 {
		s := w.sync(t)
		if s.Failed != 4 || s.State != syncs.Done {
			t.Errorf("%+v", s)
		}
	}
	var repaired []string
	for _, c := range w.taken() {
		repaired = append(repaired, c.UserID)
	}
	slices.Sort(repaired)
	want := []string{people[2], people[3], external[2]}
	slices.Sort(want)
	if diff := gocmp.Diff(want, repaired); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
	w.slack.SetFaults(fakeslack.Faults{})
	w.sync(t)
	w.check(t)
}

// TestNobodyCanBeRead: if Slack answers for nobody, it is not about one person.
func TestNobodyCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 2100})
	w.sync(t)
	faults := fakeslack.Faults{InfoError: map[string]string{}}
	for _, id := range w.active(t)[:10] {
		must(t)(w.slack.Retitle(id))
		faults.InfoError[id] = "user_is_haunted"
	}
	w.slack.SetFaults(faults)
	w.pass(time.Hour)
	if s, err := Run(t.Context(), w.options()); err == nil || s.State != syncs.Failed || s.Failed != maxUnreadable {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestRepairsSayWhoIsListed: whom users.list has is told as listed, though users.info was asked.
func TestRepairsSayWhoIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	external := w.slack.ExternalIDs()[0]
	person, _ := w.slack.Person(external)
	if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil {
		t.Fatal(err)
	}
	must(t)(w.slack.Retitle(external))
	must(t)(w.slack.Retitle(w.active(t)[0]))
	w.pass(time.Hour)
	w.taken()
	w.sync(t)
	got := map[string]bool{}
	for _, c := range w.taken() {
		got[c.UserID] = c.InList
	}
	if diff := gocmp.Diff(map[string]bool{external: false, w.active(t)[0]: true}, got); diff != "" {
		t.Errorf("in_list (-want +got):\n%s", diff)
	}
}

// TestListedWhoLookExternal: in an organisation the list has people whose objects
// name another workspace. All of them are compared, not a sample.
func TestListedWhoLookExternal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 600, Enterprise: "E0MARLOW"})
	looksExternal := 0
	for _, person := range w.slack.People() {
		var o struct {
			TeamID string `json:"team_id"`
		}
		if err := json.Unmarshal(person.ListObject(true), &o); err != nil {
			t.Fatal(err)
		}
		// Half of them are stored, the others were missed.
		if o.TeamID == team {
			continue
		}
		if looksExternal++; looksExternal%2 == 0 {
			continue
		}
		if err := w.apply(t.Context(), told(t, 1e12, string(person.EventObject()))); err != nil && !errors.Is(err, directory.ErrUnknownUser) {
			t.Fatal(err)
		}
	}
	if looksExternal < 10 {
		t.Fatal("fakeslack lists nobody who looks external")
	}
	w.sync(t)
	w.taken()
	if s := w.sync(t); len(w.taken()) != 0 || s.External.Stored != 0 {
		t.Errorf("%+v", s)
	}
	w.check(t)
}

// TestNoTime: answers that cannot be ordered are an error, and nobody is inserted.
func TestNoTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 100, Faults: fakeslack.Faults{NoDate: true, NoCacheTS: true}})
	s, err := Run(t.Context(), w.options())
	if err == nil || !strings.Contains(err.Error(), "Date") || s.Inserted != 0 || s.State != syncs.Failed || len(w.published) != 0 {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestStuckCursor ends the walk.
func TestStuckCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 1100, Faults: fakeslack.Faults{StuckCursor: true}})
	s, err := Run(t.Context(), w.options())
	if err == nil || !strings.Contains(err.Error(), "cursor") || s.Calls > 6 {
		t.Errorf("%v, %+v", err, s)
	}
}

// all returns the outcomes and errors of all workspaces.
func (w *world) all(t *testing.T, o Options, tokens ...Slack) (outcomes []syncs.Sync, errs []error) {
	t.Helper()
	w.pass(5 * time.Minute)
	for s, err := range All(t.Context(), tokens, o) {
		outcomes, errs = append(outcomes, s), append(errs, err)
	}
	return outcomes, errs
}

// TestTwoTokensOfOneWorkspace: the second is refused, and the first one syncs.
func TestTwoTokensOfOneWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	outcomes, errs := w.all(t, w.options(), w.client, w.open(w.slack.Options().BotToken))
	if len(errs) != 2 || errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), w.slack.Options().Name) || len(w.published) != 60 {
		t.Errorf("%v, %+v", errs, outcomes)
	}
}

// TestOrganisationsToken is refused with what to do.
func TestOrganisationsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60, Enterprise: "E0MARLOW", OrgWide: true})
	if _, err := Run(t.Context(), w.options()); err == nil || !strings.Contains(err.Error(), "install the app in each workspace") {
		t.Errorf("error %v", err)
	}
	if all, err := w.store.Workspaces(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestDisconnected: once Slack refuses the token the workspace is marked, each sync
// says so, other workspaces go on, and a new installation ends it.
func TestDisconnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	other := newWorld(t, fakeslack.Options{People: 60, TeamID: "T0OTHER"})
	other.store = w.store
	w.sync(t)
	w.pass(time.Hour)
	w.slack.Uninstall("")

	var lines bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	logged := w.options(func(o *Options) { o.Log, o.Progress = log, NewProgress(nil, false, log) })
	outcomes, errs := w.all(t, logged, w.client, other.client)
	if len(errs) != 2 || !errors.Is(errs[0], syncs.ErrDisconnected) || !strings.Contains(errs[0].Error(), "install it again") || errs[1] != nil {
		t.Fatalf("%v, %+v", errs, outcomes)
	}
	if !strings.Contains(lines.String(), `"outcome":"disconnected"`) {
		t.Errorf("no such line in the log:\n%s", &lines)
	}
	kept, err := w.store.Syncs(t.Context(), team, 10)
	if err != nil || kept[0].State != syncs.Disconnected || kept[0].Error == "" || kept[0].Ended.IsZero() {
		t.Errorf("%v, %+v", err, kept)
	}
	workspace := func() directory.Workspace {
		all, err := w.store.Workspaces(t.Context())
		i := slices.IndexFunc(all, func(w directory.Workspace) bool { return w.ID == team })
		if err != nil || i < 0 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[i]
	}
	since := workspace().DisconnectedAt
	if !workspace().Disconnected() || workspace().Name == "" {
		t.Errorf("%+v", workspace())
	}
	if _, errs := w.all(t, w.options(), w.client); !errors.Is(errs[0], syncs.ErrDisconnected) || workspace().DisconnectedAt != since {
		t.Errorf("the second time: %v, %+v", errs, workspace())
	}
	w.slack.Reinstall("xoxb-new")
	w.client = w.open("xoxb-new")
	if w.sync(t); workspace().Disconnected() {
		t.Errorf("%+v", workspace())
	}
}

// TestDisconnectedMeanwhile: the token may end during the walk.
func TestDisconnectedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 1100})
	s, err := Run(t.Context(), w.options(func(o *Options) {
		o.Slack = interrupted{w.client, 0, func() error { w.pass(time.Minute); w.slack.Uninstall("token_revoked"); return nil }}
	}))
	all, storeErr := w.store.Workspaces(t.Context())
	if !errors.Is(err, syncs.ErrDisconnected) || s.State != syncs.Disconnected || storeErr != nil || !all[0].Disconnected() {
		t.Errorf("%v, %+v, %v, %+v", err, s, storeErr, all)
	}
}

// TestNetworkTrouble disconnects nobody.
func TestNetworkTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, w.options()); err == nil || errors.Is(err, syncs.ErrDisconnected) {
		t.Errorf("error %v", err)
	}
}

// TestFewMayGo: three may go in a day, however small the directory.
func TestFewMayGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 12})
	w.sync(t)
	people := w.active(t)
	for _, id := range people[:4] {
		must(t)(nil, w.slack.Remove(id))
		w.pass(time.Hour)
		s, err := Run(t.Context(), w.options())
		if refused := id == people[3]; refused != errors.Is(err, ErrMassDelete) || !refused && (err != nil || s.Removed != 1) {
			t.Errorf("%v, %+v", err, s)
		}
	}
}

// TestMassRemovalRemembers: many syncs may not remove a tenth each.
func TestMassRemovalRemembers(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 200}, store)
	w.sync(t)
	people, refused := w.active(t), false
	for i := range 10 {
		for _, id := range people[i*8 : i*8+8] {
			must(t)(nil, w.slack.Remove(id))
		}
		w.pass(10 * time.Minute)
		if _, err := Run(t.Context(), w.options()); err != nil {
			refused = errors.Is(err, ErrMassDelete)
			break
		}
	}
	left, _, err := store.SumFingerprints(t.Context(), team, directory.Listed)
	if err != nil || !refused || left < 180 {
		t.Fatalf("%d people are left, refused %v, error %v", left, refused, err)
	}

	// What an operator allows does not count, nor what is older than a day.
	w.sync(t, func(o *Options) { o.AllowMassDelete = true })
	must(t)(nil, w.slack.Remove(people[100]))
	w.pass(10 * time.Minute)
	if s := w.sync(t); s.Removed != 1 {
		t.Errorf("%+v", s)
	}
	for id, s := range store.records {
		s.Started, s.Ended, s.MassRemoval = s.Started.Add(-25*time.Hour), s.Ended.Add(-25*time.Hour), false
		store.records[id] = s
	}
	for _, id := range people[101:112] {
		must(t)(nil, w.slack.Remove(id))
	}
	w.pass(10 * time.Minute)
	if s := w.sync(t); s.Removed != 11 {
		t.Errorf("%+v", s)
	}
}

// TestExternalsGoOnTheirOwn: they are judged by how many externals there are.
func TestExternalsGoOnTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 12})
	w.sync(t)
	for i := range 100 {
		user := fmt.Sprintf(`{"id":"UX%d","team_id":"T0ELSEWHERE"}`, i)
		if i < 90 {
			user = strings.ReplaceAll(user, "UX", "UGONE")
		}
		if err := w.apply(t.Context(), told(t, 1e12, user)); err != nil {
			t.Fatal(err)
		}
	}
	id := w.active(t)[0]
	must(t)(nil, w.slack.Remove(id))
	w.pass(time.Hour)
	s, err := Run(t.Context(), w.options())
	if !errors.Is(err, ErrMassDelete) || s.Removed != 1 || s.External.Removed != 0 || s.External.Stored != 100 || !w.user(t, id).Removed {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestForgottenByMistake: only an operator can undo that. It is reported, and no drift.
func TestForgottenByMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeslack.Options{People: 60})
	w.sync(t)
	id := w.active(t)[0]
	at := w.slack.Options().Clock().Add(time.Second)
	if err := w.apply(t.Context(), told(t, directory.VersionOf(at), `{"id":"`+id+`","is_forgotten":true}`)); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	w.taken()
	var lines bytes.Buffer
	s := w.sync(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&lines, nil)) })
	if len(w.taken()) != 0 || s.Forgotten != 1 || s.Drift != 0 || !strings.Contains(lines.String(), id) {
		t.Errorf("%+v\n%s", s, &lines)
	}
	lift, err := directory.NewChange(directory.Change{Operation: directory.Lift, TeamID: team, User: []byte(`{"id":"` + id + `"}`),
		Version: directory.VersionOf(w.slack.Options().Clock()), Source: directory.FromOperator})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.apply(t.Context(), lift); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	w.check(t)
}

// TestVersionsInTheFuture, from before there were limits, are found, reported and replaced.
func TestVersionsInTheFuture(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 60}, store)
	external, _ := w.slack.Person(w.slack.ExternalIDs()[0])
	if err := w.apply(t.Context(), told(t, 1e12, string(external.EventObject()))); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	future := directory.VersionOf(time.Now().AddDate(3, 0, 0))
	for id, u := range store.users { // as by a sync whose Date is three years ahead
		switch p := u.Parts; {
		case p.Forgotten != nil:
			p.Forgotten.Version = future
		case id == external.ID():
			p.Told.Version, u.SlackVersion = future, future
		default:
			p.Listed.Version, u.SlackVersion = future, future
		}
		u.Version = future
		store.users[id] = u
	}
	must(t)(w.slack.Retitle(w.active(t)[0]))
	must(t)(nil, w.slack.Remove(w.active(t)[1]))
	w.pass(3 * time.Hour)
	if s := w.sync(t); s.Future != 61 || s.Removed != 1 || s.Updated != 60 {
		t.Errorf("%+v", s)
	}
	if s := w.sync(t); s.Future != 0 || s.Updated != 0 {
		t.Errorf("a second time: %+v", s)
	}
	w.check(t)
}

// TestCancellingChanges: a sync in a day does not trust sums.
func TestCancellingChanges(t *testing.T) {
	t.Parallel()
	store := newMemory()
	w := newWorldOn(t, fakeslack.Options{People: 60}, store)
	w.sync(t)
	w.pass(3 * time.Hour)
	count, sum, err := store.SumFingerprints(t.Context(), team, directory.Listed)
	if err != nil {
		t.Fatal(err)
	}
	must(t)(w.slack.Retitle(w.active(t)[0]))
	must(t)(w.slack.Retitle(w.active(t)[1]))
	for _, person := range w.slack.People() {
		u, err := directory.FromListing(team, person.ListObject(true))
		if err != nil {
			t.Fatal(err)
		}
		sum -= u.Fingerprint
	}
	cancelled := func(o *Options) { o.Store = offBy{store, sum} } // as if the two changes cancelled
	if s := w.sync(t, cancelled); s.Updated != 0 {
		t.Fatalf("%d people differ by %d: %+v", count, sum, s)
	}
	for id, s := range store.records {
		s.Thorough = s.Thorough.Add(-thoroughInterval)
		store.records[id] = s
	}
	if s := w.sync(t, cancelled); s.Updated != 2 {
		t.Errorf("the next day: %+v", s)
	}
	if s := w.sync(t, cancelled); time.Since(s.Thorough) > time.Minute {
		t.Errorf("the day of the thorough one is not kept: %+v", s)
	}
}

// offBy answers with sums that are lower.
type offBy struct {
	*memory
	by int64
}

func (s offBy) SumFingerprints(ctx context.Context, teamID string, r directory.FingerprintRange) (count, sum int64, err error) {
	count, sum, err = s.memory.SumFingerprints(ctx, teamID, r)
	if r == directory.Listed {
		sum -= s.by
	}
	return count, sum, err
}
