package ui

import (
	"net/url"
	"regexp"
	"strconv"
	"time"

	"rollcall/internal/ijson"
)

// field is a value in Slack's object and its path, such as "profile.title".
type field struct {
	Path, Value string
	Link        string    // if the value is an address that is safe to open
	Time        time.Time // if the value is one
}

// timeNames are the names of Slack's fields that hold Unix seconds.
var timeNames = regexp.MustCompile(`(^|_)(updated|created|ts|time|expiration|expires|expiry|date)$`)

// The seconds that are taken for a time. Slack began in 2013.
var (
	firstSecond = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// fields flattens Slack's object, unknown fields included, sorted by name and without blank values. A time of 0 is none.
func fields(slack ijson.Object) (all []field) {
	var walk func(path, name string, v ijson.Value)
	inside := func(path string, o ijson.Object) {
		for _, m := range o {
			walk(path+m.Name, m.Name, m.Value)
		}
	}
	walk = func(path, name string, v ijson.Value) {
		switch {
		case v == "null" || v == `""` || v == "0" && timeNames.MatchString(name):
		case v[0] == '{':
			inside(path+".", v.Object())
		case v[0] == '[':
			for i, item := range v.Items() {
				walk(path+"["+strconv.Itoa(i)+"]", name, item)
			}
		case v[0] == '"':
			text := v.String()
			all = append(all, field{Path: path, Value: text, Link: safeLink(text)})
		default:
			f := field{Path: path, Value: string(v)}
			if n := v.Int(); n >= firstSecond && n < lastSecond && timeNames.MatchString(name) {
				f.Time = time.Unix(n, 0).UTC()
			}
			all = append(all, f)
		}
	}
	inside("", slack)
	return all
}

// safeLink returns the address if it is safe to link to, otherwise "".
func safeLink(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
