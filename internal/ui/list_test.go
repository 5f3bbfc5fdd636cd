package ui

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"rollcall/internal/directory"
	"rollcall/internal/service/audit"
	"rollcall/internal/store/sqlite"
)

// staffed is a workspace whose people have custom fields.
func staffed(t *testing.T) http.Handler {
	t.Helper()
	return New(t.Context(), staffedOptions(t))
}

func staffedOptions(t *testing.T) Options {
	t.Helper()
	f := people(t)
	f.users = []directory.User{
		user(t, `{"id":"U00000001","name":"ada","tz":"Europe/London","updated":1648592000,"profile":{"real_name":"Ada","phone":"+44 20 7946 0000","fields":{"Xf1":{"value":"Design","alt":""},"Xf2":{"value":"U00000002","alt":""}}}}`),
		user(t, `{"id":"U00000002","name":"ben","tz":"Asia/Tokyo","updated":1648592001,"profile":{"real_name":"Ben","fields":{"Xf1":{"value":"=Finance","alt":""},"Xf4":{"value":"https://ben.example/","alt":"Page"},"Xf5":{"value":"2022-03-01","alt":""}}}}`),
		user(t, `{"id":"U00000003","name":"cleo","profile":{"real_name":"Cleo"}}`),
	}
	o := testOptions(t, f)
	fields := `{"fields":[{"id":"Xf1","ordering":0,"label":"Department","type":"options_list","possible_values":["Design","=Finance"]},
		{"id":"Xf2","ordering":1,"label":"=Manager","type":"user"},{"id":"Xf3","ordering":2,"label":"Badge","type":"text","is_hidden":true},
		{"id":"Xf4","ordering":3,"label":"Website","type":"link"},{"id":"Xf5","ordering":4,"label":"Start date","type":"date"}]}`
	if err := o.Store.(*sqlite.Store).PutTeamProfile(t.Context(), team, json.RawMessage(fields)); err != nil {
		t.Fatal(err)
	}
	return o
}

// find returns the text of the elements for which the function returns true.
func find(t *testing.T, page string, is func(*html.Node) bool) (texts []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || !is(n) {
			continue
		}
		var text strings.Builder
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				text.WriteString(d.Data)
			}
		}
		texts = append(texts, strings.Join(strings.Fields(text.String()), " "))
	}
	return texts
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func element(name, key, value string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name && attribute(n, key) == value }
}

