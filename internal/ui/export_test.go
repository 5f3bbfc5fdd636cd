package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

func TestCSV(t *testing.T) {
	w := get(t, serving(t, people(t)), "/users.csv?show=all&after=ignored")
	if w.Code != http.StatusBadRequest {
		t.Errorf("a broken cursor: %d", w.Code)
	}
	w = get(t, serving(t, people(t)), "/users.csv?show=all")
	if got := w.Header().Get("Content-Disposition"); got != "attachment; filename=Marlow-Finch-people-2022-03-30.csv" {
		t.Errorf("disposition %q", got)
	}
	text, ok := strings.CutPrefix(w.Body.String(), "\ufeff")
	if !ok {
		t.Error("no byte order mark, so Excel does not read UTF-8")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		userColumns,
		{"U1", team, "ada", "Ada Lovelace", "ada", "Analyst", "ada@example.com", "", "false", "admin", "Europe/London", "On a train", ":train:", "2022-03-29 22:13:20", "2022-03-29 23:31:52", "event"},
	}
	if diff := cmp.Diff(want, rows[:2]); diff != "" || len(rows) != 5 {
		t.Errorf("%d rows (-want +got):\n%s", len(rows), diff)
	}
	if rows, err := csv.NewReader(get(t, serving(t, people(t)), "/users.csv?q=ada").Body).ReadAll(); err != nil || len(rows) != 2 {
		t.Errorf("filtered: %v, error %v", rows, err)
	}
	if w := get(t, serving(t, &fake{}), "/users.csv"); w.Code != http.StatusNotFound {
		t.Errorf("nobody: %d", w.Code)
	}
}

// TestFileNames: a workspace's name, which is Slack's text, cannot leave the header or name a folder.
func TestFileNames(t *testing.T) {
	h := &handler{Options: Options{Now: func() time.Time { return noon }}}
	for name, want := range map[string]string{
		"": "T1-people-2022-03-30.csv", "../../etc/passwd\x00": "etc-passwd-people-2022-03-30.csv",
		"x\"; a=b\r\nSet-Cookie: y": "x-a-b-Set-Cookie-y-people-2022-03-30.csv", "Café 株式会社": "Café-株式会社-people-2022-03-30.csv",
	} {
		if got := h.fileName(directory.Workspace{ID: "T1", Name: name}, "people", "csv"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestHarmless: no cell starts with a formula, wherever a spreadsheet splits cells.
func TestHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ada": "Ada", "=1+1": "'=1+1", "+49": "'+49", "-Bob": "'-Bob", "@ada": "'@ada", "\tx": "'\tx", "\rx": "'\rx",
		"a=b": "a=b", "'quoted": "''quoted", "\x00=cmd": "'=cmd", "'\x00": "''", " =1": "' =1", " ": " ",
		"x;=cmd|'/c calc'!A1": "x;'=cmd|'/c calc'!A1", "x; =1": "x;' =1", "x;y": "x;y", "x\t=1": "x\t'=1", "a;b;=1;=2": "a;b;'=1;'=2",
		"x\n=1": "x\n'=1", "x\r\n-1": "x\r\n'-1", "x\n\"=1\"": "x\n'\"=1\"", "x;\"\"=1": "x;'\"\"=1", "x\u2028=1": "x\u2028'=1",
		"＝1": "'＝1", "﹢1": "'﹢1", "−1": "'−1", "⁼1": "'⁼1",
		"\u200b=1": "'\u200b=1", "\ufeff\u2060=1": "'\ufeff\u2060=1", "\u00ad+1": "'\u00ad+1", "\u202e@x": "'\u202e@x",
		"\u3164=1": "'\u3164=1", "\u2800=1": "'\u2800=1", "\u0301=1": "'\u0301=1", "\ufe0f=1": "'\ufe0f=1", "\xff=": "'\xff=",
		"x;'y": "x;''y", "Jean-Luc, \"Q\" & co": "Jean-Luc, \"Q\" & co",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
	}
}

// FuzzHarmless: split at any separator, no part starts with a formula. Only apostrophes are added.
func FuzzHarmless(f *testing.F) {
	for _, cell := range []string{"=cmd|'/c calc'!A1", "x;=1", "x\n\u200b\"＝1", "\x00=1", "';'\t'"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		got := harmless(cell)
		for part := range strings.FieldsFuncSeq(got, func(r rune) bool { return strings.ContainsRune(cellEnds, r) }) {
			if first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(part, unseen)); strings.ContainsRune(formulaSigns, first) {
				t.Errorf("%q becomes %q, of which %q is a formula", cell, got, part)
			}
		}
		plain := strings.NewReplacer("'", "", "\x00", "")
		if plain.Replace(got) != plain.Replace(cell) {
			t.Errorf("%q becomes %q", cell, got)
		}
	})
}

func TestJSON(t *testing.T) {
	var got []map[string]any
	if err := json.Unmarshal(get(t, serving(t, people(t)), "/users.json").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0]["real_name"] != "Ada Lovelace" || got[0]["kind"] != "admin" || got[0]["slack"].(map[string]any)["new_field"] == nil {
		t.Errorf("%v", got)
	}
	for _, internal := range []string{"sort_name", "fingerprint", "removed", "slack_version"} {
		if _, there := got[0][internal]; there {
			t.Errorf("%s is exported", internal)
		}
	}
	if body := get(t, serving(t, people(t)), "/users.json?q=zzz").Body.String(); body != "[]\n" {
		t.Errorf("nobody: %q", body)
	}
}

// TestExportAll: an export has everybody on all pages once, and is compressed on request.
func TestExportAll(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range 2*exportPageSize + 7 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%05d","name":"n%d"}`, i, i)))
	}
	server := httptest.NewServer(serving(t, f))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/users.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("header %v", resp.Header)
	}
	plain, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(plain).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, row := range rows[1:] {
		ids[row[0]] = true
	}
	if len(rows) != len(f.users)+1 || len(ids) != len(f.users) {
		t.Errorf("%d rows of %d people", len(rows), len(ids))
	}
}

// breaking is a store that fails on its second page.
type breaking struct{ Store }

func (b breaking) Users(ctx context.Context, teamID string, req directory.PageRequest) (directory.Page, error) {
	if req.After != nil {
		return directory.Page{}, errors.New("gone")
	}
	return b.Store.Users(ctx, teamID, req)
}

// TestExportCut: an export that fails half way does not look complete.
func TestExportCut(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range exportPageSize + 1 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%05d","name":"n%d"}`, i, i)))
	}
	o := testOptions(t, f)
	o.Store = breaking{o.Store}
	server := httptest.NewServer(New(t.Context(), o))
	defer server.Close()
	for _, path := range []string{"/users.csv", "/users.json"} {
		resp, err := http.Get(server.URL + path)
		if err == nil {
			var all bytes.Buffer
			_, err = io.Copy(&all, resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: half an export looks complete", path)
		}
	}
}
