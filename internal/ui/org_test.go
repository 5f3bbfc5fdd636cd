package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/syncs"
)

const managers = `{"fields":[{"id":"XfBOSS","label":"Manager","type":"user"},{"id":"XfTEAM","label":"Team","type":"text"}]}`

// member returns somebody who names a manager; "" for none.
func member(t testing.TB, id, name, boss, more string) directory.User {
	return user(t, fmt.Sprintf(`{"id":%q,"team_id":%q,"profile":{"real_name":%q,"title":"Title of %s","fields":{"XfBOSS":{"value":%q}}}%s}`, id, team, name, name, boss, more))
}

// company is a tree with everything that can be wrong with one.
func company(t testing.TB) *fake {
	const boss, second, gone = "U0000BOSS1", "U000SECOND", "U0000GONE1"
	return &fake{workspaces: []directory.Workspace{{ID: team, Name: "Marlow & Finch"}}, users: []directory.User{
		member(t, boss, "Ada", boss, ""), // reports to herself
		member(t, second, "Bo", boss, ""),
		member(t, "U0000THIRD", "Cy", second, ""),
		member(t, "U000FOURTH", "Dee", second, `,"deleted":true`),
		member(t, gone, "Eve", "", `,"deleted":true`),
		member(t, "U0000FIFTH", "Fi", gone, ""),
		member(t, "U0000SIXTH", "Gus", "U00UNKNOWN", ""),
		member(t, "U000CIRCLE", "Ida", "U00CIRCLE2", ""),
		member(t, "U00CIRCLE2", "Jo", "U000CIRCLE", ""),
		member(t, "U00NOWHERE", "Kit", "", ""),
	}}
}

// serveOrg serves a workspace with these definitions of custom fields.
func serveOrg(t testing.TB, f *fake, profile string) http.Handler {
	t.Helper()
	o := Options{Store: f.store(t), Log: slog.New(slog.DiscardHandler)}
	if profile != "" {
		if err := o.Store.(interface {
			PutTeamProfile(context.Context, string, json.RawMessage) error
		}).PutTeamProfile(t.Context(), team, json.RawMessage(profile)); err != nil {
			t.Fatal(err)
		}
	}
	return New(t.Context(), o)
}

var tags = regexp.MustCompile(`(?s)<svg.*?</svg>|<[^>]*>`)

// treeText is the text in the tree, without the pictures' initials and the arrows that open reports.
func treeText(page string) string {
	_, page, _ = strings.Cut(page, `<main`)
	_, page, _ = strings.Cut(page, `>`)
	page = regexp.MustCompile(`<span aria-hidden="true">[^<]*</span>|<summary>.*?</summary>`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`<(ul|/ul)>`).ReplaceAllStringFunc(page, func(tag string) string { return map[string]string{"<ul>": " ( ", "</ul>": " ) "}[tag] })
	return strings.Join(strings.Fields(tags.ReplaceAllString(page, " ")), " ")
}

