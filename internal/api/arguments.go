package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall/internal/directory"
)

const (
	// maxBody and maxArguments bound what strangers send. The server bounds the URL.
	maxBody      = 64 << 10
	maxArguments = 64
	// maxLimit is Slack's own limit for a page.
	maxLimit = 1000
)

// arguments are a call's arguments and its token.
type arguments struct {
	token  string
	values map[string]string
}

// arguments reads them from the query and the body, which wins. The token comes in the header or in
// a form. It is never read from a URL, because servers along the way log those.
func (h *handler) arguments(w http.ResponseWriter, r *http.Request) (arguments, error) {
	a := arguments{values: map[string]string{}}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !a.add(query) {
		return a, errArguments
	}
	delete(a.values, "token")
	if r.Method == http.MethodPost {
		body, room, err := h.bodies.Read(w, r)
		if err != nil {
			return a, refusedBody(err)
		}
		defer room.Release()
		if err := a.addBody(r.Header.Get("Content-Type"), body); err != nil {
			return a, err
		}
	}
	a.token = a.values["token"]
	delete(a.values, "token")
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return a, errInvalidAuth
		}
		a.token = strings.TrimSpace(token)
	}
	return a, nil
}

func (a *arguments) addBody(contentType string, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return errPostType
	case mediaType == "application/json":
		return a.addJSON(body)
	case mediaType == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil || !a.add(form) {
			return errFormData
		}
		return nil
	}
	return errPostType
}

// add adds the first value of each name, and reports whether all of them are valid.
func (a *arguments) add(values url.Values) bool {
	if len(values) > maxArguments {
		return false
	}
	for name, all := range values {
		if !utf8.ValidString(name) || !utf8.ValidString(all[0]) {
			return false
		}
		a.values[name] = all[0]
	}
	return true
}

// addJSON adds an object's members. Like Slack, it ignores a token there.
func (a *arguments) addJSON(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var given map[string]any
	if err := d.Decode(&given); err != nil {
		if _, other := errors.AsType[*json.UnmarshalTypeError](err); other {
			return errJSONNotObject
		}
		return errJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errJSON
	}
	if given == nil {
		return errJSONNotObject
	}
	if len(given) > maxArguments {
		return errArguments
	}
	delete(given, "token")
	for name, value := range given {
		text, ok := textOf(value)
		if !ok {
			return errArguments
		}
		if value != nil {
			a.values[name] = text
		}
	}
	return nil
}

// textOf returns a JSON value as a form would send it, with commas between a list's items.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case []any:
		var all []string
		for _, item := range v {
			text, isText := item.(string)
			if !isText {
				return "", false
			}
			all = append(all, text)
		}
		return strings.Join(all, ","), true
	}
	return "", false
}

// is reports whether a flag is set, as Slack's SDKs set it.
func (a arguments) is(name string) bool { return a.values[name] == "true" || a.values[name] == "1" }

// list returns the parts between commas, none for an empty argument.
func (a arguments) list(name string) (all []string) {
	for one := range strings.SplitSeq(a.values[name], ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// limit returns the argument limit, 0 for none. Slack treats a limit of 0 as none.
func (a arguments) limit() (int, error) {
	text := a.values["limit"]
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 || limit > maxLimit {
		return 0, errLimit
	}
	return limit, nil
}

// maxSeconds is in the year 9999, the last one that databases and JSON can represent.
const maxSeconds = 253402300799

// time returns an argument in the form of Slack's timestamps: seconds since 1970, with up to
// six decimals. It is zero for an empty one.
func (a arguments) time(name string) (time.Time, error) {
	text := a.values[name]
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	seconds, micros, _ := strings.Cut(text, ".")
	if !digits(seconds, 12) || !digits("0"+micros, 7) {
		return time.Time{}, errArguments
	}
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s > maxSeconds {
		return time.Time{}, errArguments
	}
	us, err := strconv.ParseInt((micros + "000000")[:6], 10, 64)
	if err != nil {
		return time.Time{}, errArguments
	}
	return time.UnixMicro(s*1_000_000 + us).UTC(), nil
}

func digits(text string, most int) bool {
	return len(text) > 0 && len(text) <= most && strings.Trim(text, "0123456789") == ""
}

// cursor returns where users.list continues from, nil for the beginning.
func (a arguments) cursor() (*directory.Cursor, error) {
	if a.values["cursor"] == "" {
		return nil, nil
	}
	c, err := directory.ParseCursor(a.values["cursor"])
	if err != nil {
		return nil, errCursor
	}
	return &c, nil
}
