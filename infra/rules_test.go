package infra_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"rollcall/internal/emulator"
)

// TestRules: the rules that Terraform deploys refuse client SDKs and not services. The emulator takes rules
// for a project, and "owner" for a service's identity (Firebase's page "Connect your app to the Cloud Firestore Emulator").
func TestRules(t *testing.T) {
	base := "http://" + emulator.Firestore(t).Host
	send := func(method, path, token, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	type file struct {
		Name    string `json:"name"`
		Content string `json:"content"`
	}
	rules, err := json.Marshal(map[string]any{"rules": map[string]any{"files": []file{{"firestore.rules", read(t, "firestore.rules")}}}})
	if err != nil {
		t.Fatal(err)
	}
	const project = "/v1/projects/rules-test"
	if status := send(http.MethodPut, "/emulator"+project+":securityRules", "", string(rules)); status != http.StatusOK {
		t.Fatalf("the emulator refuses the rules: %d", status)
	}
	const user = project + "/databases/(default)/documents/workspaces/T1/users/U1"
	for _, tt := range []struct {
		who, method, path, token string
		want                     int
	}{
		{"a service writes", http.MethodPatch, user, "owner", http.StatusOK},
		{"a service reads", http.MethodGet, user, "owner", http.StatusOK},
		{"a client reads", http.MethodGet, user, "", http.StatusForbidden},
		{"a client writes", http.MethodPatch, user, "", http.StatusForbidden},
		{"a client lists", http.MethodGet, project + "/databases/(default)/documents/workspaces/T1/users", "", http.StatusForbidden},
	} {
		if got := send(tt.method, tt.path, tt.token, "{}"); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.who, got, tt.want)
		}
	}
}
