package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// TokenStore is the part of the contract that is about the API's tokens.
type TokenStore interface {
	// PutToken creates or replaces the token with that hash.
	PutToken(ctx context.Context, t tokens.Token) error
	// Token returns the token with that hash, or [directory.ErrNotFound].
	Token(ctx context.Context, hash string) (tokens.Token, error)
	// Tokens returns all tokens, the oldest first.
	Tokens(ctx context.Context) ([]tokens.Token, error)
}

func testTokens(t *testing.T, s Store) {
	if all, err := s.Tokens(t.Context()); len(all) > 0 || err != nil {
		t.Errorf("none: %v, error %v", all, err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	_, one, err := tokens.New("one", []string{"T1", "T2"}, []string{tokens.UsersRead, tokens.ChangesRead}, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, two, err := tokens.New("two", []string{"T1"}, tokens.Scopes, now.Add(-time.Second), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []tokens.Token{one, two} {
		if err := s.PutToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	one.RevokedAt = now.Add(time.Minute)
	if err := s.PutToken(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	all, err := s.Tokens(t.Context())
	if diff := cmp.Diff([]tokens.Token{two, one}, all); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	got, err := s.Token(t.Context(), one.Hash)
	if diff := cmp.Diff(one, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := s.Token(t.Context(), tokens.Hash("rct_unknown")); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}
