package sqlite

import (
	"context"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// PutToken creates or replaces the token with that hash.
func (s *Store) PutToken(ctx context.Context, t tokens.Token) error {
	return s.putDocument(ctx, t, `INSERT INTO tokens (document, hash) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document`, t.Hash)
}

// Token returns the token with that hash, or [directory.ErrNotFound].
func (s *Store) Token(ctx context.Context, hash string) (tokens.Token, error) {
	all, err := documents[tokens.Token](ctx, s, 1, `SELECT document FROM tokens WHERE hash = ?`, hash)
	if err != nil {
		return tokens.Token{}, err
	}
	if len(all) == 0 {
		return tokens.Token{}, directory.ErrNotFound
	}
	return all[0], nil
}

// Tokens returns all tokens, the oldest first.
func (s *Store) Tokens(ctx context.Context) ([]tokens.Token, error) {
	return documents[tokens.Token](ctx, s, 0, `SELECT document FROM tokens ORDER BY document ->> 'created_at'`)
}
