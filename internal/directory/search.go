package directory

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWords bounds the words that a user is found by, and so the index entries.
	maxWords = 12
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
	for _, w := range words(text) {
		if len(found) < maxQueryWords && !slices.Contains(found, w) {
			found = append(found, w)
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(w string) bool {
		return slices.ContainsFunc(found, func(other string) bool { return other != w && strings.HasPrefix(other, w) })
	})
}

// SearchWords returns the words that u is found by: those of real name, display
// name, username, email and title. In scripts that put no spaces between words
// one begins with every character. The fields take turns, so that a long name
// does not keep anybody from being found by username or email.
func SearchWords(u User) []string {
	var fields [][]string
	for _, field := range []string{u.RealName, u.DisplayName, u.Name, u.Email, u.Title} {
		fields = append(fields, wordStarts(field))
	}
	var found []string
	for i := 0; slices.ContainsFunc(fields, func(f []string) bool { return i < len(f) }); i++ {
		for _, f := range fields {
			if i < len(f) && len(found) < maxWords && !slices.Contains(found, f[i]) {
				found = append(found, f[i])
			}
		}
	}
	return found
}

// wordStarts returns the words of a field, at most [maxWords] of them.
func wordStarts(field string) (all []string) {
	for _, w := range words(field) {
		starts := []string{w}
		if unspaced(w) {
			starts = suffixes(w)
		}
		for _, w := range starts {
			if len(all) == maxWords {
				return all
			}
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}

// SearchPrefixes returns every beginning of every word that u is found by.
func SearchPrefixes(u User) []string {
	var all []string
	for _, w := range SearchWords(u) {
		all = slices.AppendSeq(all, prefixes(w, maxWordLetters))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SearchTokens returns the tokens under which an index lists u: every beginning of
// every word and, for every two words, the first two letters of each.
func SearchTokens(u User) []string {
	tokens, all := SearchPrefixes(u), SearchWords(u)
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

// Token returns the most selective token for the words of f, and whether everybody
// who has it matches. It is empty if f has no words.
func (f Filter) Token() (token string, exact bool) {
	switch len(f.Words) {
	case 0:
		return "", true
	case 1:
		return f.Words[0], true
	}
	longest := slices.Clone(f.Words)
	slices.SortStableFunc(longest, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	if p, ok := pair(longest[0], longest[1]); ok {
		return p, len(f.Words) == 2 && len(p) == len(longest[0])+1+len(longest[1])
	}
	return longest[0], false
}

// pair returns the token of two words. A word of one letter gives none, because too
// many people would have it.
func pair(v, w string) (token string, ok bool) {
	p, q := firstLetters(v, pairLetters), firstLetters(w, pairLetters)
	ok = utf8.RuneCountInString(p) == pairLetters && utf8.RuneCountInString(q) == pairLetters
	return min(p, q) + " " + max(p, q), ok
}

// matchesWords reports whether each word of f is the beginning of one of u's.
func (f Filter) matchesWords(u User) bool {
	if len(f.Words) == 0 {
		return true
	}
	all := SearchWords(u)
	for _, w := range f.Words {
		if !slices.ContainsFunc(all, func(has string) bool { return strings.HasPrefix(has, w) }) {
			return false
		}
	}
	return true
}

// words folds text, splits it and cuts what is too long.
func words(text string) (all []string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) { // folding removes it and would join two words
			return ' '
		}
		return r
	}, text)
	for w := range strings.FieldsFuncSeq(Fold(text), func(r rune) bool {
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

func suffixes(w string) (all []string) {
	for i, r := range w {
		if !unicode.IsMark(r) {
			all = append(all, w[i:])
		}
	}
	return all
}