// TestColumns: an address or a form chooses columns, custom fields among them; people are shown by their names.
func TestColumns(t *testing.T) {
	h := staffed(t)
	heads := element("th", "scope", "col")
	for query, want := range map[string][]string{
		"": {"Person", "Status", "Local time", "E-mail", "Changed"}, "?cols=changed&cols=status&cols=time&cols=email&cols=person": {"Person", "Status", "Local time", "E-mail", "Changed"},
		"?cols=person": {"Person"}, "?cols=Xf2,phone,id": {"Person", "Phone", "ID", "=Manager"}, "?cols=XfGONE,tz": {"Person", "Time zone"}, "?cols=Xf3": {"Person"},
	} {
		if diff := cmp.Diff(want, find(t, get(t, h, "/"+query).Body.String(), heads)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	page := get(t, h, "/?cols=Xf1,Xf2,Xf4,Xf5,phone").Body.String()
	if got := find(t, page, element("a", "href", "https://ben.example/")); !cmp.Equal(got, []string{"Page"}) {
		t.Errorf("links: %q", got)
	}
	for key, want := range map[string][]string{"Xf4": {"", "Page", ""}, "Xf5": {"", "1 March 2022", ""}, "Xf1": {"Design", "=Finance", ""}, "Xf2": {"Ben", "", ""}, "phone": {"+44 20 7946 0000", "", ""}} {
		if diff := cmp.Diff(want, find(t, page, element("td", "data-col", key))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if got := find(t, get(t, h, "/").Body.String(), element("td", "data-col", "time")); !cmp.Equal(got, []string{"13:00 London", "21:00 Tokyo", ""}) {
		t.Errorf("times there: %q", got)
	}
	for _, query := range []string{"?cols=nonsense", "?cols=" + strings.Repeat("id,", maxColumnsBytes), "?from=-1", "?from=x", "?from=99999999999"} {
		if w := get(t, h, "/"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%.40s: %d", query, w.Code)
		}
	}
}

// TestReferences: a manager's name leads to the reports, unless the search has found them too.
func TestReferences(t *testing.T) {
	h := staffed(t)
	for query, want := range map[string][]string{
		"ben": {"=Manager: BenA Ada"}, "b": {"=Manager: BenA Ada"}, "": nil, "cleo": nil, "U00000002": nil, "zzz": nil,
	} {
		if diff := cmp.Diff(want, find(t, get(t, h, "/?q="+query).Body.String(), element("section", "class", "panel card reports"))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

// TestReferencesAreAudited: whoever is shown below the list was shown.
func TestReferencesAreAudited(t *testing.T) {
	var log bytes.Buffer
	o := staffedOptions(t)
	o.Audit = audit.New(slog.New(slog.NewJSONHandler(&log, nil)), nil)
	get(t, New(t.Context(), o), "/?q=ben")
	var line struct {
		Count int
		Users []string `json:"user_ids"`
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Count != 2 || !cmp.Equal(line.Users, []string{"U00000002", "U00000001"}) {
		t.Errorf("%v %s", err, &log)
	}
}

// TestManyFound: a search that finds many people is not about one of them.
func TestManyFound(t *testing.T) {
	o := staffedOptions(t)
	s := o.Store.(*sqlite.Store)
	for i := range maxFound {
		if err := s.PutUser(t.Context(), user(t, fmt.Sprintf(`{"id":"U0000001%d","name":"benny%[1]d","profile":{"real_name":"Benny"}}`, i)), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	card := element("section", "class", "panel card reports")
	if got := find(t, get(t, New(t.Context(), o), "/?q=ben").Body.String(), card); got != nil {
		t.Errorf("of %d people: %q", maxFound+1, got)
	}
}

// TestChips: filters can be removed one by one or all at once, and each says how many people it selects.
func TestChips(t *testing.T) {
	h := staffed(t)
	chip, links := element("a", "class", "chip"), func(page string) (all []string) {
		find(t, page, func(n *html.Node) bool {
			if c := attribute(n, "class"); c == "chip" || c == "clear" {
				all = append(all, attribute(n, "href"))
			}
			return false
		})
		return all
	}
	page := get(t, h, "/?Xf1=design&tz=Europe/London&count=1&Xf2=U00000002").Body.String()
	if diff := cmp.Diff([]string{"Remove filter: Active 3", "Remove filter: Europe/London 1", "Remove filter: Department: design 1", "Remove filter: =Manager: Ben 1"}, find(t, page, chip)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	base := "/?Xf1=design&Xf2=U00000002&"
	if diff := cmp.Diff([]string{base + "show=all&team=" + team + "&tz=Europe%2FLondon", base + "team=" + team, "/?Xf2=U00000002&team=" + team + "&tz=Europe%2FLondon",
		"/?Xf1=design&team=" + team + "&tz=Europe%2FLondon", "/?show=all&team=" + team}, links(page)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ids, _ := read(t, page); !cmp.Equal(ids, []string{"U00000001"}) {
		t.Errorf("the filters select %q", ids)
	}
	if got := find(t, get(t, h, "/?show=all").Body.String(), chip); got != nil {
		t.Errorf("chips without filters: %q", got)
	}
	if got := find(t, page, element("select", "name", "Xf1")); len(got) != 1 || !strings.Contains(got[0], "=Finance") {
		t.Errorf("the form has %q", got)
	}
	if got := find(t, page, element("input", "placeholder", "Slack ID, like U012AB3CD")); len(got) != 1 {
		t.Errorf("%d fields ask for an id, not only that of the manager", len(got))
	}
	if got := find(t, page, element("select", "name", "Xf3")); got != nil {
		t.Errorf("the form has a hidden field: %q", got)
	}
	if got := get(t, h, "/users/count?Xf1=Design").Body.String(); !strings.Contains(got, `>1 person</span>`) || !strings.Contains(got, `<span id="of-show" class="number" hx-swap-oob="true">3</span>`) {
		t.Errorf("counts: %s", got)
	}
}

// TestSorting: headings sort both ways, and say which way it is.
func TestSorting(t *testing.T) {
	h := staffed(t)
	for query, want := range map[string]struct {
		ids    []string
		sorted string // heading and direction
		next   string // where the heading then leads
	}{
		"":                   {[]string{"U00000001", "U00000002", "U00000003"}, "person ascending", "sort=name-desc"},
		"?sort=name-desc":    {[]string{"U00000003", "U00000002", "U00000001"}, "person descending", "team=" + team},
		"?sort=updated":      {[]string{"U00000002", "U00000001", "U00000003"}, "changed descending", "sort=updated-asc"},
		"?sort=updated-asc":  {[]string{"U00000003", "U00000001", "U00000002"}, "changed ascending", "sort=updated"},
		"?sort=changed":      {[]string{"U00000002", "U00000001", "U00000003"}, "changed descending", "sort=updated-asc"},
		"?sort=updated&q=be": {[]string{"U00000002"}, "changed descending", "sort=updated-asc"},
	} {
		page := get(t, h, "/"+query).Body.String()
		ids, _ := read(t, page)
		if diff := cmp.Diff(want.ids, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
		sorted, next := "", ""
		find(t, page, func(n *html.Node) bool {
			if way := attribute(n, "aria-sort"); way != "" {
				sorted += attribute(n, "data-col") + " " + way
			}
			if col, _, _ := strings.Cut(want.sorted, " "); attribute(n, "data-focus") == "sort-"+col {
				next = attribute(n, "href")
			}
			return false
		})
		if sorted != want.sorted || !strings.Contains(next, want.next) {
			t.Errorf("%s: sorted by %q, then %s", query, sorted, next)
		}
	}
}

// TestSpan: a page says which part of the list it is, as long as its address does.
func TestSpan(t *testing.T) {
	f := &fake{workspaces: []directory.Workspace{{ID: team}}}
	for i := range 120 {
		f.users = append(f.users, user(t, fmt.Sprintf(`{"id":"U%03d"}`, i)))
	}
	h := serving(t, f)
	span := func(path string) (string, map[string]string) {
		page := get(t, h, path).Body.String()
		_, links := read(t, page)
		return strings.Join(find(t, page, element("b", "id", "span")), ""), links
	}
	var got []string
	path, last := "/", ""
	for path != "" {
		text, links := span(path)
		got, last, path = append(got, text), path, links["next"]
	}
	for path = last; path != ""; {
		text, links := span(path)
		got, path = append(got, text), links["prev"]
	}
	if diff := cmp.Diff([]string{"1–50", "51–100", "101–120", "101–120", "51–100", "1–50"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text, _ := span(strings.ReplaceAll(last, "from=", "x=")); text != "" {
		t.Errorf("an address that does not say where it is shows %q", text)
	}
}

// TestCountFollows: a count is as new as the last change, but a list is counted at most every few seconds.
func TestCountFollows(t *testing.T) {
	o := testOptions(t, people(t))
	var later atomic.Int64 // nanoseconds; live rows are rendered beside the test
	o.Now = func() time.Time { return noon.Add(time.Duration(later.Load())) }
	h, store := New(t.Context(), o), o.Store.(*sqlite.Store)
	count := func() string {
		return strings.Join(find(t, get(t, h, "/users/count").Body.String(), element("span", "id", "count")), "")
	}
	if got := count(); got != "2 people" {
		t.Fatal(got)
	}
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: []byte(`{"id":"U9","name":"new"}`), Version: 1748596712000001, Source: directory.FromEvent})
	if err == nil {
		_, err = directory.ApplyTo(t.Context(), store, c, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := count(); got != "2 people" {
		t.Errorf("counted anew at once: %s", got)
	}
	later.Store(int64(recountInterval))
	for range 200 { // until the change is in the feed
		if count() == "3 people" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after %v the count is %s", recountInterval, count())
}

// TestExportedFields: custom fields are columns of a table and values in JSON, and harmless in both heading and cell.
func TestExportedFields(t *testing.T) {
	h := staffed(t)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(get(t, h, "/users.csv").Body.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, r := range rows {
		got = append(got, r[len(r)-4:len(r)-2])
	}
	if diff := cmp.Diff([][]string{{"Department", "'=Manager"}, {"Design", "U00000002"}, {"'=Finance", ""}, {"", ""}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var all []struct {
		CustomFields []customField `json:"custom_fields"`
	}
	if err := json.Unmarshal(get(t, h, "/users.json").Body.Bytes(), &all); err != nil || len(all) != 3 || len(all[0].CustomFields) != 2 || all[0].CustomFields[0].Label != "Department" || all[0].CustomFields[0].Value != "Design" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestFieldInputs: every custom field that is not hidden can be filtered by, those without options as well.
func TestFieldInputs(t *testing.T) {
	h := staffed(t)
	page := get(t, h, "/?Xf2=u00000002").Body.String()
	if !strings.Contains(page, `<input type="text" name="Xf2" value="u00000002"`) || strings.Contains(page, `name="Xf3"`) {
		t.Error("not an input for each visible field without options")
	}
	if !strings.Contains(page, ">Ada<") || strings.Contains(page, ">Cleo<") {
		t.Error("the list is not of those with the value")
	}
	for kind, want := range map[directory.FieldType]string{directory.DateField: "date", directory.TextField: "text", directory.LinkField: "text"} {
		if got := inputType(directory.Field{Type: kind}); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
