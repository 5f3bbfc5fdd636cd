package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
)

// TestConsole: one line for a change that readers see, by the names of the fields and
// never their values, and none for a repeat, a huddle or a full sync.
func TestConsole(t *testing.T) {
	s, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out bytes.Buffer
	watched := &watchedStore{Store: s, out: &out, address: "http://here"}
	version := directory.Version(0)
	for _, step := range []struct {
		operation directory.Operation
		source    directory.Source
		user      string
		want      string // without the time and the address; empty for nothing
	}{
		{"insert", "sync", `"name":"ada","profile":{"title":"secret"}`, ""},
		{"update", "event", `"name":"ada","profile":{"title":"secret2","status_text":"secret3","status_emoji":":secret:"}`, "changed title, status"},
		{"update", "event", `"name":"ada","updated":7,"profile":{"title":"secret2","huddle_state":"secret","status_text":"secret3","status_emoji":":secret:"}`, ""},
		{"update", "event", `"name":"ada","tz":"secret","profile":{"fields":{"Xf1":{"value":"secret"}},"title":"secret2","status_text":"secret3","status_emoji":":secret:"}`, "changed Xf1, tz"},
		{"update", "event", `"name":"ada","deleted":true`, "deactivated"},
		{"update", "event", `"name":"ada"`, "reactivated"},
		{"delete", "sync", `"name":"ada"`, ""},
		{"insert", "event", `"name":"ada"`, "joined"},
		{"update", "event", `"is_forgotten":true`, "forgotten"},
	} {
		out.Reset()
		version++
		c, err := directory.NewChange(directory.Change{Operation: step.operation, TeamID: "T1", Version: version, Source: step.source,
			User: json.RawMessage(fmt.Sprintf(`{"id":"U1",%s}`, step.user))})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := directory.ApplyTo(t.Context(), watched, c, historyTTL); err != nil {
				t.Fatal(err)
			}
		}
		want := regexp.MustCompile(`^$`)
		if step.want != "" {
			want = regexp.MustCompile(`^\d\d:\d\d:\d\d  ` + step.want + `  http://here/users/T1/U1\n$`)
		}
		if !want.MatchString(out.String()) || strings.Contains(out.String(), "secret") {
			t.Errorf("%s: %q, want %q", step.user, &out, step.want)
		}
	}
}
