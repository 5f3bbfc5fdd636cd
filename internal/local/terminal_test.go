package local

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall/internal/config"
	"rollcall/internal/fakeslack"
	"rollcall/internal/terminal"
)

// TestWorkspaceName: a workspace's name cannot control the terminal that shows a sync's progress.
func TestWorkspaceName(t *testing.T) {
	w := fakeslack.New(fakeslack.Options{TeamID: "T0REAL", Name: "Acme\x1b]0;owned\x07\u202e", People: 20, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	r := start(t, Options{Terminal: true, Config: config.Local{BotTokens: []config.Secret{config.Secret(w.Options().BotToken)}, APIURL: server.URL + "/api/"}})
	eventually(t, patience, "the sync's outcome is printed", func() bool { return strings.Contains(r.out.String(), "20 inserted") })
	out := strings.ReplaceAll(r.out.String(), terminal.ClearLine, "")
	if strings.ContainsAny(out, "\x1b\x07\u202e") || !strings.Contains(out, `Acme\u001b]0;owned\u0007\u202e: `) {
		t.Errorf("it wrote %q", out)
	}
}
