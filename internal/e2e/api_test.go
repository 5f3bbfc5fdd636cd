package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"rollcall/internal/directory"
	"rollcall/internal/e2e/system"
	"rollcall/internal/emulator"
	"rollcall/internal/fakeslack"
	"rollcall/internal/store/firestore"
)

// TestAPI: the deployed program, on Firestore, answers slack-go with a token that rollcallctl made, and
// refuses one that it revoked.
func TestAPI(t *testing.T) {
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	t.Setenv("K_SERVICE", "")
	s := &system.System{Project: fmt.Sprintf("e2e-api-%d", os.Getpid())}
	store, err := firestore.Open(context.WithoutCancel(t.Context()), s.Project, "(default)")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutWorkspace(t.Context(), directory.Workspace{ID: system.Team, Name: "End to end", URL: "https://end-to-end.slack.com/"}); err != nil {
		t.Fatal(err)
	}
	v := directory.VersionOf(time.Now().Add(-time.Minute))
	var want []string
	for _, object := range fakeslack.New(fakeslack.Options{People: 120, TeamID: system.Team, Log: slog.New(slog.DiscardHandler)}).Users() {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: system.Team, User: object, Version: v, Source: directory.FromSync, InList: true})
		if err == nil {
			_, err = directory.ApplyTo(t.Context(), store, c, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, c.UserID)
	}
	create := func(name string) string {
		out, code := rollcallctl(t, s, "tokens", "create", "--name", name, "--workspace", system.Team, "--scopes", "users:read,users:read.email,team:read")
		lines := strings.Fields(out)
		if code != 0 || len(lines) == 0 {
			t.Fatalf("tokens create: exit code %d: %s", code, out)
		}
		return lines[len(lines)-1]
	}
	token, revoked := create("e2e"), create("revoked")
	if out, code := rollcallctl(t, s, "tokens", "revoke", "--name", "revoked", "--yes"); code != 0 {
		t.Fatal(out)
	}

	p := system.Run(t, filepath.Join(system.Build(t, "api"), "api"), "GOOGLE_CLOUD_PROJECT="+s.Project)
	client := slack.New(token, slack.OptionAPIURL(p.Address+"/api/"))
	users, err := client.GetUsersContext(t.Context(), slack.GetUsersOptionLimit(40)) // the last page is full
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	email := ""
	for _, u := range users {
		got = append(got, u.ID)
		if !u.Deleted && u.Profile.Email != "" {
			email = u.Profile.Email
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if u, err := client.GetUserByEmailContext(t.Context(), strings.ToUpper(email)); err != nil || u.Profile.Email != email {
		t.Errorf("%s: %v, error %v", email, u, err)
	}
	if _, err := client.GetEmojiContext(t.Context()); err == nil || err.Error() != "missing_scope" {
		t.Errorf("emoji: %v", err)
	}
	if _, err := slack.New(revoked, slack.OptionAPIURL(p.Address+"/api/")).AuthTestContext(t.Context()); err == nil || err.Error() != "token_revoked" {
		t.Errorf("a revoked token: %v", err)
	}
	p.Stop(t)
	if log := p.Output.String(); strings.Contains(log, token) || strings.Contains(log, email) || !strings.Contains(log, `"token":"e2e"`) || !strings.Contains(log, `"audit":true`) {
		t.Errorf("the log has a secret or a profile, or lacks the token's name or an audit line:\n%.2000s", log)
	}
}
