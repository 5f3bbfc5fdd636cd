package webhook

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"

	"rollcall/internal/directory"
	"rollcall/internal/slack"
)

// FuzzEvents: every signed body is answered 200 or 400, and the worker can decode every message
// that is published.
func FuzzEvents(f *testing.F) {
	const user = `"event_ts":"1648596712.000001","user":{"id":"U1","name":"ada"}}`
	for _, body := range []string{
		`{"type":"url_verification","challenge":"<abc>"}`, `{"type":"app_rate_limited","team_id":"T1"}`, `{}`, `null`,
		event(`{"type":"team_join",` + user), event(`{"type":"user_change",` + user), event(`{"type":"user_status_changed",` + user),
		event(`{"type":"message","user":"U1"}`), event(`{"type":"user_change","user":{"ID":"../x"},"User":[]}`),
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p := &publisher{}
		w := httptest.NewRecorder()
		New(slack.NewVerifier(secret), p, "", slog.New(slog.DiscardHandler)).ServeHTTP(w, signed(body))
		if w.Code != 200 && w.Code != 400 || w.Code == 400 && len(p.published) > 0 {
			t.Errorf("status %d, published %d", w.Code, len(p.published))
		}
		if w.Code == 200 && !json.Valid([]byte(body)) {
			t.Error("what is not JSON was accepted")
		}
		for _, c := range p.published {
			data, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := directory.DecodeChange(data); err != nil {
				t.Errorf("the worker would refuse %s: %v", data, err)
			}
		}
	})
}
