// Package sdks runs Slack's SDKs for JavaScript, with nothing changed but the address, and the programs in the
// README.
package sdks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/api"
	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/tokens"
)

const team = "T0ROLLCALL"

// people is how many people the workspace has, of every kind.
const people = 2000

// applier applies at once what the worker would.
type applier struct{ store *sqlite.Store }

func (a applier) Publish(ctx context.Context, c directory.Change) error {
	_, err := directory.ApplyTo(ctx, a.store, c, 24*time.Hour)
	return err
}

// asked is what calls.mjs reads, and result what it prints.
type asked struct {
	URL    string `json:"url"`
	Token  string `json:"token"`
	Narrow string `json:"narrow"`
	Bolt   bool   `json:"bolt"`
}

type result struct {
	Lists    map[string][][]map[string]any `json:"lists"`
	Infos    map[string]map[string]any     `json:"infos"`
	Several  map[string]any                `json:"several"`
	Profiles map[string]map[string]any     `json:"profiles"`
	Emails   map[string]map[string]any     `json:"emails"`
	Calls    map[string]map[string]any     `json:"calls"`
}

// narrow is the only scope of the token that lacks the others.
const narrow = tokens.EmojiRead

// TestSDKs: @slack/web-api and @slack/bolt get from the API what they get from Slack, person by person.
func TestSDKs(t *testing.T) {
	install(t)
	w := fakeslack.New(fakeslack.Options{People: people, Log: slog.New(slog.DiscardHandler)})
	slackServer := httptest.NewServer(w.Handler())
	t.Cleanup(slackServer.Close)
	w.SetBaseURL(slackServer.URL)
	slackURL := slackServer.URL + "/api"
	store, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for range 2 { // the second asks for the custom fields
		if _, err := fullsync.Run(t.Context(), fullsync.Options{Slack: webapi.New(slackURL+"/", w.Options().BotToken, w.Options().Log),
			Store: store, Publisher: applier{store}, Log: w.Options().Log, Profiles: 1_000_000}); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(api.New(api.Options{People: store, Workspaces: store, History: store, Tokens: store, Rate: 1_000_000, Log: w.Options().Log}))
	t.Cleanup(server.Close)
	token := func(scopes ...string) string {
		text, made, err := tokens.New("sdks", []string{team}, scopes, time.Now(), time.Time{})
		if err == nil {
			err = store.PutToken(t.Context(), made)
		}
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	theirs := asked{URL: slackURL, Token: w.Options().BotToken}
	ours := asked{URL: server.URL + "/api", Token: token(tokens.Scopes...), Narrow: token(narrow)}
	for name, bolt := range map[string]bool{"web-api": false, "bolt": true} {
		t.Run(name, func(t *testing.T) {
			theirs, ours := theirs, ours
			theirs.Bolt, ours.Bolt = bolt, bolt
			want, got := run(t, theirs), run(t, ours)
			compare(t, want, got)
			refusals(t, got.Calls)
		})
	}
}

// compare compares what Slack (want) and the API answer.
func compare(t *testing.T, want, got result) {
	t.Helper()
	for _, limit := range slices.Sorted(maps.Keys(want.Lists)) {
		pages := got.Lists[limit]
		for i, page := range pages[:max(0, len(pages)-1)] {
			if fmt.Sprint(len(page)) != limit {
				t.Errorf("users.list with limit %s: page %d of %d has %d people", limit, i+1, len(pages), len(page))
			}
		}
		differ(t, "users.list with limit "+limit, byID(t, want.Lists[limit]), byID(t, pages))
	}
	if len(want.Infos) != people || len(want.Emails) < 300 || len(want.Profiles) < 300 {
		t.Errorf("only %d people, %d addresses and %d profiles are compared", len(want.Infos), len(want.Emails), len(want.Profiles))
	}
	differ(t, "users.info", want.Infos, got.Infos)
	differ(t, "users.info of several", map[string]map[string]any{"": want.Several}, map[string]map[string]any{"": got.Several})
	for id := range want.Profiles {
		// A full sync does not ask Slack for the fields of bots and deactivated people.
		if user, _ := want.Infos[id]["user"].(map[string]any); user["deleted"] == true || user["is_bot"] == true {
			delete(want.Profiles, id)
			delete(got.Profiles, id)
		}
	}
	differ(t, "users.profile.get", want.Profiles, got.Profiles)
	// Slack sends the locale only with include_locale, which these calls do not have.
	differ(t, "users.lookupByEmail", want.Emails, got.Emails, "locale")
	for name := range want.Calls {
		if strings.HasSuffix(name, " narrow") { // see refusals
			delete(want.Calls, name)
		}
	}
	calls := maps.Clone(got.Calls)
	maps.DeleteFunc(calls, func(name string, _ map[string]any) bool { return strings.HasSuffix(name, " narrow") })
	differ(t, "other calls", want.Calls, calls, "locale")
}

// byID returns all people of a listing.
func byID(t *testing.T, pages [][]map[string]any) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, page := range pages {
		for _, user := range page {
			id := user["id"].(string)
			if all[id] != nil {
				t.Errorf("%s is listed twice", id)
			}
			all[id] = user
		}
	}
	return all
}

// differ reports the first few differences between two sets of answers.
func differ(t *testing.T, what string, want, got map[string]map[string]any, unasked ...string) {
	t.Helper()
	shown := 0
	for key := range maps.All(want) {
		diff := cmp.Diff(plain(want[key], unasked...), plain(got[key], unasked...))
		if diff == "" {
			continue
		}
		if shown++; shown <= 3 {
			t.Errorf("%s of %q (-Slack +API):\n%.2500s", what, key, diff)
		}
	}
	if shown > 0 || len(want) != len(got) {
		t.Errorf("%s: %d of %d differ; the API has %d", what, shown, len(want), len(got))
	}
}

// run runs calls.mjs.
func run(t *testing.T, a asked) (r result) {
	t.Helper()
	in, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(node(t, bytes.NewReader(in), "calls.mjs"), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// node runs a program and returns its standard output.
func node(t *testing.T, in io.Reader, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), "node", args...)
	var complaints bytes.Buffer
	c.Dir, c.Stdin, c.Stderr = folder, in, &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%.3000s", args, err, complaints.String())
	}
	return out
}

// folder has the installed SDKs; empty if no test needed them.
var folder string

func TestMain(m *testing.M) {
	code := m.Run()
	if folder != "" {
		os.RemoveAll(folder) //nolint:errcheck // it is in the temporary folder
	}
	os.Exit(code)
}

// installed installs the SDKs in a folder of their own, so that nothing is left in this one.
var installed = sync.OnceValue(func() (err error) {
	if folder, err = os.MkdirTemp("", "sdks"); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json", "calls.mjs"} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	c := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

// install installs the SDKs once. If Node is missing, the test is skipped, or fails under CI.
func install(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			why := "no " + program + ": install Node.js 20 or newer"
			if os.Getenv("CI") != "" {
				t.Fatal(why)
			}
			t.Skip(why)
		}
	}
	if err := installed(); err != nil {
		t.Fatal(err)
	}
}
