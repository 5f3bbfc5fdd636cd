package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// TestChanges: a program that always continues from its last cursor gets every change once.
func TestChanges(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	token := w.token(t, tokens.Scopes...)
	v := directory.VersionOf(time.Now().Add(-time.Minute))
	read := func(cursor string, args ...string) (titles []string, next string) {
		for {
			_, answer := w.ask(t, token, "changes.list", append(args, "limit", "2", "cursor", cursor)...)
			if answer["ok"] != true {
				t.Fatal(answer)
			}
			for _, c := range answer["changes"].([]any) {
				c := c.(map[string]any)
				after, _ := c["after"].(map[string]any)
				titles = append(titles, fmt.Sprint(c["type"], " ", c["user_id"], " ", after["profile.title"]))
				if _, kept := c["expire_at"]; kept {
					t.Error("the store's own time is shown")
				}
			}
			if cursor = answer["response_metadata"].(map[string]any)["next_cursor"].(string); cursor == "" {
				t.Fatal("no cursor to continue from")
			}
			if answer["has_more"] != true {
				return titles, cursor
			}
		}
	}
	got, cursor := read("")
	if len(got) > 0 {
		t.Errorf("nothing happened yet: %v", got)
	}
	for i, title := range []string{"a", "b", "c"} {
		w.apply(t, v+directory.Version(i), `{"id":"U1","profile":{"title":"`+title+`"}}`)
	}
	if got, cursor = read(cursor); !slices.Equal(got, []string{"user.created U1 a", "user.updated U1 b", "user.updated U1 c"}) {
		t.Errorf("%v", got)
	}
	if got, again := read(cursor); len(got) > 0 || again != cursor {
		t.Errorf("again: %v", got)
	}
	w.apply(t, v+9, `{"id":"U2","deleted":true,"profile":{"title":"d"}}`)
	if got, _ := read(cursor); !slices.Equal(got, []string{"user.created U2 d"}) {
		t.Errorf("%v", got)
	}
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"types", "user.updated,user.removed"}, 2}, {[]string{"user", "U2"}, 1}, {[]string{"latest", "1"}, 0},
		{[]string{"oldest", fmt.Sprint(time.Now().Add(time.Minute).Unix())}, 0}, {[]string{"oldest", "1.5"}, 4},
	} {
		if got, _ := read("", tt.args...); len(got) != tt.want {
			t.Errorf("%v: %v", tt.args, got)
		}
	}
}
