package service

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"testing"
)

// FuzzTrace: whatever a stranger says of its trace, a log line stays one line of JSON.
func FuzzTrace(f *testing.F) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	f.Add("00-"+trace+"-b7ad6b7169203331-01", "")
	f.Add("", trace+"/1;o=1")
	f.Add(`00-","severity":"ERROR`, "\n{}")
	valid := regexp.MustCompile(`^projects/p/traces/[0-9a-f]{32}$`)
	f.Fuzz(func(t *testing.T, w3c, google string) {
		var out bytes.Buffer
		r := withTrace(&http.Request{Header: http.Header{"Traceparent": {w3c}, "X-Cloud-Trace-Context": {google}}})
		NewLogger(&out, slog.LevelInfo, "p").InfoContext(r.Context(), "x", "said", w3c)
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Fatalf("%s: %v", &out, err)
		}
		if got, ok := line["logging.googleapis.com/trace"]; ok && !valid.MatchString(got.(string)) {
			t.Errorf("trace %v", got)
		}
	})
}
