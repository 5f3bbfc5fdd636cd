package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rollcall/internal/emulator"
	"rollcall/internal/store/firestore"
	"rollcall/internal/tokens"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// TestTokens: a token is printed alone and once, is stored as a hash, is listed and can be revoked.
func TestTokens(t *testing.T) {
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	project := fmt.Sprintf("tokens-%d", os.Getpid())
	run := func(code int, args ...string) (out, err string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		p := Program{In: strings.NewReader(""), Out: &stdout, Err: &stderr, Environ: []string{"GOOGLE_CLOUD_PROJECT=" + project}}
		if got := p.Run(t.Context(), append([]string{"rollcallctl", "tokens"}, args...)); got != code {
			t.Fatalf("%v: exit code %d, want %d: %s%s", args, got, code, &stdout, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	if out, _ := run(0, "list"); out != "no tokens\n" {
		t.Errorf("list: %q", out)
	}
	create := []string{"create", "--name", "payroll", "--workspace", "T1", "--workspace", "T2", "--scopes", "users:read,changes:read", "--expires", "30d"}
	text, _ := run(0, create...)
	if text = strings.TrimSuffix(text, "\n"); !tokens.CanBe(text) || strings.ContainsAny(text, " \n") {
		t.Errorf("standard output: %q", text)
	}
	store, err := firestore.Open(context.WithoutCancel(t.Context()), project, "rollcall-api")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored, err := store.Token(t.Context(), tokens.Hash(text))
	if err != nil || stored.Name != "payroll" || len(stored.Workspaces) != 2 || stored.Has(tokens.UsersRead) == stored.Has(tokens.EmailRead) ||
		time.Until(stored.ExpiresAt).Round(24*time.Hour) != 30*24*time.Hour {
		t.Errorf("stored %+v, error %v", stored, err)
	}
	if out, _ := run(0, "list"); !strings.Contains(out, "payroll  valid  T1,T2       users:read,changes:read") || strings.Contains(out, text) {
		t.Errorf("list: %s", out)
	}
	if _, said := run(1, create...); !strings.Contains(said, "there is a valid token") {
		t.Errorf("twice: %s", said)
	}
	if _, said := run(1, "revoke", "--name", "payroll"); !strings.Contains(said, errNotConfirmed.Error()) {
		t.Errorf("not confirmed: %s", said)
	}
	run(0, "revoke", "--name", "payroll", "--yes")
	if stored, err := store.Token(t.Context(), tokens.Hash(text)); err != nil || !stored.Revoked() {
		t.Errorf("after revoke: %+v, error %v", stored, err)
	}
	run(1, "revoke", "--name", "payroll", "--yes")
	run(0, create...) // the name is free again
	for _, args := range []string{
		"create --name a --workspace T1 --scopes users:write", "create --name a --workspace ../x --scopes users:read", "create --name a --workspace T1 --scopes users:read --expires soon",
		"create --name a --workspace T1 --scopes users:read --expires 0d", "create --name -a --workspace T1 --scopes users:read", "create", "revoke", "list all",
	} {
		run(2, strings.Fields(args)...)
	}
}

func TestExpiry(t *testing.T) {
	now := time.Now()
	if got, err := expiry(now, "never"); !got.IsZero() || err != nil {
		t.Errorf("never: %v, error %v", got, err)
	}
	for _, text := range []string{"", "90", "d", "-1d", "1.5d", "36501d", "90h"} {
		if _, err := expiry(now, text); err == nil || errors.Is(err, errNotConfirmed) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
