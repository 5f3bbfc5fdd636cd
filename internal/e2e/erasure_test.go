package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	gcfirestore "cloud.google.com/go/firestore"
	gcpubsub "cloud.google.com/go/pubsub/v2"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/operator"
	"rollcall/internal/pubsub"
	"rollcall/internal/slack/webapi"
)

// TestErasure: after an operator has forgotten somebody, neither the database, nor any parked message, nor
// any later message to subscribers has their name or e-mail address, whichever way it arrived, even after
// Slack sends it again. Nobody else loses anything.
func TestErasure(t *testing.T) {
	s := system.NewPumped(t, system.Impatient)
	w := system.Invent(t, fakeslack.Options{TeamID: system.Team, People: 110, PageSize: 100})
	ada, other := twoPeople(t, w)

	fullSync(t, s, w, 0)
	system.Eventually(t, time.Minute, "the listing is stored", func() bool {
		u, ok := stored(t, s, ada.ID)
		_, otherToo := stored(t, s, other.ID)
		return ok && otherToo && u.Email == ada.Profile.Email
	})
	now := directory.VersionOf(time.Now())
	former := string(ada.whole)
	for _, value := range ada.values() {
		former = strings.ReplaceAll(former, value, "former")
	}
	// History has the values from before the first event, and from after the second.
	s.MustPost(t, events.Callback("user_change", former, now-1, "Ev0"))
	system.Eventually(t, time.Minute, "the first event is stored", func() bool {
		u, _ := stored(t, s, ada.ID)
		return u.Name == "former"
	})
	s.MustPost(t, events.Callback("user_change", string(ada.whole), now, "Ev1"))
	system.Eventually(t, time.Minute, "the event is stored", func() bool {
		u, _ := stored(t, s, ada.ID)
		return u.Name == ada.Name
	})
	if page, err := s.Store.Records(t.Context(), system.Team, directory.RecordPageRequest{Filter: directory.RecordFilter{UserID: ada.ID}, Limit: 10}); err != nil || len(page.Records) != 2 ||
		!strings.Contains(string(page.Records[0].After), ada.Profile.Email) || !strings.Contains(string(page.Records[1].Before), ada.Profile.Email) {
		t.Fatalf("history %+v, error %v: the test would prove nothing", page.Records, err)
	}
	told := events.Subscribe(t, s)
	fullSync(t, s, w, 2) // leaves its checkpoints
	for _, p := range []person{ada, other} {
		park(t, s, fmt.Sprintf(`{"operation":"update","team_id":%q,"user":%s,"version":%d,"source":"event"}`, system.Team, p.whole, now+1))
		park(t, s, fmt.Sprintf(`{"operation":"no such","team_id":%q,"user":%s,"version":%d,"source":"event"}`, system.Team, p.whole, now+2))
	}
	documents, letters := dump(t, s), parked(t, s)
	for _, p := range []person{ada, other} {
		for _, value := range p.values() {
			if len(holding(documents, value)) == 0 || len(holding(letters, value)) == 0 {
				t.Fatalf("a value of %s is not there: the test would prove nothing", p.ID)
			}
		}
	}

	if out, code := rollcallctl(t, s, "people", "forget", "--team", system.Team, "--user", ada.ID, "--yes"); code != 0 || !strings.Contains(out, "1 forgotten") || !strings.Contains(out, "2 dropped") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	// Slack does not know, and keeps sending events.
	s.MustPost(t, events.Callback("user_change", string(ada.whole), directory.VersionOf(time.Now()), "Ev2"))
	marker := events.Callback("user_change", strings.Replace(string(other.whole), `"name":"`, `"name":"marker-`, 1), directory.VersionOf(time.Now()), "Ev3")
	fullSync(t, s, w, 0)
	fullSync(t, s, w, 2)
	s.MustPost(t, marker)
	system.Eventually(t, time.Minute, "what came later is applied", func() bool {
		u, _ := stored(t, s, other.ID)
		return strings.HasPrefix(u.Name, "marker-")
	})
	time.Sleep(2 * time.Second) // deliveries are not ordered
	records := events.Feed(t, s)
	if !slices.ContainsFunc(records, func(r directory.Record) bool { return r.UserID == ada.ID && r.Type == directory.UserForgotten }) {
		t.Errorf("history does not say that somebody was forgotten: %+v", records)
	}
	messages := map[string]string{}
	for i, m := range events.Told(t, s, told, records) {
		messages[fmt.Sprintf("message %d", i)] = m.String() + string(m.GetData())
	}
	documents, letters = dump(t, s), parked(t, s)
	for _, value := range ada.values() {
		for _, where := range slices.Concat(holding(documents, value), holding(letters, value), holding(messages, value)) {
			t.Errorf("%s has a value of the forgotten person", where)
		}
	}
	if len(holding(documents, other.Profile.Email)) == 0 || len(holding(letters, other.Profile.Email)) != 2 {
		t.Error("somebody else is gone as well")
	}
	if out, code := rollcallctl(t, s, "people", "forgotten", "--team", system.Team); code != 0 || !strings.Contains("\n"+out, "\n"+ada.ID+"\n") {
		t.Errorf("forgotten: exit code %d:\n%s", code, out)
	}
}

