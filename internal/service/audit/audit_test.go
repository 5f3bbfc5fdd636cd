package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func line(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	delete(got, "time")
	return got
}

func TestShown(t *testing.T) {
	var out bytes.Buffer
	to := slog.New(slog.NewJSONHandler(&out, nil))
	e := Entry{Viewer: "grace@example.com", View: "list", Method: "GET", Status: 200, TeamID: "T1", UserIDs: []string{"U1", "U2"}, Count: 2,
		Filters: map[string]string{"q": "lovelace", "tz": "lovelace"}}
	l := New(to, []byte("0123456789abcdef0123456789abcdef"))
	l.Shown(t.Context(), e)
	got := line(t, &out)
	want := map[string]any{"level": "INFO", "msg": "profiles shown", "audit": true, "viewer": "grace@example.com", "view": "list", "method": "GET",
		"status": 200.0, "team_id": "T1", "user_ids": []any{"U1", "U2"}, "count": 2.0, "filters": map[string]any{"q": "a", "tz": "b"}}
	filters := got["filters"].(map[string]any)
	if filters["q"] == filters["tz"] || len(filters["q"].(string)) != 16 || strings.Contains(fmt.Sprint(got), "lovelace") {
		t.Errorf("filters %v", filters)
	}
	want["filters"] = filters
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		key  []byte
		same bool
	}{"the same key": {[]byte("0123456789abcdef0123456789abcdef"), true}, "another": {[]byte("1123456789abcdef0123456789abcdef"), false}, "none": {nil, false}} {
		New(to, tt.key).Shown(t.Context(), e)
		if again := line(t, &out)["filters"].(map[string]any); (again["q"] == filters["q"]) != tt.same {
			t.Errorf("%s: %v, before %v", name, again, filters)
		}
	}
	e = Entry{View: "csv", Count: 5000, Cut: true, UserIDs: make([]string, 5000)}
	l.Shown(t.Context(), e)
	if got := line(t, &out); len(got["user_ids"].([]any)) != maxIDs || got["count"] != 5000.0 || got["cut"] != true {
		t.Errorf("a large answer: %v", got)
	}
}
