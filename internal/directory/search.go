package directory

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall/internal/emoji"
)

const (
	// maxWords bounds the words of names, e-mail address and title that a user is found by.
	maxWords = 24
	// maxStatusWords and maxMoreWords are separate limits, for the status and for custom fields
	// and the like, so that neither crowds out any other words.
	maxStatusWords = 12
	maxMoreWords   = 24
	// maxInner bounds for each of the three the characters within words at which a search may begin too,
	// see [unspaced].
	maxInner = 12
	// maxAllWords bounds all of them, and maxNamed the people whom custom fields name, because Firestore takes at most
	// 40,000 index entries for a document.
	maxAllWords = 64
	maxNamed    = 100
	// maxQueryWords bounds a query.
	maxQueryWords = 8
	// maxWordLetters is how many letters of a word are indexed.
	maxWordLetters = 15
	// pairLetters is how many letters of each word make up the token of a pair.
	pairLetters = 2
)

// ParseQuery splits a search into words for [Filter]: folded, without words that are
// the beginning of another.
func ParseQuery(text string) []string {
	var found []string
	for _, w := range words(webPrefix.ReplaceAllString(text, "")) {
		w = lastDigits(w)
		if len(found) < maxQueryWords && !slices.Contains(found, w) {
			found = append(found, w)
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(w string) bool {
		return slices.ContainsFunc(found, func(other string) bool { return other != w && strings.HasPrefix(other, w) })
	})
}

// searchWords returns the words that u is found by: those of real name, display
// name, username, email and title, then those of the status, then those of the time zone's place,
// pronouns, Skype name, start date and custom fields. The fields take turns, so that a long name does not
// keep anybody from being found by username or email. In scripts without spaces between words, a word begins
// at every character: these beginnings come after all whole words.
//
// A status counts until the next write, even if it has expired meanwhile.
func searchWords(u User, d detail) (found []string) {
	groups := []struct {
		limit int
		texts []string
	}{
		{maxWords, []string{u.RealName, u.DisplayName, u.Name, u.Email, u.Title}},
		{maxStatusWords, []string{u.StatusText, u.StatusEmoji, emoji.Parse(u.StatusEmoji, nil).Text}},
		{maxMoreWords, moreTexts(u, d)},
	}
	for _, g := range groups {
		found = inTurn(found, g.limit, words, g.texts)
	}
	for _, g := range groups {
		found = inTurn(found, min(maxInner, maxAllWords-len(found)), innerStarts, g.texts)
	}
	return found
}

// inTurn adds at most n words of texts, which take turns.
func inTurn(found []string, n int, split func(text string) []string, texts []string) []string {
	limit := len(found) + n
	fields := make([][]string, len(texts))
	for i, text := range texts {
		fields[i] = split(text)
	}
	for i := 0; slices.ContainsFunc(fields, func(f []string) bool { return i < len(f) }); i++ {
		for _, f := range fields {
			if len(found) == limit {
				return found
			}
			if i < len(f) && !slices.Contains(found, f[i]) {
				found = append(found, f[i])
			}
		}
	}
	return found
}

// innerStarts returns what follows each character within the words of scripts without spaces.
func innerStarts(text string) (all []string) {
	for _, w := range words(text) {
		if unspaced(w) {
			all = append(all, suffixes(w)[1:]...)
		}
	}
	return all
}

// SearchPrefixes returns every beginning of every word that u is found by, and what u is
// found by as a whole: codes, labels and the values of custom fields.
func SearchPrefixes(u User) []string {
	d := u.detail()
	return searchPrefixes(u, d, searchWords(u, d))
}

func searchPrefixes(u User, d detail, words []string) []string {
	all := append(searchCodes(u, d, words), fieldTokens(d.fields)...)
	for _, w := range words {
		all = slices.AppendSeq(all, prefixes(w, maxWordLetters))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SearchTokens returns the tokens under which an index lists u: [SearchPrefixes] and, for
// every two words, the first two letters of each.
func SearchTokens(u User) []string {
	d := u.detail()
	all := searchWords(u, d)
	tokens := searchPrefixes(u, d, all)
	for i, w := range all {
		for _, other := range all[:i] {
			if p, ok := pair(w, other); ok {
				tokens = append(tokens, p)
			}
		}
	}
	slices.Sort(tokens)
	return slices.Compact(tokens)
}

// Terms returns f's words and fields as entries in an index of [SearchPrefixes]. A user
// matches f if the index has all of them for the user.
func (f Filter) Terms() []string {
	all := slices.Clone(f.Words)
	for _, field := range f.Fields {
		all = append(all, field.token())
	}
	return all
}

// Token returns the most selective token for the words and fields of f, and whether
// everybody who has it matches. It is empty if f has neither.
func (f Filter) Token() (token string, exact bool) {
	alone := len(f.Words)+len(f.Fields) <= 1
	byLength := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
	words := slices.DeleteFunc(slices.Clone(f.Words), isLabel) // no pair has them, and many people do
	if len(words) == 0 {
		words = slices.Clone(f.Words)[:min(len(f.Words), 1)]
	}
	slices.SortStableFunc(words, byLength)
	fields := slices.SortedStableFunc(slices.Values(f.Fields), func(a, b FieldFilter) int {
		return cmp.Or(compareBool(isCode(b.key()), isCode(a.key())), byLength(a.key(), b.key()))
	})
	if len(fields) > 0 && isCode(fields[0].key()) { // few people have the same manager
		return fields[0].token(), alone
	}
	// No pair contains a code, see [searchCodes].
	if i := slices.IndexFunc(words, isCode); i >= 0 {
		return words[i], alone
	}
	if len(words) > 1 {
		if p, ok := pair(words[0], words[1]); ok {
			return p, len(f.Words) == 2 && len(fields) == 0 && len(p) == len(words[0])+1+len(words[1])
		}
		return words[0], false
	}
	switch {
	case len(words) == 0 && len(fields) == 0:
		return "", true
	case len(words) == 0, len(fields) > 0 && len(fields[0].key()) > len(words[0]):
		return fields[0].token(), alone
	}
	return words[0], alone
}

// pair returns the token of two words. A word of one letter gives none, because too
// many people would have it.
func pair(v, w string) (token string, ok bool) {
	p, q := firstLetters(v, pairLetters), firstLetters(w, pairLetters)
	ok = utf8.RuneCountInString(p) == pairLetters && utf8.RuneCountInString(q) == pairLetters
	return min(p, q) + " " + max(p, q), ok
}

// matchesWords reports whether each word of f is the beginning of one of u's, or one of u's codes.
func (f Filter) matchesWords(u User) bool {
	if len(f.Words) == 0 {
		return true
	}
	d := u.detail()
	words := searchWords(u, d)
	codes := searchCodes(u, d, words)
	for _, w := range f.Words {
		if !slices.Contains(codes, w) && !slices.ContainsFunc(words, func(has string) bool { return strings.HasPrefix(has, w) }) {
			return false
		}
	}
	return true
}

// words folds text, splits it and cuts what is too long. A number in groups is one word.
func words(text string) (all []string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) { // folding removes it and would join two words
			return ' '
		}
		return r
	}, text)
	for w := range strings.FieldsFuncSeq(joinDigits(Fold(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !unicode.Is(unicode.So, r)
	}) {
		all = append(all, firstLetters(w, maxWordLetters))
	}
	return all
}

func firstLetters(w string, n int) string {
	for i := range w {
		if n == 0 {
			return w[:i]
		}
		n--
	}
	return w
}

// prefixes yields the beginnings of w, up to n letters.
func prefixes(w string, n int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range w {
			if i > 0 && !yield(w[:i]) || n == 0 {
				return
			}
			n--
		}
		if n >= 0 {
			yield(w)
		}
	}
}

// unspaced reports whether w has letters of a script that is written without spaces.
func unspaced(w string) bool {
	return strings.ContainsFunc(w, func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	})
}

// suffixes returns w and what follows each of its characters.
func suffixes(w string) (all []string) {
	for i, r := range w {
		if i == 0 || !unicode.IsMark(r) {
			all = append(all, w[i:])
		}
	}
	return all
}
