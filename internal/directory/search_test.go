package directory

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSearchWords(t *testing.T) {
	tests := []struct {
		name string
		user User
		want []string
	}{
		{"all fields", User{RealName: "Ada King-Lovelace", DisplayName: "ada ♛", Name: "ada.l", Email: "ada@example.com", Title: "Analyst, R&D"},
			[]string{"ada", "analyst", "king", "♛", "l", "example", "r", "lovelace", "com", "d"}},
		{"accents and case", User{RealName: "Zoë ÅNGSTRÖM Łukasz"}, []string{"zoe", "angstrom", "lukasz"}},
		{"letters with strokes", User{RealName: "Søren Đặng Kjær ÆØÅ Yıldız"}, []string{"soren", "dang", "kjaer", "aeoa", "yildiz"}},
		{"scripts with spaces", User{RealName: "Борис Йосиф", DisplayName: "दीपिका"}, []string{"борис", "दीपिका", "иосиф"}},
		{"scripts without", User{RealName: "王小明"}, []string{"王小明", "小明", "明"}},
		{"lines and tabs part words", User{Title: "one\ntwo\tthree"}, []string{"one", "two", "three"}},
		{"nothing to find by", User{RealName: "-- . --"}, nil},
		{"a long word is cut", User{RealName: strings.Repeat("ab", 5000)}, []string{"abababababababa"}},
		{"each field has its turn", User{RealName: "圧倒的な長さの名前を持つ人物", Name: "ada", Email: "lovelace@x", Title: "Analyst"},
			[]string{"圧倒的な長さの名前を持つ人物", "ada", "lovelace", "analyst", "倒的な長さの名前を持つ人物", "x", "的な長さの名前を持つ人物", "な長さの名前を持つ人物",
				"長さの名前を持つ人物", "さの名前を持つ人物", "の名前を持つ人物", "名前を持つ人物"}},
		{"as many words as count", User{Title: "a b c d e f g h i j k l m n"}, strings.Split("abcdefghijkl", "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, SearchWords(tt.user), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseQuery(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    nil,
		"@@ --":               nil,
		" Ada  LOV ":          {"ada", "lov"},
		"@ada.lovelace":       {"ada", "lovelace"},
		"ad ada":              {"ada"},
		"ada ada":             {"ada"},
		"Zoë":                 {"zoe"},
		"a b c d e f g h i j": {"a", "b", "c", "d", "e", "f", "g", "h"},
		"\x00\xff":            {"\uFFFD"},
	} {
		if diff := cmp.Diff(want, ParseQuery(text), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestMatches(t *testing.T) {
	ada := User{RealName: "Ada Lovelace", Name: "ada", Title: "Analyst", TZ: "Europe/London", Kind: Owner, Source: FromEvent}
	tests := []struct {
		name   string
		filter Filter
		want   bool
	}{
		{"everybody", Filter{}, true},
		{"one word", Filter{Words: ParseQuery("LOVE")}, true},
		{"in any order", Filter{Words: ParseQuery("lov ada ana")}, true},
		{"not in the middle", Filter{Words: ParseQuery("ovelace")}, false},
		{"one of two", Filter{Words: ParseQuery("ada byron")}, false},
		{"active", Filter{AccountStatus: Active}, true},
		{"deactivated", Filter{AccountStatus: Deactivated}, false},
		{"owners are admins", Filter{Group: GroupAdmins}, true},
		{"not a member", Filter{Group: GroupMembers}, false},
		{"time zone", Filter{TZ: "Europe/London"}, true},
		{"another time zone", Filter{TZ: "Europe/Berlin"}, false},
		{"source", Filter{Source: FromSync}, false},
	}
	for _, tt := range tests {
		if got := tt.filter.Matches(ada); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	ada.Removed = true
	if (Filter{}).Matches(ada) {
		t.Error("a removed user matches")
	}
}

// FuzzSearch: whoever matches a query has its token, and an exact token is had by nobody else.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{"ada", "ada lov", "a b", "王 小", "é", "ab abc", "İstanbul", "ﬁ", "\u0301"} {
		f.Add("Ada Lovelace", "Analyst 王小明 ab abd", q)
		f.Add("Éva\u0301 İstanbul", "abc Ångström", q)
	}
	f.Fuzz(func(t *testing.T, name, title, query string) {
		u := User{RealName: name, Title: title}
		filter := Filter{Words: ParseQuery(query)}
		token, exact := filter.Token()
		if (token == "") != (len(filter.Words) == 0) {
			t.Fatalf("token %q of %q", token, filter.Words)
		}
		if token == "" {
			return
		}
		has, matches := slices.Contains(SearchTokens(u), token), filter.Matches(u)
		if matches && !has || exact && has && !matches {
			t.Errorf("%q: token %q: has it: %v, matches: %v, exact: %v; words %q", query, token, has, matches, exact, SearchWords(u))
		}
		if n := len(SearchTokens(u)); n > 12*15+12*11/2 {
			t.Errorf("%d tokens", n)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{"ada", 1648596712000001, "U1"}.String())
	f.Add("W251bGwsbnVsbCwieCJd")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			return
		}
		if again, err := ParseCursor(c.String()); err != nil || again != c {
			t.Errorf("%+v becomes %+v, error %v", c, again, err)
		}
	})
}