// person is a person in an invented workspace.
type person struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
	Profile struct {
		RealName string `json:"real_name"`
		Email    string `json:"email"`
	} `json:"profile"`

	whole json.RawMessage
}

func (p person) values() []string { return []string{p.Name, p.Profile.RealName, p.Profile.Email} }

// twoPeople returns two people whose names nobody else shares.
func twoPeople(t *testing.T, w *system.Workspace) (first, second person) {
	t.Helper()
	var found []person
	users := w.Users()
	for _, user := range users {
		p := person{whole: user}
		if err := json.Unmarshal(user, &p); err != nil {
			t.Fatal(err)
		}
		if p.Deleted || p.Profile.Email == "" || p.Profile.RealName == "" {
			continue
		}
		alone := true
		for _, value := range p.values() {
			n := 0
			for _, other := range users {
				if bytes.Contains(bytes.ToLower(other), bytes.ToLower([]byte(value))) {
					n++
				}
			}
			alone = alone && n == 1
		}
		if alone {
			if found = append(found, p); len(found) == 2 {
				return found[0], found[1]
			}
		}
	}
	t.Fatal("all people share a name")
	return person{}, person{}
}

// fullSync runs a full sync and interrupts it at a page of the listing; 0 means never.
func fullSync(t *testing.T, s *system.System, w *system.Workspace, stopAt int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pages := 0
	w.OnList = func() {
		if pages++; pages == stopAt {
			stop()
		}
	}
	defer func() { w.OnList = nil }()
	publisher := pubsub.NewPublisher(s.PubSub, s.Topology.Topic)
	defer publisher.Stop()
	log := slog.New(slog.DiscardHandler)
	_, err := fullsync.Run(ctx, fullsync.Options{
		Slack: webapi.New(w.URL, w.Options().BotToken, log), Store: s.Store, Publisher: publisher, Log: log,
	})
	if (err != nil) != (stopAt > 0) {
		t.Fatalf("full sync: %v", err)
	}
}

// park parks a message as Pub/Sub would.
func park(t *testing.T, s *system.System, data string) {
	t.Helper()
	publisher := s.PubSub.Publisher(s.Topology.DeadLetterTopic)
	defer publisher.Stop()
	if _, err := publisher.Publish(t.Context(), &gcpubsub.Message{
		Data: []byte(data), Attributes: map[string]string{"operation": "update", "team_id": system.Team, "source": "event"},
	}).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rollcallctl runs the operator's command on the system.
func rollcallctl(t *testing.T, s *system.System, args ...string) (output string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = operator.Program{
		In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{"GOOGLE_CLOUD_PROJECT=" + s.Project},
	}.Run(t.Context(), append([]string{"rollcallctl"}, args...))
	return out.String(), code
}

// parked returns all dead letters.
func parked(t *testing.T, s *system.System) map[string]string {
	t.Helper()
	out, code := rollcallctl(t, s, "deadletters", "show", "--idle", "2s")
	if code != 0 {
		t.Fatalf("show: %s", out)
	}
	all := map[string]string{}
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		all[fmt.Sprintf("dead letter %d", i)] = line
	}
	return all
}

// dump returns all documents of the database as text, by path.
func dump(t *testing.T, s *system.System) map[string]string {
	t.Helper()
	client, err := gcfirestore.NewClient(t.Context(), s.Project)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all := map[string]string{}
	var collect func(*gcfirestore.CollectionIterator)
	collect = func(collections *gcfirestore.CollectionIterator) {
		found, err := collections.GetAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			snapshots, err := c.Documents(t.Context()).GetAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range snapshots {
				var text strings.Builder
				write(&text, d.Data())
				_, path, _ := strings.Cut(d.Ref.Path, "/documents/")
				all[path] = text.String()
				if c.ID != "users" { // there are many people, and nothing below them
					collect(d.Ref.Collections(t.Context()))
				}
			}
		}
	}
	collect(client.Collections(t.Context()))
	for _, kind := range []string{"/users/", "/changes/", "/syncs/", "/pages/", "/emoji/"} {
		if !anyPath(all, kind) {
			t.Fatalf("the dump has nothing in %s", kind)
		}
	}
	return all
}

func anyPath(all map[string]string, part string) bool {
	for path := range all {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// write writes all values as text, even bytes.
func write(text *strings.Builder, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			text.WriteString(name + "=")
			write(text, item)
		}
	case []any:
		for _, item := range v {
			write(text, item)
		}
	case []byte:
		text.Write(v)
	default:
		fmt.Fprint(text, v)
	}
	text.WriteByte('\n')
}

// holding returns the paths of documents with a value, ignoring case.
func holding(all map[string]string, value string) (where []string) {
	for path, text := range all {
		if strings.Contains(strings.ToLower(text), strings.ToLower(value)) {
			where = append(where, path)
		}
	}
	return where
}
