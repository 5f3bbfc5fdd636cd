package directory

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A code is a word that a user is found by only as a whole: an id, or a part of a
// telephone number. Codes are not indexed in pairs of words, so if a word of a search
// looks like one, the index is asked for that word alone.

const (
	// minCode is how many letters a code has at least. The last digits of a telephone
	// number are one, because people know each other's extensions.
	minCode = 4
	// minJoined is how many digits a number in groups has at least. Shorter ones stay apart.
	minJoined = 6
	// numberEnd is how many of a longer number's last digits a search uses, so that a number
	// is found with and without its country code, whichever is stored.
	numberEnd = 8
)

var (
	// webPrefix is not indexed: every link begins with it.
	webPrefix = regexp.MustCompile(`(?i)\bhttps?://`)
	// grouped are digits in groups, such as a telephone number or a date, in folded text.
	grouped = regexp.MustCompile(`\+?\(?\d[\d\s().\-/\p{Pd}]*\d`)
	// idShape matches Slack's user ids, folded.
	idShape = regexp.MustCompile(`^[uw][a-z0-9]{8,}$`)
)

// isCode reports whether a folded word looks like a code.
func isCode(w string) bool {
	return utf8.RuneCountInString(w) >= minCode && strings.ContainsAny(w, "0123456789") || idShape.MatchString(w)
}

// searchCodes returns the labels and codes of u: the id, the ids that custom fields name, and parts
// of the telephone number and of other long numbers among its words.
func searchCodes(u User, d detail, found []string) (codes []string) {
	codes = labels(u, d)
	for _, id := range append([]string{u.ID}, namedBy(d.fields)...) {
		if code := firstLetters(Fold(id), maxWordLetters); isCode(code) {
			codes = append(codes, code)
		}
	}
	for _, number := range numbers(words(u.Phone)) {
		for n := minCode; n < min(len(number), numberEnd); n++ { // an extension
			codes = append(codes, number[len(number)-n:])
		}
		codes = append(codes, typed(number)...)
	}
	for _, number := range numbers(found) {
		if len(number) > numberEnd {
			codes = append(codes, typed(number)...)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// moreTexts returns the texts that u is found by besides names, e-mail address, title and status. Ids
// that do not look like codes count as words.
func moreTexts(u User, d detail) []string {
	var texts, ids []string
	for _, v := range d.fields {
		if people := v.People(); len(people) > 0 {
			ids = append(ids, people...)
			continue
		}
		texts = append(texts, strings.TrimSpace(v.Alt+" "+webPrefix.ReplaceAllString(v.Value, "")))
	}
	for _, id := range append([]string{u.ID}, ids...) {
		if !isCode(Fold(id)) {
			texts = append(texts, id)
		}
	}
	_, place := placeOf(u.TZ)
	return append([]string{place, d.pronouns, d.skype, d.startDate}, texts...)
}

// A label is a word that many people share, apart from their names: a badge, the region of a time zone, the
// day and the month of a date. It is found only as a whole and is never in a pair, so that names keep a selective index:
// "as patel" does not have to look at everybody in Asia.

var (
	months  = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	regions = []string{"africa", "america", "antarctica", "arctic", "asia", "atlantic", "australia", "europe", "indian", "pacific"} // IANA's
	badges  = map[Kind][]string{Admin: {"admin"}, Owner: {"owner"}, Guest: {"guest"}, SingleChannelGuest: {"single", "channel", "guest"}, Bot: {"bot"}, External: {"external"}, Forgotten: {"forgotten"}}
)

const deactivatedBadge = "deactivated"

// isLabel reports whether a folded word may be a label.
func isLabel(w string) bool {
	day, err := strconv.Atoi(w)
	return err == nil && day >= 1 && day <= 31 || w == deactivatedBadge || slices.Contains(months, w) || slices.Contains(regions, w) ||
		slices.Contains(slices.Concat(slices.Collect(maps.Values(badges))...), w)
}

// labels returns u's labels.
func labels(u User, d detail) []string {
	all := slices.Clone(badges[u.Kind])
	if u.Deleted {
		all = append(all, deactivatedBadge)
	}
	if region, _ := placeOf(u.TZ); region != "" {
		all = append(all, region)
	}
	dates := []string{d.startDate}
	for _, v := range d.fields {
		dates = append(dates, v.Value)
	}
	for _, text := range dates {
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			all = append(all, strconv.Itoa(day.Day()), months[day.Month()-1])
		}
	}
	return all
}

// placeOf splits a time zone like Europe/Berlin into the folded region and the rest. Zones like UTC have no region.
func placeOf(zone string) (region, place string) {
	first, rest, _ := strings.Cut(zone, "/")
	if region = Fold(first); !slices.Contains(regions, region) {
		return "", zone
	}
	return region, rest
}

// namedBy returns the ids of the people whom the values name, at most [maxNamed].
func namedBy(values []FieldValue) (ids []string) {
	for _, v := range values {
		ids = append(ids, v.People()...)
	}
	return ids[:min(len(ids), maxNamed)]
}

// numbers returns the words that are long enough to be telephone numbers.
func numbers(words []string) (all []string) {
	for _, w := range words {
		if len(w) >= minJoined && strings.Trim(w, "0123456789") == "" {
			all = append(all, w)
		}
	}
	return all
}

// typed returns what a search looks for as somebody types the number, digit by digit.
func typed(number string) (all []string) {
	for n := minJoined; n <= len(number); n++ {
		all = append(all, lastDigits(number[:n]))
	}
	return all
}

// lastDigits cuts a long number to the digits that a search uses. Other words stay as they are.
func lastDigits(w string) string {
	if len(w) > numberEnd && strings.Trim(w, "0123456789") == "" {
		return w[len(w)-numberEnd:]
	}
	return w
}

// joinDigits makes one word of digits in groups, so that "+44 (0)20 7946-0018" is found
// however somebody groups it. It drops a long number's leading zeros: they stand for the country.
func joinDigits(text string) string {
	if strings.Count(digitsOnly(text), "")-1 < minJoined {
		return text
	}
	return grouped.ReplaceAllStringFunc(text, func(group string) string {
		digits := digitsOnly(strings.ReplaceAll(group, "(0)", ""))
		if len(digits) < minJoined {
			return group
		}
		if short := strings.TrimLeft(digits, "0"); len(short) >= minJoined {
			return short
		}
		return digits
	})
}

func digitsOnly(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