// TestOrg: everybody is in the tree once, whatever people say of each other.
func TestOrg(t *testing.T) {
	h := serveOrg(t, company(t), managers)
	w := get(t, h, "/org")
	golden(t, "org", w.Body.String())
	checkMarkup(t, w.Body.String())
	const want = "( Ada Title of Ada 2 people ( Bo Title of Bo 1 person ( Cy Title of Cy ) ) Eve deactivated Title of Eve 1 person ( Fi Title of Fi ) " +
		"Ida Title of Ida 1 person ( Jo Title of Jo ) U00UNKNOWN 1 person ( Gus Title of Gus ) )"
	if text := treeText(w.Body.String()); !strings.Contains(text, want) {
		t.Errorf("the tree is\n%s, want\n%s", text, want)
	}
	for path, want := range map[string]string{
		"/org?of=U000SECOND": "Ada ( Bo Title of Bo 1 person ( Cy Title of Cy ) )",
		"/org?of=U0000THIRD": "Ada Bo ( Cy Title of Cy )",
		"/org?of=U00CIRCLE2": "Ida ( Jo Title of Jo )",
		"/org?of=U00NOWHERE": "( Kit Title of Kit )",
		"/org?of=U00UNKNOWN": "( U00UNKNOWN 1 person ( Gus Title of Gus ) )",
		"/org?of=U0000SIXTH": "U00UNKNOWN ( Gus Title of Gus )",
		"/org?of=U0000GONE1": "( Eve deactivated Title of Eve 1 person ( Fi Title of Fi ) )",
	} {
		w := get(t, h, path)
		if text := treeText(w.Body.String()); w.Code != http.StatusOK || !strings.Contains(text, want) || !strings.Contains(text, "From the top") {
			t.Errorf("%s: %d, %s, want %s", path, w.Code, text, want)
		}
	}
	for path, want := range map[string]int{"/org?of=U404": 404, "/org?of=a/b": 404, "/org?team=T404": 404, "/org/reports": 404, "/org/reports?of=U404": 404, "/org/reports?of=U0000THIRD": 200, "/org/reports?of=U000SECOND": 200, "/org?of=%zz": 400} {
		if w := get(t, h, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestOrgOffered: the navigation has the tree only if a custom field names managers. Otherwise the page says what is missing.
func TestOrgOffered(t *testing.T) {
	noScope := company(t)
	noScope.syncs = []syncs.Sync{{ID: "20220330T130000.000Z", TeamID: team, State: syncs.Running}, {ID: "20220330T120000.000Z", TeamID: team, State: syncs.Done, Profiles: syncs.Profiles{NoScope: true}}}
	for _, tt := range []struct {
		name, profile, says string
		fake                *fake
		offered             bool
	}{
		{"a manager", managers, "Ada", company(t), true},
		{"nobody names one", managers, "Nobody's profile names a manager yet", people(t), true},
		{"no such field", `{"fields":[{"id":"XfBOSS","label":"Buddy","type":"user"}]}`, "No custom field", company(t), false},
		{"a hidden field", `{"fields":[{"id":"XfBOSS","label":"Manager","type":"user","is_hidden":true}]}`, "No custom field", company(t), false},
		{"nothing known", "", "No custom field", company(t), false},
		{"no scope", "", "users.profile:read", noScope, false},
	} {
		h := serveOrg(t, tt.fake, tt.profile)
		if page := get(t, h, "/").Body.String(); strings.Contains(page, `href="/org"`) != tt.offered {
			t.Errorf("%s: offered: %v", tt.name, !tt.offered)
		}
		page := get(t, h, "/org").Body.String()
		if !strings.Contains(page, tt.says) || strings.Contains(page, `href="/org" aria-current="page"`) != tt.offered {
			t.Errorf("%s:\n%s", tt.name, page)
		}
	}
}

// TestLargeOrg: a page of a large tree loads no more than its first levels, and each fragment the next one.
func TestLargeOrg(t *testing.T) {
	for name, n := range map[string]int{"whole": maxNested + 50, "partial": maxScanned + 300} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "partial" {
				t.Skip("thousands of people, one request at a time")
			}
			f := &fake{workspaces: []directory.Workspace{{ID: team}}}
			id := func(i int) string { return fmt.Sprintf("U%09d", i) }
			for i := range n {
				boss := ""
				if i > 0 {
					boss = id((i - 1) / 7)
				}
				f.users = append(f.users, member(t, id(i), fmt.Sprintf("N%04d", n-i), boss, "")) // the top comes last by name
			}
			h := serveOrg(t, f, managers)
			page := get(t, h, "/org").Body.String()
			if strings.Count(page, `class="face`) != 8 || strings.Count(page, "hx-get=") != 7 || strings.Contains(page, "others at the top") != (name == "partial") {
				t.Errorf("%d people, %d parts to load:\n%s", strings.Count(page, `class="face`), strings.Count(page, "hx-get="), page)
			}
			part := get(t, h, "/org/reports?of="+id(3)).Body.String()
			if strings.Count(part, `class="face`) != 7 || !strings.HasPrefix(part, "<ul>") || strings.Contains(part, "<html") {
				t.Errorf("the reports are %s", part)
			}
			below := get(t, h, "/org?of="+id(30)).Body.String()
			if text := treeText(below); !strings.Contains(text, fmt.Sprintf("N%04d N%04d ( N%04d", n, n-4, n-30)) {
				t.Errorf("in the middle: %s", text)
			}
		})
	}
}

// TestLargeTeam: if somebody has very many reports, the page has the first hundred, and a link to all.
func TestLargeTeam(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}, users: []directory.User{member(t, "U00000BOSS", "Ada", "", "")}}
	for i := range maxTeam + 1 {
		f.users = append(f.users, member(t, fmt.Sprintf("U%09d", i), fmt.Sprintf("N%03d", i), "U00000BOSS", ""))
	}
	page := get(t, serveOrg(t, f, managers), "/org").Body.String()
	if strings.Count(page, `class="face`) != maxTeam+1 || !strings.Contains(page, "All of them") {
		t.Errorf("%d people:\n%s", strings.Count(page, `class="face`), page)
	}
}

// TestOrgAudit: the log says who is on the page, and who asked.
func TestOrgAudit(t *testing.T) {
	for path, want := range map[string][]any{
		"/org":                       {"U0000BOSS1", "U000SECOND", "U0000THIRD", "U0000GONE1", "U0000FIFTH", "U000CIRCLE", "U00CIRCLE2", "U00UNKNOWN", "U0000SIXTH"},
		"/org?of=U0000THIRD":         {"U0000BOSS1", "U000SECOND", "U0000THIRD"},
		"/org/reports?of=U0000BOSS1": {"U000SECOND", "U0000THIRD"},
		"/org?of=U404":               {"U404"},
		"/org/reports?of=U404":       {"U404"},
	} {
		f, log := company(t), bytes.Buffer{}
		s := f.store(t)
		if err := s.(interface {
			PutTeamProfile(context.Context, string, json.RawMessage) error
		}).PutTeamProfile(t.Context(), team, json.RawMessage(managers)); err != nil {
			t.Fatal(err)
		}
		o := Options{Store: s, Log: slog.New(slog.DiscardHandler), Audit: audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil), Authenticate: signedIn(viewer{Email: "grace@example.com"})}
		New(t.Context(), o).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v in %s", path, err, &log)
		}
		if diff := cmp.Diff(want, line["user_ids"]); diff != "" || line["view"] != "org" || line["viewer"] != "grace@example.com" || strings.Contains(log.String(), "Ada") {
			t.Errorf("%s: %s\n%s", path, &log, diff)
		}
	}
}
