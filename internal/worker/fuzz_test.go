package worker

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/store/sqlite"
)

// FuzzPush: every push is applied or refused without an error of the store,
// and only a valid change is acknowledged.
func FuzzPush(f *testing.F) {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	for _, data := range []string{
		`{"operation":"insert","team_id":"T1","user":{"id":"U1","name":"ada"},"version":10,"source":"event","event_id":"Ev1"}`,
		`{"operation":"update","team_id":"T1","user":{"id":"U1","profile":{"title":"x"}},"version":11,"source":"event"}`,
		`{"operation":"update","team_id":"T1","user":{"id":"U404"},"version":11,"source":"sync"}`,
		`{"operation":"delete","team_id":"T1","user":{"id":"U1"},"version":12,"source":"sync"}`,
		`{"operation":"upsert"}`,
	} {
		body, err := push.Message{ID: "1", Data: []byte(data), Subscription: "projects/p/subscriptions/s", DeliveryAttempt: 1}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"message":{"message_id":"1"}}`))
	h := New(store, History{}, time.Minute, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		valid := false
		if m, err := push.Decode(body); err == nil {
			_, err = directory.DecodeChange(m.Data)
			valid = err == nil
		}
		switch w.Code {
		case http.StatusOK, http.StatusConflict:
			if !valid {
				t.Errorf("status %d", w.Code)
			}
		case http.StatusBadRequest:
			if valid {
				t.Error("a valid change was refused")
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}
