package directory

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWords bounds what a user is found by, and with it the entries in the index.
	maxWords = 12
	// maxQueryWords bounds a query.
	maxQueryWords = 8
	// maxWordLetters is how many letters of a word count.
	maxWordLetters = 15
	// pairLetters are how many letters of each word make the token of two words.
	pairLetters = 2
)

// ParseQuery returns the words of what somebody searches for, as [Filter] wants
// them: folded, and without those that others begin with.
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

// SearchTokens returns what an index holds of u so that [Filter.Token] finds u:
// every beginning of every word, and of every two words the first two letters.
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

// Token returns the one token that tells most about the words searched for, and
// whether all who have it match; empty if there are no words.
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

// pair is the token of two words. Where one has a single letter there is none: too many would have it.
func pair(v, w string) (token string, ok bool) {
	p, q := firstLetters(v, pairLetters), firstLetters(w, pairLetters)
	ok = utf8.RuneCountInString(p) == pairLetters && utf8.RuneCountInString(q) == pairLetters
	return min(p, q) + " " + max(p, q), ok
}

// matchesWords says whether each word begins one of u's.
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
		if unicode.IsControl(r) { // folding would join what a line's end parts
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

// prefixes yields the beginnings of w of at most n letters.
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

// unspaced tells words of scripts that are written without spaces.
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
