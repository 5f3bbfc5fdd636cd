package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"rollcall/internal/e2e/system"
)

// TestOneLineAMessage: with K_SERVICE set, as on Cloud Run, the worker writes one line for each message and
// nothing else. The Functions Framework would add two empty lines of its own.
func TestOneLineAMessage(t *testing.T) {
	work := system.Run(t, filepath.Join(system.Build(t, "worker"), "worker"), "K_SERVICE=worker", "GOOGLE_CLOUD_PROJECT=lines",
		"FIRESTORE_EMULATOR_HOST=127.0.0.1:1", "PUBSUB_EMULATOR_HOST=127.0.0.1:1") // no message here reaches them
	const messages = 20
	for range messages {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, work.Address, strings.NewReader(`{"message":{"messageId":"1","data":""}}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", answer.StatusCode)
		}
	}
	work.Stop(t)
	lines := map[string]int{}
	for line := range strings.Lines(work.Output.String()) {
		var entry struct{ Message string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		lines[entry.Message]++
	}
	if lines["not applied"] != messages || lines["listening"] != 1 || lines["draining"] != 1 || len(lines) != 3 {
		t.Errorf("lines are %v:\n%s", lines, work.Output)
	}
}
