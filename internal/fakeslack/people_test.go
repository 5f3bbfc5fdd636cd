package fakeslack

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

// noon is in daylight saving time where the north has it.
var noon = time.Date(2025, time.July, 1, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func strs(raw []json.RawMessage) []string {
	var s []string
	for _, r := range raw {
		s = append(s, string(r))
	}
	return s
}

func TestSameSeedGivesSamePeople(t *testing.T) {
	live := func(seed uint64) []string {
		w := New(Options{Seed: seed, Clock: atNoon})
		rng := rand.New(rand.NewPCG(1, 1))
		for range 300 {
			w.Step(rng)
		}
		return strs(w.Users())
	}
	if diff := cmp.Diff(live(7), live(7)); diff != "" {
		t.Errorf("two workspaces of one seed differ:\n%s", diff)
	}
	if cmp.Equal(live(7), live(8)) {
		t.Error("two seeds give the same people")
	}
}

// TestJoinersDependOnSeedOnly: other changes do not change who joins next.
func TestJoinersDependOnSeedOnly(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	if _, err := b.Leave(b.listed[12].id); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if x, y := a.Join()[0].UserID, b.Join()[0].UserID; x != y {
			t.Errorf("joined %s and %s", x, y)
		}
	}
}

func TestPeopleAreOfEveryKind(t *testing.T) {
	for seed := range uint64(5) {
		w := New(Options{Seed: seed, BaseURL: "http://x/"})
		if got := len(w.Users()); got != 250 {
			t.Fatalf("%d people", got)
		}
		counts, names, ids := map[string]int{}, map[string]bool{}, map[string]bool{}
		fields := map[string]bool{}
		for _, raw := range w.Users() {
			u := decode[map[string]any](t, raw)
			for _, flag := range []string{"is_primary_owner", "is_owner", "is_admin", "is_restricted", "is_ultra_restricted", "is_bot", "deleted", "is_forgotten"} {
				if u[flag] == true {
					counts[flag]++
				}
			}
			id, username := u["id"].(string), u["name"].(string)
			if ids[id] || names[username] {
				t.Errorf("%s %s occurs twice", id, username)
			}
			ids[id], names[username] = true, true
			if id != "USLACKBOT" && !regexp.MustCompile(`^U[0-9A-Z]{10}$`).MatchString(id) {
				t.Errorf("id %s", id)
			}
			if !regexp.MustCompile(`^[a-z0-9._-]+$`).MatchString(username) {
				t.Errorf("username %q", username)
			}
			profile := u["profile"].(map[string]any)
			if real := profile["real_name"].(string); real == "" || !utf8.ValidString(real) || strings.Contains(real, "_") {
				t.Errorf("real name %q", real)
			}
			if want := "http://x/avatars/" + id + "-72.svg"; profile["image_72"] != want {
				t.Errorf("image %v, want %s", profile["image_72"], want)
			}
			if u["deleted"] == true {
				for _, gone := range []string{"tz", "color", "is_admin"} {
					if _, ok := u[gone]; ok {
						t.Errorf("a deactivated user has %s", gone)
					}
				}
				continue
			}
			who, _ := w.Person(id)
			b := encode(decode[map[string]any](t, who.EventObject())["profile"].(map[string]any)["fields"])
			fields[string(b[:min(3, len(b))])] = true
		}
		want := map[string]int{"is_primary_owner": 1, "is_owner": 3, "is_admin": 8, "is_restricted": 15,
			"is_ultra_restricted": 5, "is_bot": 13, "deleted": 22, "is_forgotten": 2}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
		if diff := cmp.Diff(map[string]bool{"nul": true, "[]": true, "{}": true, `{"X`: true}, fields); diff != "" {
			t.Errorf("custom fields:\n%s", diff)
		}
		slackbot := decode[slack.User](t, w.User("USLACKBOT"))
		if slackbot.IsBot || slackbot.Updated != 0 {
			t.Errorf("Slackbot is_bot %v, updated %d", slackbot.IsBot, slackbot.Updated)
		}
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ in, normalized, username string }{
		{"Łukasz Gołąb", "Lukasz Golab", "lukaszgolab"},
		{"Adébáyọ̀ Ọ̀ṣọ́bà", "Adebayo Osoba", "adebayoosoba"},
		{"Weiß", "Weiss", "weiss"},
		{"O’Connor", "O’Connor", "oconnor"},
		{"김민준", "김민준", ""},
		{"शर्मा", "शर्मा", ""},
		{"Παπαγεωργίου", "Παπαγεωργίου", ""},
	}
	for _, tt := range tests {
		if got := unaccented(tt.in); got != tt.normalized {
			t.Errorf("unaccented(%q) = %q, want %q", tt.in, got, tt.normalized)
		}
		if got := ascii(tt.in); got != tt.username {
			t.Errorf("ascii(%q) = %q, want %q", tt.in, got, tt.username)
		}
	}
	for _, c := range cultures {
		for _, n := range append(c.given, c.family...) {
			if n.latin == "" {
				t.Errorf("%s has no Latin form", n.native)
			}
		}
		for _, z := range c.zones {
			if zones[z].location == nil {
				t.Errorf("%s is not in the table of zones", z)
			}
		}
	}
}

