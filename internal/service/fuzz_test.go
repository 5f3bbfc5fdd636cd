package service

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

// FuzzTrace: whatever trace a stranger sends, a log line stays one line of JSON.
func FuzzTrace(f *testing.F) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	f.Add("00-" + trace + "-b7ad6b7169203331-01")
	f.Add(`00-","severity":"ERROR`)
	f.Add("\n{}")
	valid := regexp.MustCompile(`^projects/p/traces/[0-9a-f]{32}$`)
	f.Fuzz(func(t *testing.T, said string) {
		var out bytes.Buffer
		Traced(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			NewLogger(&out, slog.LevelInfo, "p").InfoContext(r.Context(), "x", "said", said)
		})).ServeHTTP(httptest.NewRecorder(), &http.Request{Header: http.Header{"Traceparent": {said}}})
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Fatalf("%s: %v", &out, err)
		}
		if got, ok := line["logging.googleapis.com/trace"]; ok && !valid.MatchString(got.(string)) {
			t.Errorf("trace %v", got)
		}
	})
}
