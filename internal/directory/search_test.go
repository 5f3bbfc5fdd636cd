package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rollcall/internal/emoji"
	"rollcall/internal/fakeslack"
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
			[]string{"圧倒的な長さの名前を持つ人物", "ada", "lovelace", "analyst", "x", "倒的な長さの名前を持つ人物", "的な長さの名前を持つ人物", "な長さの名前を持つ人物",
				"長さの名前を持つ人物", "さの名前を持つ人物", "の名前を持つ人物", "名前を持つ人物", "前を持つ人物", "を持つ人物", "持つ人物", "つ人物", "人物"}},
		{"inner beginnings after all whole words", User{RealName: "佐藤 健太", Email: "kenta@x", Title: "技師", StatusText: "会議", Slack: json.RawMessage(`{"profile":{"pronouns":"彼"}}`)},
			[]string{"佐藤", "kenta", "技師", "健太", "x", "会議", "彼", "藤", "師", "太", "議"}},
		{"as many words as count", User{Title: "a b c d e f g h i j k l m n 1d 2d 3d 4d 5d 6d 7d 8d 9d 10d 11d", StatusText: "o p q r s t u v w x", StatusEmoji: ":y_z_1b_2b:", Slack: json.RawMessage(`{"profile":{"pronouns":"1a 2a 3a 4a 5a 6a 7a 8a 9a 10a 11a 12a 13a","skype":"1c 2c 3c 4c 5c 6c 7c 8c 9c 10c 11c 12c 13c"}}`)},
			strings.Fields("a b c d e f g h i j k l m n 1d 2d 3d 4d 5d 6d 7d 8d 9d 10d o y p z q 1b r 2b s t u v 1a 1c 2a 2c 3a 3c 4a 4c 5a 5c 6a 6c 7a 7c 8a 8c 9a 9c 10a 10c 11a 11c 12a 12c")},
		{"what else a page shows", User{RealName: "Ada", TZ: "America/Argentina/Buenos_Aires", Slack: json.RawMessage(`{"profile":{"pronouns":"they/them","skype":"live:ada"}}`)},
			[]string{"ada", "argentina", "they", "live", "buenos", "them", "aires"}},
		{"nothing else", User{RealName: "Ada", TZ: "UTC", Slack: json.RawMessage(`{"profile":{"pronouns":"","skype":""}}`)}, []string{"ada", "utc"}},
		{"the emoji's name", User{RealName: "Ada", StatusEmoji: ":face_with_thermometer::skin-tone-2:"}, []string{"ada", "face", "🤒", "with", "thermometer", "skin", "tone", "2"}},
		{"badges are labels, not words", User{RealName: "Ada", Kind: SingleChannelGuest, Deleted: true}, []string{"ada"}},
		{"status and custom fields after the rest", User{ID: "U1", RealName: "Ada", StatusText: "On holiday", Slack: custom(`"Xf1":{"value":"R&D","alt":""},"Xf2":{"value":"https://x.example/ada","alt":"Website"}`)},
			[]string{"ada", "on", "holiday", "r", "website", "u1", "d", "x", "example"}},
		{"ids are codes, not words", User{ID: "U0123ABCD", RealName: "Ada", Slack: custom(`"Xf1":{"value":"U0BOSS0001,W0BOSS0002"},"Xf2":{"value":"USA"}`)}, []string{"ada", "usa"}},
		{"numbers in groups", User{Title: "Since 2012-03-01, room 12 34", Phone: "+1 555 0100"}, []string{"since", "20120301", "room", "12", "34"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, searchWords(tt.user, tt.user.detail()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func custom(fields string) json.RawMessage {
	return json.RawMessage(`{"profile":{"fields":{` + fields + `}}}`)
}

// TestFoundBy: what people type to search by id, telephone number, status or custom field.
func TestFoundBy(t *testing.T) {
	ada := User{ID: "U024BE7LH", RealName: "Ada Lovelace", Email: "ada@example.com", Phone: "+44 (0)20 7946 0018", StatusText: "Im Büro", StatusEmoji: ":palm_tree:", Kind: Admin, TZ: "Europe/Berlin",
		Title: "4444 1234567890 " + strings.Repeat("word ", 50) + "a b c d e f g h i j k l m n o p",
		Slack: custom(`"XfBOSS":{"value":"W012A3CDE"},"XfNONE":{"value":""},"XfSTART":{"value":"2012-03-01"},"XfTEAM":{"value":"R&D / Typography"},"XfPAGE":{"value":"https://intranet.example/ada","alt":"Page"}`)}
	ada.Slack = bytes.Replace(ada.Slack, []byte(`"fields"`), []byte(`"start_date":"2019-05-06","fields"`), 1)
	for query, want := range map[string]bool{
		"U024BE7LH": true, "u024be7lh": true, "ada U024BE7LH": true, "U024BE7L": false, "U024BE7LHX": false,
		"+44 20 7946 0018": true, "+442079460018": true, "0044 20 7946 0018": true, "020 7946 0018": true, "(020) 7946-0018": true,
		"ada 020 79460018": true, "+44 20 7946 001": true, "+44 20 7946 002": false, "004444 1234 5678 90": true, "0018": true, "lovelace 0018": true, "+44 20 79": true, "020 7946 0019": false, "7946": false,
		"buro": true, "im ada": true, "W012A3CDE": true, "ada w012a3cde": true, "typo": true, "d typo r": true, "typo example": true,
		"2012": true, "2012-03": true, "2012-03-01": true, "2012-04": false, "R&D": true, "R&D / Sales": false, "example com ada": true,
		"1 March 2012": true, "march ada": true, "mar 2012": false, "31 March 2012": false, "2 April 2012": false, "admin": true, "owner": false, "ada admin": true, "adm": false,
		"Europe/Berlin": true, "berlin": true, "europe": true, "eur": false, "america": false, "ada europe admin": true, "europe owner": false,
		"palm tree": true, ":palm_tree:": true, "🌴": true, "ada 🌴": true, "🌵": false, "https://intranet.example/ada": true, "HTTP://intranet.example/ada": true, "https://intranet.example/bob": false, "https": false, "6 May 2019": true,
	} {
		f := Filter{Words: ParseQuery(query)}
		if got := f.Matches(ada); got != want {
			t.Errorf("%q: %v, words %q", query, got, f.Words)
		}
		if token, exact := f.Token(); slices.Contains(SearchTokens(ada), token) != want && (want || exact) {
			t.Errorf("%q: token %q, exact: %v", query, token, exact)
		}
	}
	stored := User{Phone: "020 7946 0018"} // without the country
	for query, want := range map[string]bool{"+44 20 7946 0018": true, "+44 (0)20 7946-0018": true, "79460018": true, "020 7946": true, "+44 20 7946 0019": false} {
		if f := (Filter{Words: ParseQuery(query)}); f.Matches(stored) != want {
			t.Errorf("%q: %v", query, !want)
		}
	}
	ada.Slack, ada.Phone, ada.StatusText = nil, "", ""
	if got := SearchTokens(ada); slices.ContainsFunc(got, func(token string) bool { return strings.Contains(token, "=") || strings.HasPrefix(token, "buro") }) {
		t.Errorf("what is gone is still in %q", got)
	}
}

// TestEverybodyIsFound: by the whole text of whatever the list and a person's page show.
func TestEverybodyIsFound(t *testing.T) {
	var all []User
	for _, person := range fakeslack.New(fakeslack.Options{People: 1000, Log: slog.New(slog.DiscardHandler)}).People() {
		u, err := FromListing("T0ROLLCALL", person.EventObject())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	all = append(all, User{ID: "U0MARIA001", RealName: "María del Carmen Fernández López", DisplayName: "Maricarmen", Name: "mcfernandez", Email: "maria.fernandez@clinic-group.co.uk", Title: "Senior Vice President of Client Services"},
		User{ID: "U0KENTA001", RealName: "佐藤 健太", DisplayName: "けんた", Email: "kenta.sato@marlow-finch.example", Title: "シニアソフトウェアエンジニア", StatusText: "今日は休みです"})
	for _, u := range all {
		texts := []string{u.ID, u.RealName, u.DisplayName, u.Name, u.Email, u.Title, u.Phone, u.TZ, u.StatusText, u.StatusEmoji, emoji.Parse(u.StatusEmoji, nil).Text}
		for _, v := range u.CustomFields() {
			texts = append(texts, v.Value, v.Alt)
		}
		tokens := SearchTokens(u)
		for _, text := range texts {
			f := Filter{Words: ParseQuery(text)}
			if token, _ := f.Token(); !f.Matches(u) || token != "" && !slices.Contains(tokens, token) {
				t.Errorf("%q does not find %s, token %q", text, u.ID, token)
			}
		}
	}
}

func TestMatchesFields(t *testing.T) {
	ada := User{Slack: custom(`"XfBOSS":{"value":"W012A3CDE, U024BE7LH"},"XfLONG":{"value":"` + strings.Repeat("x", 90) + `"},"XfMARK":{"value":"\u0301"},"XfTEAM":{"value":"Forschung & Größe","alt":"R&D"}`)}
	for _, tt := range []struct {
		fields []FieldFilter
		want   bool
	}{
		{nil, true},
		{[]FieldFilter{{"XfTEAM", "Forschung & Größe"}}, true},
		{[]FieldFilter{{"XfTEAM", "FORSCHUNG & GRÖSSE"}}, true},
		{[]FieldFilter{{"XfTEAM", "Forschung"}}, false},
		{[]FieldFilter{{"XfTEAM", "r&d"}}, true},
		{[]FieldFilter{{"XfBOSS", "U024BE7LH"}, {"XfTEAM", "forschung & größe"}}, true},
		{[]FieldFilter{{"XfBOSS", "U024BE7LH"}, {"XfTEAM", "x"}}, false},
		{[]FieldFilter{{"XfBOSS", ""}}, true},
		{[]FieldFilter{{"XfTEAM", ""}}, false},
		{[]FieldFilter{{"XfMARK", ""}}, false},
		{[]FieldFilter{{"XfLONG", strings.Repeat("X", 80)}}, true}, // as far as it is indexed
		{[]FieldFilter{{"XfOTHER", "U024BE7LH"}}, false},
	} {
		f := Filter{Fields: tt.fields}
		if got := f.Matches(ada); got != tt.want || f.Validate() != nil {
			t.Errorf("%v: %v, error %v", tt.fields, got, f.Validate())
		}
	}
	for _, invalid := range [][]FieldFilter{{{"", "x"}}, {{"Xf=", "x"}}, {{"U1", "x"}}, {{"Xf1", "\xff"}}, {{"Xf1", strings.Repeat("x", 2000)}}, slices.Repeat([]FieldFilter{{"Xf1", "x"}}, maxFieldFilters+1)} {
		if err := (Filter{Fields: invalid}).Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: error %v", invalid, err)
		}
	}
}

// TestToken: for a filter with several parts, the index is asked for the part that the fewest people have.
func TestToken(t *testing.T) {
	boss, department := FieldFilter{"XfBOSS", "U024BE7LH"}, FieldFilter{"XfTEAM", "Engineering"}
	for _, tt := range []struct {
		query  string
		fields []FieldFilter
		want   string
		exact  bool
	}{
		{"", nil, "", true},
		{"ada", nil, "ada", true},
		{"ad lo", nil, "ad lo", true},
		{"ada lo", nil, "ad lo", false},
		{"a lovelace", nil, "lovelace", false},
		{"ada U024BE7LH", nil, "u024be7lh", false},
		{"washington irving", nil, "washington", false}, // has the form of an id
		{"", []FieldFilter{department}, "XfTEAM=engineering", true},
		{"", []FieldFilter{department, boss}, "XfBOSS=u024be7lh", false},
		{"ada lo", []FieldFilter{department}, "ad lo", false},
		{"a", []FieldFilter{department}, "XfTEAM=engineering", false},
		{"a", []FieldFilter{{"XfBOSS", ""}}, "a", false},
		{"ada lo", []FieldFilter{boss}, "XfBOSS=u024be7lh", false},
	} {
		f := Filter{Words: ParseQuery(tt.query), Fields: tt.fields}
		if token, exact := f.Token(); token != tt.want || exact != tt.exact {
			t.Errorf("%q %v: %q (exact: %v), want %q (exact: %v)", tt.query, tt.fields, token, exact, tt.want, tt.exact)
		}
	}
}

func TestOrders(t *testing.T) {
	a, b, c := Cursor{"ada", 3, "U1", 7}, Cursor{"bo", 1, "U2", 9}, Cursor{"bo", 2, "U3", 7}
	for o, want := range map[Order][]Cursor{"": {a, b, c}, ByName: {a, b, c}, ByNameReversed: {c, b, a}, ByUpdated: {b, c, a}, ByUpdatedReversed: {a, c, b}, ByChange: {a, c, b}} {
		got := slices.SortedFunc(slices.Values([]Cursor{c, a, b}), o.Compare)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o, diff)
		}
	}
	for _, text := range []string{a.String(), Cursor{ID: "U1"}.String(), "WyJhZGEiLDMsIlUxIl0"} { // the last is of an older release
		if _, err := ParseCursor(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
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

// TestValidateTimeZones: a filter takes as many time zones as the stores do, each with a name.
func TestValidateTimeZones(t *testing.T) {
	many := slices.Repeat([]string{"Europe/London"}, maxTimeZones+1)
	for i := range many {
		many[i] += strconv.Itoa(i)
	}
	for _, zones := range [][]string{nil, many[:1], many[:maxTimeZones]} {
		if err := (Filter{TimeZones: zones}).Validate(); err != nil {
			t.Errorf("%d time zones: %v", len(zones), err)
		}
	}
	for _, zones := range [][]string{many, {""}, {"Europe/London", ""}} {
		if err := (Filter{TimeZones: zones}).Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: error %v", zones, err)
		}
	}
	if (Filter{TimeZones: []string{"Europe/London"}}).Matches(User{}) {
		t.Error("somebody without a time zone matches")
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
		{"time zone", Filter{TimeZones: []string{"Europe/London"}}, true},
		{"another time zone", Filter{TimeZones: []string{"Europe/Berlin"}}, false},
		{"any of several time zones", Filter{TimeZones: []string{"Africa/Lagos", "Europe/London"}}, true},
		{"none of several time zones", Filter{TimeZones: []string{"Africa/Lagos", "Europe/Berlin"}}, false},
		{"several time zones and a word", Filter{TimeZones: []string{"Africa/Lagos", "Europe/London"}, Words: ParseQuery("byron")}, false},
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

// FuzzSearch: whoever matches a query has its token, and nobody else has it if it is exact.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{"ada", "ada lov", "a b", "王 小", "é", "ab abc", "İstanbul", "ﬁ", "\u0301"} {
		f.Add("Ada Lovelace", "Analyst 王小明 ab abd", q)
		f.Add("Éva\u0301 İstanbul", "abc Ångström", q)
	}
	f.Add("Ada +44 20 7946 0018", "12 34 56", "ada 020 7946-0018")
	f.Add("U024BE7LH", "USLACKBOT", "u024be7lh")
	for _, q := range []string{"ada admin", "asia ada lov", "admin asia", "1 march 2012", "march ada"} {
		f.Add("Ada Lovelace", "Asia May", q)
	}
	f.Fuzz(func(t *testing.T, name, title, query string) {
		if !utf8.ValidString(name) {
			t.Skip() // Slack's objects are UTF-8
		}
		value, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		u := User{ID: "U024BE7LH", RealName: name, Title: title, Phone: title, Kind: Admin, TZ: "Asia/Tokyo",
			Slack: custom(`"Xf1":{"value":` + string(value) + `},"Xf2":{"value":"W012A3CDE"},"Xf3":{"value":"2012-03-01"}`)}
		if one := (Filter{Fields: []FieldFilter{{"Xf1", name}}}); len(u.CustomFields()) == 3 && Fold(name) != "" && len(FieldValue{Value: name}.People()) == 0 && !one.Matches(u) {
			t.Errorf("%q is not found by its value", name)
		}
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
			t.Errorf("%q: token %q: has it: %v, matches: %v, exact: %v; words %q", query, token, has, matches, exact, searchWords(u, u.detail()))
		}
		if n := len(SearchTokens(u)); n > maxAllWords*15+maxAllWords*(maxAllWords-1)/2+2*(15+12)+2+4+4 {
			t.Errorf("%d tokens", n)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{"ada", 1648596712000001, "U1", 1648596712}.String())
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
