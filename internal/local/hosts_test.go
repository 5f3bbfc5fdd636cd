package local

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/pubsub"
)

// ask sends a request with any Host, and returns the status.
func ask(t *testing.T, method, address, host, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestRebinding: another site whose name resolves to this machine can neither read people nor start a sync.
func TestRebinding(t *testing.T) {
	r := start(t, Options{ChangeInterval: time.Hour})
	address := r.address(t)
	eventually(t, patience, "people are listed", func() bool { return len(listed(t, address)) == 250 })
	for _, path := range []string{"/", "/users.json", "/status", "/events"} {
		if status, body := ask(t, http.MethodGet, address+path, "evil.example:8080", ""); status != http.StatusMisdirectedRequest || strings.Contains(body, "<tr") {
			t.Errorf("GET %s: %d %.100q", path, status, body)
		}
	}
	if status, _ := ask(t, http.MethodPost, address+"/sync", "evil.example:8080", "", "Sec-Fetch-Site", "same-origin"); status != http.StatusMisdirectedRequest {
		t.Errorf("a sync: %d", status)
	}
	if status, _ := ask(t, http.MethodPost, address+"/slack/events", "", "{}", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("an event from another site: %d", status)
	}
	if status, body := ask(t, http.MethodPost, address+"/sync", "", "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden || !strings.Contains(body, "<h1>") {
		t.Errorf("a sync from another site: %d %.100q", status, body)
	}
	if status, _ := ask(t, http.MethodPost, address+"/api/users.list", "", "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a call of the API from another site: %d", status)
	}
	if status, _ := ask(t, http.MethodGet, address+"/", strings.Replace(address[len("http://"):], "127.0.0.1", "localhost", 1), ""); status != http.StatusOK {
		t.Errorf("as localhost: %d", status)
	}
}

// TestPushPort: the push port refuses other sites, and everybody who does not know its path.
func TestPushPort(t *testing.T) {
	endpoint := make(chan string, 1)
	o := Options{ChangeInterval: time.Hour, Out: io.Discard, Config: config.Local{Project: "p", LogLevel: slog.LevelError}}
	o.pushing = func(t pubsub.Topology) { endpoint <- t.PushEndpoint }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	const message = `{"message":{"messageId":"1","data":"eyJvcGVyYXRpb24iOiJpbnNlcnQiLCJ0ZWFtX2lkIjoiVDEiLCJ1c2VyIjp7ImlkIjoiVTEifSwidmVyc2lvbiI6MTEsInNvdXJjZSI6ImV2ZW50In0="}}`
	secret := <-endpoint
	base, path, _ := strings.Cut(strings.TrimPrefix(secret, "http://"), "/")
	if len(path) < 26 {
		t.Errorf("the path %q can be guessed", path)
	}
	for _, tt := range []struct {
		name, address, host, site string
		status                    int
	}{
		{"by guess", "http://" + base + "/", "", "", http.StatusNotFound},
		{"by guess of a topic", "http://" + base + "/projects/p/topics/t", "", "", http.StatusNotFound},
		{"from another site", secret, "", "cross-site", http.StatusForbidden},
		{"under another name", secret, "evil.example", "", http.StatusMisdirectedRequest},
		{"from Pub/Sub", secret, "", "", http.StatusOK},
	} {
		header := []string{"Content-Type", "text/plain"}
		if tt.site != "" {
			header = append(header, "Sec-Fetch-Site", tt.site)
		}
		if status, _ := ask(t, http.MethodPost, tt.address, tt.host, message, header...); status != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, status, tt.status)
		}
	}
}