func TestTimeZones(t *testing.T) {
	winter := time.Date(2025, time.January, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		tz     string
		at     time.Time
		label  string
		offset int
	}{
		{"Europe/Berlin", noon, "Central European Summer Time", 7200},
		{"Europe/Berlin", winter, "Central European Time", 3600},
		{"America/St_Johns", winter, "Newfoundland Standard Time", -12600},
		{"Asia/Kathmandu", noon, "Nepal Time", 20700},
		{"Australia/Sydney", winter, "Australian Eastern Daylight Time", 39600},
	}
	for _, tt := range tests {
		if label, offset := zones[tt.tz].at(tt.at); label != tt.label || offset != tt.offset {
			t.Errorf("%s: %s %d, want %s %d", tt.tz, label, offset, tt.label, tt.offset)
		}
	}
	for name, z := range zones {
		for _, at := range []time.Time{noon, winter} {
			if label, _ := z.at(at); label == "" {
				t.Errorf("%s has no label at %v", name, at)
			}
		}
	}
}

func TestInitials(t *testing.T) {
	for in, want := range map[string]string{"Zoë St John": "ZJ", "王小明": "王", "मीरा शर्मा": "मीश", "": "", "佐藤 さくら": "佐さ"} {
		if got := initialsOf(in); got != want {
			t.Errorf("initials of %q: %q, want %q", in, got, want)
		}
	}
}

// TestManagers: all people but one report to somebody, in a tree without cycles, and nobody has
// more than seven reports.
func TestManagers(t *testing.T) {
	w := New(Options{People: 1000, Log: slog.New(slog.DiscardHandler)})
	managers, reports := map[string]string{}, map[string]int{}
	people := 0
	for _, p := range w.People() {
		if p.person.culture == nil || p.person.forgotten {
			continue
		}
		people++
		if boss := p.person.fields[fieldManager]; boss != "" {
			managers[p.person.id] = boss
			reports[boss]++
		}
	}
	if len(managers) != people-1 {
		t.Errorf("%d of %d people report to somebody", len(managers), people)
	}
	for id := range managers {
		levels := 0
		for boss := id; boss != ""; boss = managers[boss] {
			if levels++; levels > 6 {
				t.Fatalf("%s is more than six levels below the top", id)
			}
		}
	}
	for boss, n := range reports {
		p, _ := w.Person(boss)
		if n > span || p.person.deleted || p.person.kind != member {
			t.Errorf("%s, a %s (deactivated: %v), has %d reports", boss, p.person.kind, p.person.deleted, n)
		}
	}
}
