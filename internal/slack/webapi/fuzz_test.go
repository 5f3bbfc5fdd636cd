package webapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"rollcall/internal/directory"
)

// roundTrip stands in for Slack.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswer: no answer causes a panic or reveals the token, and each user in it is decoded or refused.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"ok":true,"members":[{"id":"U1","profile":{"fields":null}},null,7],"response_metadata":{"next_cursor":"x"}}`,
		`{"ok":false,"error":"ratelimited"}`, `{"ok":false,"error":"invalid_cursor"}`, `{"ok":true,"members":{}}`, `null`, `<html>`,
	} {
		f.Add(200, "1", body)
	}
	f.Add(429, "-1", "")
	f.Add(503, "99999999999999999999", "{}")
	const token = "xoxb-0123456789-secret"
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		c := New("http://slack.invalid/api", token, slog.New(slog.DiscardHandler))
		c.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		var answer struct {
			Members []json.RawMessage `json:"members"`
		}
		if err := c.callOnce(t.Context(), "users.list", nil, &answer); err != nil {
			if strings.Contains(c.describe("users.list", err).Error(), token) && !strings.Contains(body, token) {
				t.Error("the error reveals the token")
			}
			return
		}
		for _, user := range answer.Members {
			if u, err := directory.FromListing("T1", user); err == nil && directory.ValidateID("id", u.ID) != nil {
				t.Errorf("%q was taken", u.ID)
			}
		}
	})
}
